//! Shell commands: quoting, and running them in a namespace.
//!
//! The commands are those of the article that the project starts from: iproute2's long words and iptables' long options.

use crate::model::names::Ns;
use std::borrow::Cow;

/// A command line, each word quoted where a shell needs it.
pub fn line<S: AsRef<str>>(words: &[S]) -> String {
    let mut words = words.iter().map(AsRef::as_ref);
    // A first word with `=` in it would be an assignment.
    let program = words.next().map(|word| if word.contains('=') { shell_words::quote(word) } else { quoted(word) });
    program.into_iter().chain(words.map(quoted)).collect::<Vec<_>>().join(" ")
}

/// The arguments of a command, likewise.
pub fn args<S: AsRef<str>>(words: &[S]) -> String {
    words.iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,+@%=".contains(c);
    if !word.is_empty() && word.chars().all(plain) { Cow::Borrowed(word) } else { shell_words::quote(word) }
}

/// `command`, run in `ns`.
pub fn in_ns(ns: &Ns, command: &str) -> String {
    match ns {
        Ns::Host => command.to_owned(),
        Ns::Named(name) => format!("ip netns exec {name} {command}"),
    }
}
