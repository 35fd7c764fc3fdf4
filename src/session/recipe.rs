//! A recipe that was read and checked, with the engine that runs it.

use super::{Failure, Input};
use crate::kernel::fake::{FakeKernel, Programs};
use crate::lab::{Lab, Listener};
use crate::model::error::OpResult;
use crate::model::names::LabName;
use crate::script::{Config, Param, Print, Recipe, Session, limits};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;

/// A recipe with the engine that runs it. It begins on the kernel in memory, where it can be rehearsed;
/// [`perform`](LoadedRecipe::perform) runs it on another lab.
pub struct LoadedRecipe {
    session: Session,
    lab: Rc<RefCell<Lab>>,
    programs: Programs,
    recipe: Recipe,
    given: Vec<(String, String)>,
}

/// What a recipe says about itself.
#[derive(Debug)]
pub struct About {
    /// The comment at its head.
    pub doc: String,
    /// Its parameters.
    pub params: Vec<Param>,
}

impl LoadedRecipe {
    /// Reads and checks a recipe for a lab of this name.
    pub fn load(name: &LabName, input: &Input, print: Print) -> Result<LoadedRecipe, Failure> {
        LoadedRecipe::of(&input.text()?, name, input, print)
    }

    /// Checks a recipe's text.
    pub fn of(text: &str, name: &LabName, input: &Input, print: Print) -> Result<LoadedRecipe, Failure> {
        let programs = Programs::default();
        let mut lab = Lab::new(name.clone(), Box::new(FakeKernel::noting(&programs)), None);
        lab.deny(&input.deny);
        let lab = Rc::new(RefCell::new(lab));
        let session = interpreter(&lab, input, print);
        match session.load_as(&input.recipe, text) {
            Ok(recipe) => Ok(LoadedRecipe { session, lab, programs, recipe, given: input.values() }),
            Err(error) => Err(Failure { error, sources: session.sources().clone() }),
        }
    }

    /// Runs the recipe in memory, and calls `listener` for what would happen.
    pub fn rehearse(&self, listener: Listener) -> Result<(), Failure> {
        self.lab.borrow_mut().listen(listener);
        self.run()
    }

    /// Runs the recipe on another lab, and gives that back.
    pub fn perform(&self, lab: Lab) -> (Lab, Result<(), Failure>) {
        // What was rehearsed takes more space than what is made.
        let none = Lab::new(lab.name().clone(), Box::new(FakeKernel::new()), None);
        drop(self.lab.replace(lab));
        let result = self.run();
        (self.lab.replace(none), result)
    }

    fn run(&self) -> Result<(), Failure> {
        self.session.run(&self.recipe).map_err(|error| Failure { error, sources: self.session.sources().clone() })
    }

    /// The programs that the recipe has run so far in a rehearsal.
    pub fn programs(&self) -> BTreeSet<String> {
        self.programs.borrow().clone()
    }

    /// The recipe's parameters with their values, as a user would write them.
    pub fn values(&self) -> Vec<(String, String)> {
        let value = |param: &Param| {
            let given = self.given.iter().rev().find(|(name, _)| *name == param.name);
            given.cloned().or_else(|| Some((param.name.clone(), param.default.clone()?)))
        };
        self.recipe.params().iter().filter_map(value).collect()
    }

    /// What the recipe says about itself.
    pub fn about(&self) -> About {
        About { doc: self.recipe.doc(self.session.sources()), params: self.recipe.params().to_vec() }
    }
}

/// An engine for a lab with what it is given. What is printed in a rehearsal is kept quiet: it would be made of made-up
/// observations.
pub fn interpreter(lab: &Rc<RefCell<Lab>>, input: &Input, print: Print) -> Session {
    let real = Rc::clone(lab);
    let config = Config {
        params: input.params.iter().cloned().collect(),
        module_path: input.module_path.clone(),
        max_operations: input.max_operations.unwrap_or(limits::OPERATIONS),
        print: Rc::new(move |text| {
            if !real.try_borrow().is_ok_and(|lab| lab.is_rehearsal()) {
                print(text);
            }
        }),
    };
    Session::new(Rc::clone(lab), config)
}

/// What a recipe says about itself, without running it.
pub fn describe(name: &LabName, input: &Input) -> Result<About, Failure> {
    LoadedRecipe::load(name, input, Rc::new(|_| {})).map(|recipe| recipe.about())
}

/// An engine that reads recipes and runs none.
pub fn reader(module_path: Vec<PathBuf>) -> OpResult<Session> {
    let lab = Lab::new(LabName::new("check")?, Box::new(FakeKernel::new()), None);
    let config = Config { module_path, print: Rc::new(|_| {}), ..Config::default() };
    Ok(Session::new(Rc::new(RefCell::new(lab)), config))
}
