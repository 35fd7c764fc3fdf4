//! The functions that a text can call: an engine that runs nothing else need not know more, and is made in less time then.

use rhai::{FUNC_TO_DEBUG, FUNC_TO_STRING, OP_CONTAINS};

/// Names of functions.
#[derive(Debug, Clone)]
pub enum Names {
    /// Every one.
    All,
    /// These, and the operators that are made of signs of the text.
    These(Box<Words>),
}

/// Words by their first byte, of which more than a few are rare: each function there is looks for its name here.
#[derive(Debug, Clone)]
pub struct Words {
    like: [Vec<String>; 128],
    /// A bit for each sign.
    signs: u128,
}

/// What is called without its name: by the operator `in`, by templates, by those that show values and by those that compare
/// them.
const UNNAMED: [&str; 7] = [OP_CONTAINS, FUNC_TO_STRING, FUNC_TO_DEBUG, "print", "debug", "+=", "=="];

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
        let mut words = Box::new(Words { like: [const { Vec::new() }; 128], signs: 0 });
        for text in [text].into_iter().chain(UNNAMED) {
            for word in text.split(|c: char| !c.is_ascii() || !is_letter(c as u8)) {
                if TELLS_NOT.contains(&word) {
                    return Names::All;
                }
                words.add(word);
            }
            words.signs |= text.bytes().map(sign).fold(0, |all, sign| all | sign);
        }
        Names::These(words)
    }

    /// Whether it is among them. A property's name is that of its function without `get$`.
    pub fn has(&self, name: &str) -> bool {
        let Names::These(words) = self else { return true };
        match name.split_once('$') {
            Some(("get" | "set", word)) => words.has(word),
            Some(_) => true,
            None if name.bytes().all(is_letter) => words.has(name),
            None => name.bytes().all(|byte| words.signs & sign(byte) != 0),
        }
    }
}

impl Words {
    fn has(&self, word: &str) -> bool {
        self.like(word).is_some_and(|like| like.iter().any(|other| other == word))
    }

    fn add(&mut self, word: &str) {
        if !self.has(word)
            && let Some(first) = word.bytes().next()
            && let Some(like) = self.like.get_mut(usize::from(first))
        {
            like.push(word.to_owned());
        }
    }

    fn like(&self, word: &str) -> Option<&Vec<String>> {
        self.like.get(usize::from(word.bytes().next()?))
    }
}

/// The bit of a byte; of one that is not ASCII there is none.
fn sign(byte: u8) -> u128 {
    1_u128.checked_shl(u32::from(byte)).unwrap_or(0)
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
        for name in ["netns", "attach", "bridge", "up", "get$up", "/", "index$get$"].into_iter().chain(UNNAMED) {
            assert!(names.has(name), "{name}");
        }
        for name in ["veth", "get$len", "sleep", "<", "!=", "-="] {
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
