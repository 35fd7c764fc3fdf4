//! What is known of values before a run: their types, and the values themselves where they are made of constants.
//!
//! Nothing of the machine is known, so a value counts only where it is the same in every run. A type counts as certain
//! where the value cannot be of another one; otherwise it is a guess that completion may make and a check may not.

mod calls;
mod harm;
mod operators;
mod shape;
mod worth;

use super::bindings::{BindingKind, Bindings};
use super::syntax::{Call, Expr, ExprKind, Function, Piece, Statement, StatementKind, Tree};
use crate::ops::{FnKind, Ty};
pub use calls::Meant;
use harm::Harm;
pub use operators::text as text_of;
use rhai::Dynamic;
pub use shape::{Shape, methods_named, methods_of};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
pub use worth::Worth;

/// What is known from elsewhere.
pub trait Elsewhere {
    /// The type of a variable that the text does not declare.
    fn variable(&self, name: &str) -> Option<Shape>;
    /// The type that a module's function returns.
    fn returns(&self, module: &str, function: &str) -> Option<Shape>;
    /// Whether Rhai itself has a function with so many arguments, what it is called on included.
    fn is_native(&self, name: &str, arguments: usize) -> bool;
    /// Whether some text has a method of that name for values of a type of its choice.
    fn is_scripted(&self, method: &str) -> bool;
}

/// What is known in a text.
pub struct Facts<'t> {
    /// The text.
    pub tree: &'t Tree,
    /// Its variables.
    pub bindings: &'t Bindings<'t>,
    elsewhere: &'t dyn Elsewhere,
    /// What is known of variables; nothing of one that is being looked into.
    known: RefCell<BTreeMap<usize, Option<Worth>>>,
    /// The functions whose result is being looked for.
    busy: RefCell<BTreeSet<usize>>,
    /// What is known of calls, by where their names begin. Each asks twice what it is called on, and so on along a chain.
    calls: RefCell<BTreeMap<usize, Worth>>,
    /// How many variables and functions are being looked into.
    depth: Cell<usize>,
    /// Whether something depended on one of them, and may be known better afterwards.
    is_shaky: Cell<bool>,
}

