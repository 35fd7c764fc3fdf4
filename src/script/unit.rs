//! The texts that a recipe is made of.

use super::compile::Compiled;
use crate::model::error::Site;
use std::rc::Rc;

/// A text of a recipe, with where it was imported, innermost first.
#[derive(Debug, Clone)]
pub struct Unit {
    /// The text.
    pub compiled: Rc<Compiled>,
    /// The imports that led to it.
    pub via: Vec<(Site, String)>,
}
