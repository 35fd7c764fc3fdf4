//! Definition files (`.d.rhai`), which Rhai's own tools read to know what a script can call.
//!
//! Their form is that of `Engine::definitions` (<https://rhai.rs/book/engine/metadata/definitions.html>): declarations
//! with their comments, under a header that says which module they are in.

use super::stdlib;
use super::syntax::parse;
use crate::ops::{self, FnDef, FnKind, Ty};

/// The files, by name: one for the language, and one for each module of the standard library.
pub fn files() -> Vec<(String, String)> {
    let mut files = vec![("rhailab.d.rhai".to_owned(), language())];
    files.extend(stdlib::MODULES.iter().map(|(path, text)| {
        let name = path.rsplit('/').next().unwrap_or(path);
        (format!("{name}.d.rhai"), module(name, text))
    }));
    files
}

/// Every function, once for each number of arguments it takes.
fn language() -> String {
    let mut out = String::from("module static;\n");
    for def in ops::all() {
        let this = match def.kind {
            FnKind::Free => vec![None],
            FnKind::InNs => vec![None, Some(Ty::Ns)],
            FnKind::Method(ty) | FnKind::Property(ty) => vec![Some(ty)],
        };
        for this in this {
            for count in def.required()..=def.params.len() {
                out.push('\n');
                out.push_str(&comment(def));
                out.push_str(&declaration(def, this, count));
            }
        }
    }
    out
}

/// What an editor shows of a function.
fn comment(def: &FnDef) -> String {
    let mut lines = vec![def.summary.to_owned()];
    if !def.details.is_empty() {
        lines.extend([String::new(), def.details.to_owned()]);
    }
    lines.push(String::new());
    for param in def.params.iter().filter(|param| !matches!(param.ty, Ty::Options(_))) {
        lines.push(format!("* `{}`: {}", param.name, param.doc));
    }
    for option in def.options() {
        lines.push(format!(
            "* option `{}`: {}, {}; else {}",
            option.name,
            option.ty.name(),
            option.doc,
            option.default
        ));
    }
    if lines.last().is_some_and(|line| !line.is_empty()) {
        lines.push(String::new());
    }
    lines.push("```rhai".to_owned());
    lines.extend(def.example.lines().map(str::to_owned));
    lines.push("```".to_owned());
    lines.iter().map(|line| if line.is_empty() { "///\n".to_owned() } else { format!("/// {line}\n") }).collect()
}

fn declaration(def: &FnDef, this: Option<Ty>, count: usize) -> String {
    let this = this.map(|ty| format!("this_{}: {}", plain(ty), name(ty)));
    let params = def.params.iter().take(count).map(|param| format!("{}: {}", param.name, takes(param.ty)));
    let params: Vec<String> = this.into_iter().chain(params).collect();
    let get = if let FnKind::Property(_) = def.kind { "get " } else { "" };
    format!("fn {get}{}({}) -> {};\n", def.name, params.join(", "), name(def.returns))
}

/// A module, from its text.
fn module(name: &str, text: &str) -> String {
    let mut out = format!("module {name};\n");
    for function in parse(text).functions.iter().filter(|function| !function.is_private) {
        out.push('\n');
        out.extend(function.doc.lines().map(|line| format!("/// {line}\n")));
        let params: Vec<String> = function.params.iter().map(|param| format!("{}: ?", param.name)).collect();
        out.push_str(&format!("fn {}({}) -> ?;\n", function.name.name, params.join(", ")));
    }
    out
}

/// A type as a word.
fn plain(ty: Ty) -> String {
    ty.name().replace([' ', '/', ':'], "_")
}

/// What a value of a type is called.
fn name(ty: Ty) -> String {
    match ty {
        Ty::Any => "?".into(),
        Ty::Port => "int".into(),
        Ty::Str | Ty::IfName | Ty::NsName | Ty::ChainName | Ty::Mac | Ty::Endpoint => "String".into(),
        Ty::IfAddr => name(Ty::Ip),
        Ty::List(_) | Ty::Argv => "Array".into(),
        Ty::Map | Ty::Options(_) => "Map".into(),
        Ty::Closure => "Fn".into(),
        other => plain(other),
    }
}

/// What may be given where a type is due: most values can be written as text.
fn takes(ty: Ty) -> String {
    let own = match ty {
        Ty::SubnetOrLink => return format!("{} | {} | String", name(Ty::Subnet), name(Ty::Link)),
        Ty::StrOrSecret => return format!("String | {}", name(Ty::Secret)),
        Ty::Dest => return format!("{} | {} | String", name(Ty::Subnet), name(Ty::Ip)),
        Ty::Duration => return format!("{} | String | int | float", name(ty)),
        Ty::List(item) => return format!("Array | {}", takes(*item)),
        other => name(other),
    };
    let is_text = matches!(ty, Ty::Ns | Ty::Link | Ty::Subnet | Ty::IfAddr | Ty::Ip | Ty::Port | Ty::Rate | Ty::Argv);
    if is_text { format!("{own} | String") } else { own }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_declared_with_its_comment() {
        let files = files();
        let (_, language) = &files[0];
        for wanted in [
            "module static;",
            "fn bridge(name: String) -> link;",
            "fn bridge(this_netns: netns, name: String, options: Map) -> link;",
            "fn get a(this_veth_pair: veth_pair) -> link;",
            "fn addr(this_link: link, address: address | String) -> link;",
            "fn retarget(this_vip: vip, backends: Array | String) -> vip;",
            "/// * option `stp`: bool, run the spanning tree protocol; else false",
        ] {
            assert!(language.contains(wanted), "{wanted}");
        }
        for def in ops::all() {
            assert!(language.contains(&format!(" {}(", def.name)), "{}", def.name);
        }
        for line in language.lines().filter(|line| !line.is_empty() && !line.starts_with("///")).skip(1) {
            let parts = line
                .strip_prefix("fn ")
                .and_then(|line| line.strip_suffix(';'))
                .and_then(|line| line.split_once(") -> "));
            let (_, returns) = parts.unwrap_or_else(|| panic!("{line}"));
            assert!(
                returns == "?" || returns == "()" || returns.chars().all(|c| c.is_alphanumeric() || c == '_'),
                "{line}"
            );
        }
        let (name, topo) = &files[1];
        assert_eq!(name, "topo.d.rhai");
        assert!(
            topo.starts_with("module topo;\n\n/// A star") && topo.contains("fn star(name: ?, n: ?, lan: ?) -> ?;")
        );
    }
}
