//! `run RECIPE --help`: the command's own help, and the recipe's parameters without running it.

use super::Cli;
use super::Ended;
use super::args::{RecipeArgs, default_name};
use crate::output::Printing;
use crate::output::style::{Ink, Style};
use crate::output::told;
use crate::session::recipe::About;
use crate::session::recipe::describe;
use clap::CommandFactory;
use std::io::{Write, stdout};

/// Prints it.
pub fn show(subcommand: &str, recipe: &RecipeArgs, printing: Printing) -> Ended {
    let Some(word) = &recipe.recipe else { return command_help(subcommand, printing) };
    let about = describe(&default_name(recipe.path()?)?, &recipe.input()?)?;
    let text = text(subcommand, &word.display().to_string(), &about, printing.stdout());
    told(write!(stdout(), "{text}"))?;
    Ok(0)
}

fn command_help(subcommand: &str, printing: Printing) -> Ended {
    let mut command = Cli::command().color(printing.color);
    // Built, so that the usage line names the whole command.
    command.build();
    if let Some(subcommand) = command.find_subcommand_mut(subcommand) {
        told(subcommand.print_help())?;
    }
    Ok(0)
}

fn text(subcommand: &str, path: &str, about: &About, style: Style) -> String {
    let mut text = String::new();
    if !about.doc.is_empty() {
        text.push_str(&format!("{}\n\n", about.doc.trim_end()));
    }
    text.push_str(&format!(
        "{} rhailab {subcommand} {path} [-p NAME=VALUE]… [options]\n\n",
        style.paint(Ink::Strong, "Usage:")
    ));
    if about.params.is_empty() {
        text.push_str("The recipe declares no parameters.\n");
    } else {
        text.push_str(&format!("{}\n", style.paint(Ink::Strong, "Parameters:")));
        let width = about.params.iter().map(|param| param.name.chars().count()).max().unwrap_or(0);
        for param in &about.params {
            let default = match &param.default {
                Some(default) => format!("[{}, default: {default}]", param.ty),
                None => "[required]".to_owned(),
            };
            let default = style.paint(Ink::Faint, &default);
            let doc = if param.doc.is_empty() { String::new() } else { format!("{} ", param.doc) };
            text.push_str(&format!("  {:width$}  {doc}{default}\n", param.name));
        }
    }
    text.push_str(&format!("\n`rhailab {subcommand} --help` lists the options.\n"));
    text
}
