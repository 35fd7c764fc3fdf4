//! The documentation of the language, made from the definitions.

use super::{ANY, Error, FnDef, FnKind, FnParam, Opt, Ty, all, families};
use serde_json::{Value, json};
use std::fmt::Write;

/// The whole reference, in Markdown.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Reference\n\nEvery function, method and property of the language. This page is made from their \
         definitions; do not edit it.\n\n`[netns.]` before a name means that it is a method of a namespace, and \
         alone a function that does the same in `host()`. A `?` after a parameter means that it may be left out. \
         Rhai's own language and functions are described in [the Rhai book](https://rhai.rs/book/).\n\n",
    );
    types(&mut out);
    errors(&mut out);
    for (family, defs) in families() {
        write_line(&mut out, &format!("## {family}\n"));
        for def in *defs {
            function(&mut out, def);
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// What `help("NAME")` shows: every form of a function.
pub fn definition(name: &str) -> Option<String> {
    let forms: Vec<String> = all().filter(|def| def.name == name).map(plain).collect();
    if forms.is_empty() { None } else { Some(forms.join("\n\n")) }
}

/// What `help()` shows: every function in one line.
pub fn summary() -> String {
    let mut out = String::new();
    for (family, defs) in families() {
        write_line(&mut out, &format!("{family}:"));
        for def in *defs {
            write_line(&mut out, &format!("  {:<48} {}", def.signature(), def.summary));
        }
    }
    out.push_str("help(\"NAME\") says more of one.");
    out
}

/// What a program can read of a function.
pub fn json(def: &FnDef) -> Value {
    let (on, kind) = match def.kind {
        FnKind::Free => (None, "function"),
        FnKind::InNs => (Some(Ty::Ns.name()), "function"),
        FnKind::Method(ty) => (Some(ty.name()), "method"),
        FnKind::Property(ty) => (Some(ty.name()), "property"),
    };
    let options = def.params.iter().find_map(|param| match param.ty {
        Ty::Options(options) => Some(options),
        _ => None,
    });
    let positional = def.params.iter().filter(|param| !matches!(param.ty, Ty::Options(_)));
    let params = positional.map(
        |param| json!({ "name": param.name, "type": param.ty.name(), "default": param.default, "doc": param.doc }),
    );
    let options = options.unwrap_or_default().iter().map(
        |option| json!({ "name": option.name, "type": option.ty.name(), "default": option.default, "doc": option.doc }),
    );
    json!({
        "event": "function",
        "name": def.name,
        "kind": kind,
        "on": on,
        "signature": def.signature(),
        "params": params.collect::<Vec<_>>(),
        "options": options.collect::<Vec<_>>(),
        "returns": def.returns.name(),
        "summary": def.summary,
        "details": def.details,
        "example": def.example,
        "errors": def.errors.iter().map(|error| json!({ "code": error.code, "when": error.when })).collect::<Vec<_>>(),
    })
}

fn write_line(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

/// What can be written where a type is due, for the types that this is not plain of, and the error of what cannot.
fn types(out: &mut String) {
    const SHOWN: &[Ty] = &[
        Ty::Ns,
        Ty::NsName,
        Ty::Link,
        Ty::IfName,
        Ty::ChainName,
        Ty::Subnet,
        Ty::Ip,
        Ty::IfAddr,
        Ty::Dest,
        Ty::Endpoint,
        Ty::Port,
        Ty::Mac,
        Ty::Duration,
        Ty::Rate,
        Ty::Argv,
    ];
    out.push_str("## Types\n\n| type | takes | or it fails with |\n| --- | --- | --- |\n");
    for ty in SHOWN {
        let mistakes: Vec<String> = ty.mistakes().iter().map(|code| format!("`{code}`")).collect();
        write_line(out, &format!("| {} | {} | {} |", ty.name(), cell(&ty.accepts()), mistakes.join(", ")));
    }
    out.push('\n');
}

/// What no function lists, because all would.
fn errors(out: &mut String) {
    out.push_str(
        "## Errors\n\nA caught error has a `code`, and so has a report. Each function lists the errors of what it does; \
         those of its arguments are in the table above, and any call can end with one of these:\n\n",
    );
    for Error { code, when } in ANY {
        write_line(out, &format!("- `{code}`: {when}"));
    }
    out.push('\n');
}

fn function(out: &mut String, def: &FnDef) {
    write_line(out, &format!("### `{}`\n\n{}\n", def.signature(), def.summary));
    if !def.details.is_empty() {
        write_line(out, &format!("{}\n", def.details));
    }
    let params: Vec<&FnParam> = def.params.iter().filter(|param| !matches!(param.ty, Ty::Options(_))).collect();
    if !params.is_empty() {
        out.push_str("| parameter | takes | default | |\n| --- | --- | --- | --- |\n");
        for FnParam { name, ty, default, doc } in params {
            let default = default.map_or(String::new(), cell);
            write_line(out, &format!("| `{name}` | {} | {default} | {} |", ty.name(), cell(doc)));
        }
        out.push('\n');
    }
    if !def.options().is_empty() {
        out.push_str("| option | takes | default | |\n| --- | --- | --- | --- |\n");
        for Opt { name, ty, default, doc } in def.options() {
            write_line(out, &format!("| `{name}` | {} | {} | {} |", ty.name(), cell(default), cell(doc)));
        }
        out.push('\n');
    }
    if !def.errors.is_empty() {
        out.push_str("Errors:\n\n");
        for Error { code, when } in def.errors {
            write_line(out, &format!("- `{code}`: {when}"));
        }
        out.push('\n');
    }
    write_line(out, &format!("```rhai\n{}\n```\n", def.example.trim_end()));
}

/// Text that fits into a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A definition for a terminal.
fn plain(def: &FnDef) -> String {
    let mut out = format!("{}\n  {}\n", def.signature(), def.summary);
    if !def.details.is_empty() {
        write_line(&mut out, &format!("  {}", def.details));
    }
    let params = def.params.iter().filter(|param| !matches!(param.ty, Ty::Options(_)));
    let params = params.map(|param| (param.name, param.ty, param.default, param.doc));
    let options = def.options().iter().map(|option| (option.name, option.ty, Some(option.default), option.doc));
    for (title, rows) in [("Parameters", params.collect::<Vec<_>>()), ("Options", options.collect())] {
        if !rows.is_empty() {
            write_line(&mut out, &format!("  {title}:"));
        }
        for (name, ty, default, doc) in rows {
            let default = default.map_or(String::new(), |default| format!(" [default: {default}]"));
            write_line(&mut out, &format!("    {name}: {}  {doc}{default}", ty.name()));
        }
    }
    out.push_str("  Example:\n");
    for line in def.example.trim_end().lines() {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "    {line}");
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_definition_is_well_formed() {
        for def in all() {
            let name = def.name;
            assert!(def.summary.ends_with('.') && !def.summary.contains('\n'), "{name}: one sentence");
            assert!(def.example.contains(name), "{name}: the example uses it");
            assert!(def.example.trim() == def.example, "{name}: the example has no blank around it");
            let docs = def.params.iter().filter(|param| !matches!(param.ty, Ty::Options(_))).map(|param| param.doc);
            let docs = docs.chain(def.options().iter().map(|option| option.doc));
            for doc in docs.chain(def.errors.iter().map(|error| error.when)) {
                assert!(!doc.is_empty() && !doc.ends_with('.'), "{name}: a clause: {doc:?}");
            }
            let mut taken: Vec<&str> = def.params.iter().map(|param| param.name).collect();
            taken.extend(def.options().iter().map(|option| option.name));
            let count = taken.len();
            taken.sort_unstable();
            taken.dedup();
            assert_eq!(taken.len(), count, "{name}: parameters and options have names of their own");
            let first_optional =
                def.params.iter().position(|param| param.default.is_some()).unwrap_or(def.params.len());
            assert_eq!(first_optional, def.required(), "{name}: required parameters come first");
        }
    }

    #[test]
    fn help_knows_every_form_of_a_function() {
        let subnet = definition("subnet").unwrap();
        assert!(subnet.contains("subnet(text: subnet) -> subnet"), "{subnet}");
        assert!(subnet.contains("subnet.subnet(prefix: int, number: int) -> subnet"), "{subnet}");
        assert_eq!(definition("no such"), None);
        assert!(markdown().contains(&format!("### `{}`", "assert(condition: bool, message?: string)")));
    }
}
