//! Plain data: what the other layers speak of. Nothing here acts, and nothing here imports another layer.

pub mod change;
pub mod error;
pub mod names;
pub mod observe;
pub mod render;
pub mod terrain;
