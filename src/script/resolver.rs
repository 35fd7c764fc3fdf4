//! How Rhai's engine finds modules.

use super::context::Context;
use super::convert::handles::Caught;
use super::place::{Raised, site};
use rhai::{Dynamic, Engine, EvalAltResult, Module, ModuleResolver, Position, Shared};
use std::rc::Rc;
use std::sync::Arc;

/// What the engine asks for modules.
pub struct Resolver(pub Rc<Context>);

impl ModuleResolver for Resolver {
    fn resolve(&self, engine: &Engine, source: Option<&str>, path: &str, pos: Position) -> Raised<Shared<Module>> {
        let cx = &self.0;
        let importer: Arc<str> = source.unwrap_or_default().into();
        let place = site(&importer, pos);
        match cx.library.compiled(engine, &cx.sources, &importer, path) {
            Ok(compiled) => cx
                .library
                .evaluate(engine, &compiled)
                .map_err(|error| Box::new(EvalAltResult::ErrorInModule(compiled.source.to_string(), error, pos))),
            Err(mut error) => {
                error.0.site.get_or_insert(place);
                Err(Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(Caught(Rc::new(error))), pos)))
            }
        }
    }
}
