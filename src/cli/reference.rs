//! The language reference, made from the functions' definitions.

use super::args::Context;
use super::style::Ink;
use super::told;
use crate::error::{Class, OpError, OpResult, closest};
use crate::ops::{FAMILIES, FnDef, all};
use clap::Args;
use std::io::{Write, stdout};

/// Show what a function of the language does
#[derive(Debug, Args)]
pub struct DocArgs {
    /// The function; all of them in a line each, if none is given
    #[arg(value_name = "FUNCTION")]
    name: Option<String>,
}

/// `reference`: Markdown.
pub fn reference() -> OpResult<i32> {
    told(write!(stdout(), "{}", markdown()))?;
    Ok(0)
}

/// `doc`.
pub fn doc(args: &DocArgs, context: Context) -> OpResult<i32> {
    let style = context.stdout();
    let mut out = stdout().lock();
    let Some(name) = &args.name else {
        for (family, defs) in FAMILIES {
            told(writeln!(out, "{}", style.paint(Ink::Strong, family)))?;
            for def in *defs {
                told(writeln!(out, "  {}  {}", def.signature(), style.paint(Ink::Faint, def.summary)))?;
            }
        }
        return Ok(0);
    };
    let found: Vec<&FnDef> = all().filter(|def| def.name == name).collect();
    if found.is_empty() {
        let error = OpError::new("doc::unknown", format!("There is no function `{name}`.")).class(Class::Usage);
        return Err(match closest(name, all().map(|def| def.name)) {
            Some(near) => error.help(format!("Did you mean `{near}`?")),
            None => error.help("`rhailab doc` lists them all."),
        });
    }
    for def in found {
        told(writeln!(out, "{}", entry(def)))?;
    }
    Ok(0)
}

/// The whole reference.
pub fn markdown() -> String {
    let mut text = "# The language\n\nWritten by `rhailab reference`; do not edit.\n".to_owned();
    for (family, defs) in FAMILIES {
        text.push_str(&format!("\n## {family}\n"));
        for def in *defs {
            text.push_str(&format!("\n{}", entry(def)));
        }
    }
    text
}

/// One function.
fn entry(def: &FnDef) -> String {
    let mut text = format!("### `{}`\n\n{}\n", def.signature(), def.summary);
    if !def.details.is_empty() {
        text.push_str(&format!("\n{}\n", def.details.trim()));
    }
    if !def.params.is_empty() {
        text.push('\n');
    }
    for param in def.params {
        let default = param.default.map_or_else(String::new, |default| format!(" Default: {default}."));
        text.push_str(&format!("- `{}` ({}): {}{default}\n", param.name, param.ty.name(), param.doc));
    }
    for option in def.options() {
        let (name, ty) = (option.name, option.ty.name());
        text.push_str(&format!("  - `{name}` ({ty}): {} Default: {}.\n", option.doc, option.default));
    }
    text.push_str(&format!("\n```rhai\n{}\n```\n", def.example.trim()));
    if !def.errors.is_empty() {
        text.push_str("\nErrors:\n\n");
        for error in def.errors {
            text.push_str(&format!("- `{}`: {}\n", error.code, error.when));
        }
    }
    text
}
