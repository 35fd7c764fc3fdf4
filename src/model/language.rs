//! Calls of the language, as text: what `:save` writes.

use crate::model::names::{IfName, Ns};

/// What a method of a namespace is called on; nothing for the root.
pub fn of(ns: &Ns) -> String {
    match ns {
        Ns::Host => String::new(),
        Ns::Named(name) => format!("ns({}).", quoted(name.as_str())),
    }
}

/// An interface that is there.
pub fn iface(ns: &Ns, link: &IfName) -> String {
    format!("{}iface({})", of(ns), quoted(link.as_str()))
}

/// A string as Rhai reads it: `\u{…}` of Rust is another escape there, so that only what both know is escaped.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A list of strings.
pub fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", words.map(quoted).collect::<Vec<_>>().join(", "))
}

/// An options map as the last argument; nothing where there are none.
pub fn options(entries: &[(&str, Option<String>)]) -> String {
    let given = entries.iter().filter_map(|(key, value)| Some(format!("{key}: {}", value.as_ref()?)));
    let given: Vec<String> = given.collect();
    if given.is_empty() { String::new() } else { format!(", #{{ {} }}", given.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_text_is_quoted_as_rhai_reads_it() {
        assert_eq!(quoted("a\"b\\c\nd\u{e4}"), "\"a\\\"b\\\\c\\nd\u{e4}\"");
    }
}
