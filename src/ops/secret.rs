//! Text that is never shown.

use super::{Action, Call, Error, FnDef, FnKind, FnParam, Opt, Ty, Value};
use crate::kernel::read::whole;
use crate::model::error::{OpError, OpResult, io_words};
use crate::model::secret::{Secret, Source};
use crate::model::shell::args;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf, absolute};

/// The longest file that is read, in bytes: what a variable can hold (`MAX_ARG_STRLEN`, execve(2)).
const LONGEST: usize = 128 << 10;

/// The family.
pub const DEFS: &[FnDef] = &[FnDef {
    name: "secret",
    kind: FnKind::Free,
    params: &[
        FnParam { name: "name", ty: Ty::Str, default: None, doc: "how placeholders and errors call it: `api_token`" },
        FnParam {
            name: "options",
            ty: Ty::Options(&[
                Opt { name: "env", ty: Ty::Str, default: "its name in capitals", doc: "the variable that it is in" },
                Opt {
                    name: "file",
                    ty: Ty::Str,
                    default: "none",
                    doc: "the file that it is in, which others may not read",
                },
                Opt {
                    name: "text",
                    ty: Ty::Str,
                    default: "none",
                    doc: "the secret itself, for one that the recipe made up",
                },
            ]),
            default: Some("none"),
            doc: "",
        },
    ],
    returns: Ty::Secret,
    summary: "Reads a secret, which is never shown.",
    details: "It is given to programs by `env` of `start`, `exec` and `sh`, and by `stdin` of `exec` and `sh`. Everything \
              else, such as `print`, `-v`, `plan`, `--json`, the journal and errors, shows `<secret: NAME>` in its place; an \
              exported script takes it from the variable. Line ends at the end of a file do not count. A rehearsal \
              (`rhailab plan`) reads neither variables nor files. Let a parameter say which file or variable, and never \
              the secret: everybody on the machine can read the arguments of `-p`.",
    example: r#"let token = secret("token", #{ text: "s3cret" });
assert_eq(`${token}`, "<secret: token>");
let out = exec(["printenv", "TOKEN"], #{ env: #{ TOKEN: token } });
assert_eq(out.stdout, "s3cret\n");"#,
    errors: &[
        Error { code: "secret::name", when: "the name is not of lower-case letters, digits and `_`" },
        Error { code: "secret::source", when: "more than one place is named, or one that no variable can have" },
        Error { code: "secret::missing", when: "it is not there, or is empty" },
        Error { code: "secret::open", when: "everybody on the machine may read its file" },
        Error { code: "secret::text", when: "it is not UTF-8 text, or holds a NUL byte" },
        Error { code: "secret::exists", when: "something that stands has another secret of that name" },
    ],
    run: Action::Op(secret),
}];

fn secret(call: &mut Call<'_>) -> OpResult<Value> {
    let name: String = call.args.req("name")?;
    let (env, file, text): (Option<String>, Option<String>, Option<String>) =
        (call.args.opt("env")?, call.args.opt("file")?, call.args.opt("text")?);
    let (source, option) = match (env, file, &text) {
        (None, None, None) => (Source::Env(name.to_ascii_uppercase()), "name"),
        (Some(variable), None, None) => (Source::Env(variable), "env"),
        // Who reads it again may be in another folder.
        (None, Some(path), None) => (Source::File(absolute(&path).unwrap_or_else(|_| PathBuf::from(path))), "file"),
        (None, None, Some(_)) => (Source::Text, "text"),
        _ => {
            return Err(OpError::new("secret::source", format!("The secret `{name}` cannot be in two places."))
                .help("Give one of `env`, `file` and `text`."));
        }
    };
    let secret = Secret::new(&name, source)?;
    let value = match secret.source() {
        Source::Text => text.map(String::into_bytes),
        // What a rehearsal shows is the same everywhere, and nothing in it needs the value.
        Source::Env(_) | Source::File(_) if call.lab.is_rehearsal() => None,
        Source::Env(variable) => Some(from_env(&name, variable).map_err(|error| error.arg(option))?),
        Source::File(path) => Some(from_file(&name, path).map_err(|error| error.arg(option))?),
    };
    let secret = match value {
        Some(value) => secret.with(checked(&name, value).map_err(|error| error.arg(option))?),
        None => secret,
    };
    call.lab.keep_secret(&secret)?;
    Ok(Value::Secret(secret))
}

fn from_env(name: &str, variable: &str) -> OpResult<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt;
    std::env::var_os(variable).map(OsStringExt::into_vec).ok_or_else(|| {
        let message = format!("The secret `{name}` is to be in the variable `{variable}`, which is not set.");
        OpError::new("secret::missing", message).help(format!(
            "Set it (`export {variable}`), and let sudo pass it on (`sudo --preserve-env={variable}`); or name a file that \
             has it: `#{{ file: \"PATH\" }}`."
        ))
    })
}

/// As programs that take keys do it, such as ssh(1), a file that everybody may read is refused and not just warned of: a
/// warning comes too late.
fn from_file(name: &str, path: &Path) -> OpResult<Vec<u8>> {
    let shown = path.display();
    let unreadable = |error: &std::io::Error| {
        let message = format!("The secret `{name}` cannot be read from {shown}: {}.", io_words(error));
        OpError::new("secret::missing", message).help("Name a file that is there and that you may read.")
    };
    let mode = path.metadata().map_err(|error| unreadable(&error))?;
    if mode.is_file() && mode.permissions().mode() & 0o004 != 0 {
        let message = format!("The file {shown} of the secret `{name}` can be read by everybody on this machine.");
        return Err(OpError::new("secret::open", message)
            .help(format!("Run `chmod o-r {}`, or pass the secret in a variable.", args(&[path.to_string_lossy()]))));
    }
    let mut bytes = whole(path, LONGEST).map_err(|error| unreadable(&error))?;
    let text = bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
    bytes.truncate(text);
    Ok(bytes)
}

/// The value as text that a program can be given.
fn checked(name: &str, value: Vec<u8>) -> OpResult<String> {
    if value.is_empty() {
        return Err(OpError::new("secret::missing", format!("The secret `{name}` is empty.")));
    }
    match String::from_utf8(value) {
        Ok(text) if !text.contains('\0') => Ok(text),
        Ok(_) => Err(OpError::new("secret::text", format!("The secret `{name}` holds a NUL byte."))
            .help("No variable can have that. Encode it, for example with `base64`.")),
        Err(_) => Err(OpError::new("secret::text", format!("The secret `{name}` is not UTF-8 text."))
            .help("Encode it, for example with `base64`.")),
    }
}
