//! Every function of the language and every recipe that the project shows, none of them chosen by hand: they run on
//! the kernel in memory, and leave nothing, whatever fails.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod fakes;
mod recipes;
mod source;

use recipes::{Shown, examples, fences, files, on_big_stack};
use rhailab::kernel::fake::FakeKernel;
use rhailab::ops::{self, FnKind};
use std::collections::BTreeSet;

/// What is run in memory, with a failure at every change: all but the benchmark's recipes, which are large and made
/// of the same calls.
fn rehearsed() -> Vec<Shown> {
    [examples(), fences("README.md"), files("scripts")].into_iter().flatten().collect()
}

#[test]
fn every_recipe_is_well_formed() {
    on_big_stack(|| {
        for shown in rehearsed().iter().chain(&files("benches/recipes")) {
            shown.check();
        }
    });
}

#[test]
fn every_recipe_runs_in_memory_and_unwinding_leaves_nothing() {
    on_big_stack(|| {
        for shown in rehearsed() {
            let run = shown.rehearse(FakeKernel::new());
            if let Err(error) = &run.result {
                panic!("{}: {error}\n{}", shown.title, shown.text);
            }
            // The second time there is nothing to undo, and that is no failure.
            for time in ["once", "twice"] {
                let left = run.lab.borrow_mut().unwind();
                assert!(left.is_empty(), "{}, undone {time}: {left:?}", shown.title);
                assert!(run.fake.borrow().is_bare(), "{}, undone {time}: {:#?}", shown.title, run.fake.borrow());
            }
        }
    });
}

#[test]
fn a_failure_at_any_change_of_any_recipe_is_an_error_and_leaves_nothing() {
    on_big_stack(|| {
        let mut injected = 0;
        for shown in rehearsed() {
            let total = shown.rehearse(FakeKernel::new()).lab.borrow().next_number() - 1;
            for n in 1..=total {
                let run = shown.rehearse(FakeKernel::failing_at(n));
                let title = format!("{}, which fails at change {n}", shown.title);
                match &run.result {
                    Ok(()) => assert!(catches(&shown.text), "{title}: no error\n{}", shown.text),
                    Err(error) => {
                        assert_eq!(
                            error.0.cause.as_deref().map(|cause| cause.contains("injected fault")),
                            Some(true),
                            "{title}: {error:?}"
                        );
                        assert!(error.0.site.is_some() && error.0.command.is_some(), "{title}: {error:?}");
                        assert!(error.0.leftovers.is_empty(), "{title}: {:?}", error.0.leftovers);
                    }
                }
                let left = run.lab.borrow_mut().unwind();
                assert!(left.is_empty() && run.fake.borrow().is_bare(), "{title}: {left:?} {:#?}", run.fake.borrow());
                injected += 1;
            }
        }
        println!("{injected} failures");
        assert!(injected > 300, "{injected} failures only");
    });
}

/// Whether a recipe deals with errors itself.
fn catches(text: &str) -> bool {
    text.contains("catch")
}

#[test]
fn every_function_is_documented_once() {
    let mut seen = BTreeSet::new();
    for def in ops::all() {
        let title = def.signature();
        let on = match def.kind {
            FnKind::Free => String::new(),
            FnKind::InNs => "netns".to_owned(),
            FnKind::Method(ty) | FnKind::Property(ty) => ty.name(),
        };
        let count = (def.required()..=def.params.len()).map(|count| (on.clone(), def.name, count));
        for form in count {
            assert!(seen.insert(form), "{title}: there is another function for these arguments");
        }
        assert!(def.details.is_empty() || def.details.ends_with(['.', '`']), "{title}: details are sentences");
        let codes: BTreeSet<&str> = def.errors.iter().map(|error| error.code).collect();
        assert_eq!(codes.len(), def.errors.len(), "{title}: an error is documented twice");
    }
}
