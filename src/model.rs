//! Plain data: what the other layers speak of. Nothing here acts, and nothing here imports another layer.

pub mod addr;
pub mod change;
pub mod error;
pub mod family;
pub mod file;
pub mod hook;
pub mod link;
pub mod link_attr;
pub mod mac;
pub mod names;
pub mod netns;
pub mod observe;
pub mod process;
pub mod proto;
pub mod render;
pub mod route;
pub mod rule;
pub mod rules;
pub mod sysctl;
pub mod tag;
pub mod terrain;
