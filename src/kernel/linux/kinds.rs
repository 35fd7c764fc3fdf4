//! Kinds of change on this machine. Written by `scripts/kinds.sh` from the files that there are; do not edit.

mod ip_rule;
mod netns;
mod policy;
