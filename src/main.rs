//! The `rhailab` command.

fn main() {}
