//! `rhailab` without arguments: what it is, what to try, and whether this machine is ready.

use super::args::Context;
use super::engine::Ended;
use super::style::{Ink, Style};
use super::told;
use crate::lab::sandbox::{self, Outcome, Spec, Verdict};
use std::env;
use std::io::{Write, stdout};
use std::path::PathBuf;

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
        ("rhailab doc", "what a recipe can say"),
    ] {
        text.push_str(&format!("  {command:<WIDTH$}  {}\n", style.paint(Ink::Faint, what)));
    }
    let (checks, ready) = checks(style);
    text.push_str(&format!("\n{}\n{checks}\n`rhailab --help` lists all commands.\n", strong("This machine:")));
    told(write!(stdout(), "{text}"))?;
    Ok(if ready { 0 } else { 3 })
}

/// What was found, and whether a lab can be made.
fn checks(style: Style) -> (String, bool) {
    let mut text = String::new();
    let mut line = |good: bool, what: &str, help: &str| {
        let mark = if good { style.paint(Ink::Made, "ok") } else { style.paint(Ink::Bad, "no") };
        text.push_str(&format!("  {mark}  {what}\n"));
        for help in help.lines() {
            text.push_str(&format!("      {}\n", style.paint(Ink::Faint, help)));
        }
    };
    // Nothing tells as surely whether a sandbox can be made as making one, and it takes two milliseconds.
    let ready = match sandbox::enter(&Spec::default(), |_| Verdict::End(0)) {
        Ok(Outcome::Ended(0)) => {
            line(true, "sandboxes can be made", "");
            true
        }
        Ok(_) => false,
        Err(error) => {
            line(false, &error.0.message, error.0.help.as_deref().unwrap_or_default());
            false
        }
    };
    match find("iptables") {
        Some(path) => line(true, &format!("firewall and NAT rules: {}", path.display()), ""),
        None => line(
            false,
            "firewall and NAT rules need iptables, which is not in PATH",
            "Install it: `apt install iptables`, `dnf install iptables-nft`, `pacman -S iptables-nft` or `apk add iptables`.",
        ),
    }
    (text, ready)
}

/// Where a program is. Ordinary users often lack the folders of administration in their PATH.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}
