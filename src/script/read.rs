//! Reading the text of a recipe or module.

use crate::kernel::read::{self, whole};
use crate::lab::stopped;
use crate::model::error::{Class, OpError, OpResult, closest, io_words};
use std::io::{Error, ErrorKind};
use std::path::Path;

/// How many of a folder's recipes are named.
const NAMED: usize = 5;

/// The longest file that is read, in bytes: nobody writes more, and `/dev/zero` has no end.
const LONGEST: usize = 16 << 20;

/// Reads a file of script text.
pub fn read(path: &Path) -> OpResult<String> {
    let bytes = whole(path, LONGEST).map_err(|error| match error.kind() {
        ErrorKind::Interrupted => stopped(),
        _ => unreadable(path, &error).class(Class::Usage),
    })?;
    text(bytes, &format!("The file `{}`", path.display()))
}

/// Reads script text from standard input.
pub fn standard_input() -> OpResult<String> {
    let bytes = read::standard_input(LONGEST).map_err(|error| match error.kind() {
        ErrorKind::Interrupted => stopped(),
        _ => OpError::new("recipe::unreadable", format!("Standard input cannot be read: {}.", io_words(&error)))
            .help("It takes a recipe, as UTF-8 text.")
            .class(Class::Usage),
    })?;
    text(bytes, "Standard input")
}

fn text(bytes: Vec<u8>, what: &str) -> OpResult<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = bytes.iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        let byte = bytes.get(at).copied().unwrap_or_default();
        OpError::new(
            "recipe::not_utf8",
            format!("{what} is not UTF-8 text: its byte {at}, in line {line}, is 0x{byte:02x}."),
        )
        .help("Recipes are UTF-8; convert it, for example with `iconv -f LATIN1 -t UTF-8`.")
        .class(Class::Usage)
    })
}

fn unreadable(path: &Path, error: &Error) -> OpError {
    let shown = path.display();
    let refuse = |message: String, help: String| OpError::new("recipe::unreadable", message).help(help);
    match error.kind() {
        ErrorKind::IsADirectory => {
            refuse(format!("`{shown}` is a folder, not a recipe."), listed(&recipes(path), "Name a recipe in it"))
        }
        ErrorKind::NotFound => {
            let there = recipes(path.parent().unwrap_or(Path::new("")));
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let near = closest(&name, there.iter().map(String::as_str)).map(str::to_owned);
            let near = near.or_else(|| there.iter().find(|other| **other == format!("{name}.rhai")).cloned());
            let help = match near {
                Some(near) => format!("Did you mean `{}`?", path.with_file_name(near).display()),
                None => listed(&there, "Name a file that is there"),
            };
            refuse(format!("There is no file `{shown}`."), help)
        }
        ErrorKind::FileTooLarge => {
            refuse(format!("`{shown}` is no recipe: {}.", io_words(error)), "Name a file of script text.".into())
        }
        _ => refuse(format!("The file `{shown}` cannot be read."), "Check that you may read it: `ls -l`.".into())
            .cause(io_words(error)),
    }
}

/// The recipes in a folder, by name.
fn recipes(folder: &Path) -> Vec<String> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| Path::new(name).extension().is_some_and(|it| it == "rhai")).collect();
    names.sort();
    names
}

fn listed(names: &[String], what: &str) -> String {
    if names.is_empty() {
        return format!("{what}; recipes end in `.rhai`.");
    }
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > NAMED { ", …" } else { "." };
    format!("{what}: {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_answered_with_one_that_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let help = |name: &str| read(&path(name)).unwrap_err().0.help.unwrap();
        assert_eq!(help("web.rhai"), "Name a file that is there; recipes end in `.rhai`.");
        std::fs::write(path("web.rhai"), "").unwrap();
        assert_eq!(help("wbe.rhai"), format!("Did you mean `{}`?", path("web.rhai").display()));
        assert_eq!(help("web"), format!("Did you mean `{}`?", path("web.rhai").display()));
        assert_eq!(help("other"), "Name a file that is there: `web.rhai`.");
        assert_eq!(help(""), "Name a recipe in it: `web.rhai`.");
        assert_eq!(read(dir.path()).unwrap_err().0.class, Class::Usage);
    }
}
