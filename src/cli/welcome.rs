//! `rhailab` without arguments: what it is, what to try, and whether this machine is ready.

use super::args::Context;
use super::doctor;
use super::engine::Ended;
use super::style::Ink;
use super::told;
use std::io::{Write, stdout};

/// A recipe to begin with, as a command.
const FIRST: &str = r#"echo 'netns("web").ping("127.0.0.1");' >first.rhai"#;

/// How wide the commands are.
const WIDTH: usize = FIRST.len();

/// Shows it. The exit code is 3 if no lab can be made here.
pub fn welcome(context: Context) -> Ended {
    let style = context.stdout();
    let strong = |text: &str| style.paint(Ink::Strong, text);
    let mut text = format!(
        "{} builds Linux networks from scripts: namespaces, veth pairs, bridges,\n\
         routes, NAT and virtual IPs. They are real, they are in a sandbox of their\n\
         own, and nothing is left of them.\n\n{}\n",
        strong("rhailab"),
        strong("Try:")
    );
    for (command, what) in [
        (FIRST, "a first recipe"),
        ("rhailab run first.rhai -v", "make it, show how, undo it"),
        ("rhailab plan RECIPE", "only show what it would do"),
        ("rhailab up RECIPE", "make it and leave it up"),
        ("rhailab repl", "make it line by line"),
        ("rhailab doc", "what a recipe can say"),
    ] {
        text.push_str(&format!("  {command:<WIDTH$}  {}\n", style.paint(Ink::Faint, what)));
    }
    let (checks, ready) = doctor::brief(style);
    text.push_str(&format!(
        "\n{}\n{checks}\n`rhailab doctor` says more of it, `rhailab --help` lists all commands.\n",
        strong("This machine:")
    ));
    told(write!(stdout(), "{text}"))?;
    Ok(if ready { 0 } else { 3 })
}
