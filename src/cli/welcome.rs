//! `rhailab` without arguments: what it is, what to try, and whether this machine is ready.

use super::Ended;
use super::doctor;
use crate::output::Printing;
use crate::output::style::Ink;
use crate::output::told;
use std::io::{Write, stdout};

/// A recipe to begin with, as a command.
const FIRST: &str = r#"echo 'netns("web").ping("127.0.0.1");' >first.rhai"#;

/// How wide the commands are.
const WIDTH: usize = FIRST.len();

/// Shows it. The exit code is 3 if no lab can be made here.
pub fn welcome(printing: Printing) -> Ended {
    let style = printing.stdout();
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
        ("rhailab repl", "build one line by line"),
        ("rhailab up RECIPE", "make one and leave it up"),
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
