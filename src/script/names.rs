//! The functions that a text can call: an engine that runs nothing else need not know more, and is made in less time then.

use rhai::{FUNC_TO_DEBUG, FUNC_TO_STRING, OP_CONTAINS};

/// Names of functions.
#[derive(Debug, Clone)]
pub enum Names {
    /// Every one.
    All,
    /// These, and all operators.
    These(Box<Words>),
}

/// Words by their first byte, of which more than a few are rare: each function there is looks for its name here.
#[derive(Debug, Clone)]
pub struct Words([Vec<String>; 128]);

/// What is called without its name: by the operator `in`, by templates, and by those that show values.
const UNNAMED: [&str; 5] = [OP_CONTAINS, FUNC_TO_STRING, FUNC_TO_DEBUG, "print", "debug"];

/// What may call functions that no word names: modules, `Fn`, and Rhai's methods of lists that take a function's name.
const TELLS_NOT: [&str; 13] = [
    "import",
    "Fn",
    "all",
    "dedup",
    "drain",
    "filter",
    "index_of",
    "map",
    "reduce",
    "reduce_rev",
    "retain",
    "some",
    "sort",
];

impl Names {
    /// The words of a text, or all where they do not tell.
    pub fn of(text: &str) -> Names {
        let mut words = Box::new(Words([const { Vec::new() }; 128]));
        for word in text.split(|c: char| !c.is_ascii() || !is_letter(c as u8)).chain(UNNAMED) {
            if TELLS_NOT.contains(&word) {
                return Names::All;
            }
            words.add(word);
        }
        Names::These(words)
    }

    /// Whether it is among them. A property's name is that of its function without `get$`.
    pub fn has(&self, name: &str) -> bool {
        let Names::These(words) = self else { return true };
        let word = name.strip_prefix("get$").or_else(|| name.strip_prefix("set$")).unwrap_or(name);
        words.has(word) || !word.bytes().all(is_letter)
    }
}

impl Words {
    fn has(&self, word: &str) -> bool {
        self.like(word).is_some_and(|like| like.iter().any(|other| other == word))
    }

    fn add(&mut self, word: &str) {
        if !self.has(word)
            && let Some(first) = word.bytes().next()
            && let Some(like) = self.0.get_mut(usize::from(first))
        {
            like.push(word.to_owned());
        }
    }

    fn like(&self, word: &str) -> Option<&Vec<String>> {
        self.0.get(usize::from(word.bytes().next()?))
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
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
        for text in [
            "import \"std/topology\" as t; t::star(3);",
            "let f = Fn(\"net\" + \"ns\"); f.call(\"a\");",
            "[\"a\"].map(\"net\" + \"ns\");",
        ] {
            assert!(Names::of(text).has("veth"), "{text}");
        }
    }
}