impl<'t> Facts<'t> {
    /// Facts of a text, with nothing found yet.
    pub fn new(tree: &'t Tree, bindings: &'t Bindings<'t>, elsewhere: &'t dyn Elsewhere) -> Facts<'t> {
        Facts {
            tree,
            bindings,
            elsewhere,
            known: RefCell::default(),
            busy: RefCell::default(),
            calls: RefCell::default(),
            depth: Cell::default(),
            is_shaky: Cell::default(),
        }
    }

    /// Looks into a variable or a function. What may be known better afterwards is forgotten then.
    fn inside<T>(&self, look: impl FnOnce() -> T) -> T {
        self.depth.update(|depth| depth + 1);
        let found = look();
        self.depth.update(|depth| depth - 1);
        if self.depth.get() == 0 && self.is_shaky.take() {
            self.calls.borrow_mut().clear();
        }
        found
    }

    /// What is known of an expression.
    pub fn of(&self, expr: &Expr) -> Worth {
        match &expr.kind {
            ExprKind::Unit => Worth::constant(Shape::Is(Ty::Unit), ()),
            ExprKind::Bool(truth) => Worth::constant(Shape::Is(Ty::Bool), *truth),
            ExprKind::Int(number) => Worth::constant(Shape::Is(Ty::Int), *number),
            ExprKind::Float(number) => Worth::constant(Shape::Rhai("float"), *number),
            ExprKind::Str(Some(text)) => Worth::constant(Shape::Is(Ty::Str), text.clone()),
            ExprKind::Str(None) => Worth::of(Shape::Is(Ty::Str)),
            ExprKind::Char => Worth::of(Shape::Rhai("char")),
            ExprKind::Template(pieces) => self.template(pieces).bounded(),
            ExprKind::Name(name) => match self.bindings.at(expr.at.start) {
                Some(binding) => self.binding(binding),
                None => self.elsewhere.variable(name).map(Worth::of).unwrap_or_default(),
            },
            ExprKind::Path { modules, name } => match (modules.as_slice(), self.bindings.at(name.at.start)) {
                // Where several have the name, it is that of them which was declared last before the run came here.
                ([only], Some(binding)) if only.name == "global" && self.constants(&name.name) == 1 => {
                    self.binding(binding)
                }
                _ => Worth::default(),
            },
            ExprKind::Call(call) => {
                let at = call.name.at.start;
                let known = self.calls.borrow().get(&at).cloned();
                known.unwrap_or_else(|| {
                    let worth = self.call(call);
                    self.calls.borrow_mut().insert(at, worth.clone());
                    worth
                })
            }
            ExprKind::Property { on, name } => self.property(on, &name.name),
            ExprKind::Index { on, index } => self.index(on, index),
            ExprKind::List(items) => {
                let items: Vec<Worth> = items.iter().map(|item| self.of(item)).collect();
                let values: Option<Vec<Dynamic>> = items.iter().map(|item| item.value.clone()).collect();
                let shape = Shape::List(Box::new(joined(items).shape));
                Worth { shape, is_certain: true, value: values.map(Dynamic::from) }.bounded()
            }
            ExprKind::Map(entries) => {
                let entries = entries.iter().map(|entry| (entry.key.name.clone(), self.of(&entry.value).shape));
                Worth::of(Shape::Map(entries.collect())).bounded()
            }
            ExprKind::Closure { .. } => Worth::of(Shape::Is(Ty::Closure)),
            ExprKind::Unary { operator, operand } => operators::unary(operator, self.of(operand)),
            ExprKind::Binary { operator, left, right } => {
                operators::binary(operator, &self.of(left), &self.of(right)).bounded()
            }
            ExprKind::Assign { .. } => Worth::of(Shape::Is(Ty::Unit)),
            ExprKind::If { then, otherwise: Some(otherwise), .. } => {
                joined(vec![self.tail(then.tail()), self.of(otherwise)])
            }
            ExprKind::Switch { arms, .. } => joined(arms.iter().map(|(_, value)| self.of(value)).collect()),
            ExprKind::Block(block) => self.tail(block.tail()),
            ExprKind::If { .. } | ExprKind::This | ExprKind::Missing | ExprKind::Statement(_) => Worth::default(),
        }
    }

    /// How many constants have a name.
    fn constants(&self, name: &str) -> usize {
        let is_it = |binding: &&super::bindings::Binding<'_>| {
            binding.ident.name == name && matches!(binding.kind, BindingKind::Const(_))
        };
        self.bindings.all.iter().filter(is_it).count()
    }

    fn tail(&self, tail: Option<&Expr>) -> Worth {
        tail.map_or(Worth::of(Shape::Is(Ty::Unit)), |tail| self.of(tail))
    }

    fn template(&self, pieces: &[Piece]) -> Worth {
        let text = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => Some(text.clone()),
            Piece::Code(block) => operators::text(&self.of(block.tail()?).value?),
        });
        match text.collect::<Option<String>>() {
            Some(text) => Worth::constant(Shape::Is(Ty::Str), text),
            None => Worth::of(Shape::Is(Ty::Str)),
        }
    }

    /// What is known of a variable.
    pub fn binding(&self, at: usize) -> Worth {
        match self.known.borrow().get(&at) {
            Some(Some(known)) => return known.clone(),
            // A variable that depends on itself is not known.
            Some(None) => {
                self.is_shaky.set(true);
                return Worth::default();
            }
            None => {}
        }
        self.known.borrow_mut().insert(at, None);
        let find = || self.bindings.all.get(at).map(|binding| self.found(binding)).unwrap_or_default();
        let worth = self.inside(find);
        self.known.borrow_mut().insert(at, Some(worth.clone()));
        worth
    }

    fn found(&self, binding: &super::bindings::Binding<'t>) -> Worth {
        let mut worth = match binding.kind {
            BindingKind::Let(Some(value)) | BindingKind::Const(Some(value)) => self.of(value),
            BindingKind::Let(None) | BindingKind::Const(None) => {
                let assigned = binding.writes.iter().flatten().map(|value| self.of(value)).collect();
                return Worth::guess(joined(assigned).shape);
            }
            BindingKind::Item(over) => self.item(over),
            BindingKind::Counter => Worth::of(Shape::Is(Ty::Int)),
            BindingKind::Caught => Worth::guess(Shape::Is(Ty::Error)),
            BindingKind::Param | BindingKind::ClosureParam | BindingKind::Import(_) => Worth::default(),
        };
        for write in &binding.writes {
            worth.value = None;
            match write {
                Some(value) => {
                    let other = self.of(value);
                    worth.is_certain &= other.is_certain && other.shape == worth.shape;
                }
                None => worth.is_certain &= matches!(worth.shape, Shape::Is(Ty::Int | Ty::Str)),
            }
        }
        for touch in &binding.touched {
            match self.harm(*touch, &worth.shape) {
                Harm::None => {}
                Harm::Value => worth.value = None,
                Harm::Type => worth = Worth::guess(worth.shape),
            }
        }
        // What is in a list that starts empty is what is put into it.
        if let Shape::List(item) = &mut worth.shape
            && **item == Shape::Unknown
        {
            **item = self.pushed(binding.ident.name.as_str()).unwrap_or_default();
        }
        worth
    }

    /// The type of what is pushed to a list of that name.
    fn pushed(&self, list: &str) -> Option<Shape> {
        let mut found = None;
        super::syntax::each(self.tree, &mut |expr| {
            if let ExprKind::Call(call) = &expr.kind
                && call.name.name == "push"
                && let (Some(ExprKind::Name(name)), [item]) =
                    (call.on.as_ref().map(|on| &on.kind), call.args.as_slice())
                && name == list
                && found.is_none()
            {
                found = Some(self.of(item).shape);
            }
        });
        found
    }

    /// What `for` takes from a value in each round.
    fn item(&self, over: &Expr) -> Worth {
        if let ExprKind::List(items) = &over.kind {
            return Worth { value: None, ..joined(items.iter().map(|item| self.of(item)).collect()) };
        }
        match self.of(over).shape {
            Shape::List(item) => Worth::guess(*item),
            Shape::Rhai("range") => Worth::of(Shape::Is(Ty::Int)),
            Shape::Is(Ty::Str) => Worth::guess(Shape::Rhai("char")),
            _ => Worth::default(),
        }
    }

    fn property(&self, on: &Expr, name: &str) -> Worth {
        let on = self.of(on);
        if let Shape::Map(entries) = &on.shape {
            let entry = entries.iter().find(|(key, _)| key == name);
            return entry.map(|(_, shape)| Worth::guess(shape.clone())).unwrap_or_default();
        }
        let found = methods_named(name, &on.shape).find(|def| matches!(def.kind, FnKind::Property(_)));
        let Some(def) = found else { return Worth::default() };
        let value = on.value.as_ref().and_then(|this| calls::run(def, Some(this), &[]).ok().flatten());
        // Some properties have nothing to give now and then.
        Worth { shape: Shape::of(def.returns), is_certain: on.is_certain && Shape::of(def.returns).is_handle(), value }
    }

    fn index(&self, on: &Expr, index: &Expr) -> Worth {
        match (self.of(on).shape, &index.kind) {
            (Shape::List(item), _) => Worth::guess(*item),
            (Shape::Map(entries), ExprKind::Str(Some(key))) => {
                let entry = entries.into_iter().find(|(name, _)| name == key);
                entry.map(|(_, shape)| Worth::guess(shape)).unwrap_or_default()
            }
            _ => Worth::default(),
        }
    }

    fn call(&self, call: &Call) -> Worth {
        if let [module] = call.modules.as_slice() {
            let path = self.bindings.at(module.at.start).and_then(|at| self.bindings.all.get(at));
            let path = path.and_then(|binding| match binding.kind {
                BindingKind::Import(Expr { kind: ExprKind::Str(Some(path)), .. }) => Some(path.as_str()),
                _ => None,
            });
            let returns = self.elsewhere.returns(path.unwrap_or(&module.name), &call.name.name);
            return returns.map(Worth::guess).unwrap_or_default();
        }
        if let Some((number, function)) = self.own(call) {
            return Worth { value: None, ..self.result(number, function) };
        }
        let on = call.on.as_ref().map(|on| self.of(on));
        let Some(meant) = self.meant(call) else {
            return on.map(|on| shape::native(&on.shape, &call.name.name)).unwrap_or_default();
        };
        let shape = match (meant.def.name, call.args.get(1)) {
            // A parameter is of its default's type.
            ("param", Some(default)) if meant.def.kind == FnKind::Free => match &default.kind {
                ExprKind::Unit => Shape::Unknown,
                _ => self.of(default).shape,
            },
            _ => Shape::of(meant.def.returns),
        };
        let is_certain = meant.is_certain && shape.is_handle();
        Worth { shape, is_certain, value: self.outcome(&meant, call).ok().flatten() }
    }

    /// The script's own function that is called, if it is not one of a module.
    pub fn own(&self, call: &Call) -> Option<(usize, &'t Function)> {
        let is_it = |function: &&Function| function.name.name == call.name.name;
        let mut all = self.tree.functions.iter().enumerate().filter(|(_, function)| is_it(function));
        all.find(|(_, function)| function.params.len() == call.args.len())
    }

    /// What a function of the script returns.
    pub fn result(&self, number: usize, function: &Function) -> Worth {
        if !self.busy.borrow_mut().insert(number) {
            self.is_shaky.set(true);
            return Worth::default();
        }
        let mut all = Vec::new();
        self.inside(|| {
            all.push(self.tail(function.body.tail()));
            super::syntax::each_statement(&function.body, &mut |statement: &Statement| {
                if let StatementKind::Leave { is_return: true, value: Some(value), .. } = &statement.kind {
                    all.push(self.of(value));
                }
            });
        });
        // A function may end in `return`, whose block has no value then.
        if all.len() > 1 {
            all.retain(|worth| worth.shape != Shape::Is(Ty::Unit));
        }
        self.busy.borrow_mut().remove(&number);
        let worth = joined(all);
        Worth::guess(worth.shape)
    }
}

/// The type of what a function of a text returns.
pub fn returns(tree: &Tree, function: &str, elsewhere: &dyn Elsewhere) -> Option<Shape> {
    let (number, function) = tree.functions.iter().enumerate().find(|(_, it)| it.name.name == function)?;
    let bindings = Bindings::of(tree);
    let shape = Facts::new(tree, &bindings, elsewhere).result(number, function).shape;
    Some(shape).filter(|shape| *shape != Shape::Unknown)
}

/// What is known of a value that may be any of these.
fn joined(all: Vec<Worth>) -> Worth {
    let mut all = all.into_iter();
    let Some(first) = all.next() else { return Worth::default() };
    all.fold(Worth { value: None, ..first }, |one, other| {
        let is_same = one.shape == other.shape;
        match (is_same, &one.shape) {
            (true, _) => Worth { is_certain: one.is_certain && other.is_certain, ..one },
            (false, Shape::Unknown | Shape::Is(Ty::Unit)) => Worth::guess(other.shape),
            (false, _) => Worth::guess(one.shape),
        }
    })
}
