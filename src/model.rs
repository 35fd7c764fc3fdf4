//! Plain data: what the other layers speak of. Nothing here acts, and nothing here imports another layer.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod addr;
pub mod baseline;
pub mod change;
pub mod error;
pub mod explain;
pub mod family;
pub mod file;
pub mod forwarding;
pub mod hook;
pub mod identity;
pub mod kind;
pub mod kinds;
pub mod known;
pub mod language;
pub mod link;
pub mod link_attr;
pub mod link_set;
pub mod mac;
pub mod made;
pub mod names;
pub mod netns;
pub mod object;
pub mod observe;
pub mod process;
pub mod proto;
pub mod question;
pub mod refusal;
pub mod route;
pub mod rule;
pub mod rules;
pub mod secret;
pub mod shell;
pub mod state;
pub mod subject;
pub mod sysctl;
pub mod tag;
