//! The functions that a text can call: an engine that runs nothing else need not know more, and is made in less time then.

use rhai::{FUNC_TO_DEBUG, FUNC_TO_STRING, OP_CONTAINS};
use std::collections::HashSet;

/// Names of functions.
#[derive(Debug, Clone)]
pub enum Names {
    /// Every one.
    All,
    /// These, and all operators.
    These(HashSet<String>),
}

/// What is called without its name: by the operator `in`, by templates, and by those that show values.
const UNNAMED: [&str; 5] = [OP_CONTAINS, FUNC_TO_STRING, FUNC_TO_DEBUG, "print", "debug"];

impl Names {
    /// The words of a text. All where they do not tell: what it imports has more, and `Fn` makes a function of any string.
    pub fn of(text: &str) -> Names {
        let words = text.split(|c: char| !is_letter(c)).chain(UNNAMED);
        let words: HashSet<String> = words.map(str::to_owned).collect();
        if ["import", "Fn"].iter().any(|word| words.contains(*word)) { Names::All } else { Names::These(words) }
    }

    /// Whether it is among them. A property's name is that of its function without `get$`.
    pub fn has(&self, name: &str) -> bool {
        let Names::These(words) = self else { return true };
        let word = name.strip_prefix("get$").or_else(|| name.strip_prefix("set$")).unwrap_or(name);
        !word.chars().all(is_letter) || words.contains(word)
    }
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_what_it_may_call() {
        let names = Names::of("let a = netns(\"a\");\nprint(`${a.attach(bridge(\"b\"))}`); // and up");
        for name in ["netns", "attach", "bridge", "up", "get$up", "+="].into_iter().chain(UNNAMED) {
            assert!(names.has(name), "{name}");
        }
        for name in ["veth", "get$len", "sleep"] {
            assert!(!names.has(name), "{name}");
        }
    }

    #[test]
    fn where_the_words_do_not_tell_it_is_all() {
        for text in ["import \"std/topology\" as t; t::star(3);", "let f = Fn(\"net\" + \"ns\"); f.call(\"a\");"] {
            assert!(Names::of(text).has("veth"), "{text}");
        }
    }
}
