//! What a rule is made of: for saying what rules of its kind need.

/// A word of a rule, or an option with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// An option without a value.
    Flag(&'a str),
    /// An option with the name of a target or chain.
    Jump(&'a str, &'a str),
    /// An option with the name of a match or protocol, which is loaded for it.
    Load(&'a str, &'a str),
    /// An option with another value.
    Value(&'a str, &'a str),
}

/// The parts of a rule's words, in order. Words that follow a value are left out.
pub fn outline(words: &[String]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = words.iter().map(String::as_str).peekable();
    while let Some(word) = rest.next() {
        if !word.starts_with('-') {
            continue;
        }
        parts.push(match (word, rest.next_if(|value| !value.starts_with('-'))) {
            (_, None) => Part::Flag(word),
            ("-j" | "--jump" | "-g" | "--goto", Some(value)) => Part::Jump(word, value),
            ("-m" | "--match" | "-p" | "--protocol", Some(value)) => Part::Load(word, value),
            (_, Some(value)) => Part::Value(word, value),
        });
    }
    parts
}
