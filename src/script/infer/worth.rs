//! What can be known of a value.

use super::Shape;
use rhai::Dynamic;

/// What is known of one value.
#[derive(Debug, Clone, Default)]
pub struct Worth {
    /// Its type.
    pub shape: Shape,
    /// Whether it cannot be of another type.
    pub is_certain: bool,
    /// Itself.
    pub value: Option<Dynamic>,
}

impl Worth {
    /// A value of a type, about which nothing else is known.
    pub fn of(shape: Shape) -> Worth {
        Worth { is_certain: shape != Shape::Unknown, shape, value: None }
    }

    /// A value that may be of this type.
    pub fn guess(shape: Shape) -> Worth {
        Worth { shape, is_certain: false, value: None }
    }

    pub(super) fn constant(shape: Shape, value: impl Into<Dynamic>) -> Worth {
        Worth { shape, is_certain: true, value: Some(value.into()) }
    }

    /// The type, where it cannot be another.
    pub fn certain(&self) -> Option<&Shape> {
        Some(&self.shape).filter(|_| self.is_certain)
    }

    /// The same, as far as it is small: a text that doubles itself, or a list or map that holds itself twice, would grow with
    /// every line.
    pub(super) fn bounded(self) -> Worth {
        if self.shape.rest_of(MOST).is_none() {
            return Worth::default();
        }
        Worth { value: self.value.filter(|value| rest_of(MOST, value).is_some()), ..self }
    }
}

/// How many bytes and items are kept of one value: more than any function takes.
const MOST: usize = 1 << 14;

/// What a value leaves of so many bytes and items.
fn rest_of(left: usize, value: &Dynamic) -> Option<usize> {
    let left = left.checked_sub(value.as_immutable_string_ref().map_or(1, |text| text.len()))?;
    value.as_array_ref().map_or(Some(left), |items| items.iter().try_fold(left, rest_of))
}
