//! `rhailab manual`: the man page, from the definition of the command line.

use super::Cli;
use super::Ended;
use crate::output::told;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::io::{Result, Write, stdout};

/// `manual`: roff, for man(1).
pub fn print() -> Ended {
    told(page().and_then(|page| stdout().write_all(&page)))?;
    Ok(0)
}

fn page() -> Result<Vec<u8>> {
    let mut command = Cli::command().disable_help_flag(false);
    // Built, so that usage lines name the whole command.
    command.build();
    let man = Man::new(command.clone()).title("RHAILAB").manual("User Commands");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_options_section(&mut page)?;
    writeln!(page, ".SH COMMANDS")?;
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        page.extend(section(subcommand)?);
    }
    writeln!(page, ".SH EXIT STATUS AND ENVIRONMENT")?;
    page.extend(extra(&man)?);
    writeln!(page, ".SH SEE ALSO\n\\fBip\\fR(8), \\fBip\\-netns\\fR(8), \\fBiptables\\fR(8), \\fBnamespaces\\fR(7)")?;
    Ok(page)
}

/// A subcommand as a subsection: what it does, how it is called, and its options.
fn section(subcommand: &Command) -> Result<Vec<u8>> {
    // What every subcommand takes is told once.
    let man = Man::new(subcommand.clone().mut_arg("color", |color| color.hide(true)));
    let mut text = Vec::new();
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut section = format!(".SS \"rhailab {}\"\n", subcommand.get_name().replace('-', "\\-"));
    for line in text.lines() {
        section.push_str(match line.split_once(' ') {
            Some((".SH", _)) => ".PP",
            Some((".ie" | ".el", _)) => continue,
            _ => line,
        });
        section.push('\n');
    }
    let mut section = section.into_bytes();
    section.extend(extra(&man)?);
    Ok(section)
}

/// What a command says at the end of its help, whose lines stay lines.
fn extra(man: &Man) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    man.render_extra_section(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let is_text = |line: &&str| ![".SH", ".ie", ".el"].iter().any(|request| line.starts_with(request));
    let lines: Vec<&str> = text.lines().filter(is_text).collect();
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    Ok(format!(".nf\n{}\n.fi\n", lines.join("\n")).into_bytes())
}
