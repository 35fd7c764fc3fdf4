//! The functions that a text can call: an engine that runs nothing else need not know more, and is made in less time then.

use crate::ops;
use rhai::OP_CONTAINS;
use std::collections::BTreeSet;

/// Names of functions of ours.
#[derive(Debug, Clone)]
pub enum Names {
    /// Every one.
    All,
    /// These.
    These(BTreeSet<&'static str>),
}

impl Names {
    /// Those among the words of a text. All where its words do not tell: what it imports has more, and `Fn` makes a function
    /// of any string.
    pub fn of(text: &str) -> Names {
        // The operator `in` calls it.
        let mut names = BTreeSet::from([OP_CONTAINS]);
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if ["import", "Fn"].contains(&word) {
                return Names::All;
            }
            names.extend(ops::named(word).map(|def| def.name));
        }
        Names::These(names)
    }

    /// Whether it is among them.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Names::All => true,
            Names::These(names) => names.contains(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_what_it_may_call() {
        let names = Names::of("let a = netns(\"a\");\nprint(`${a.attach(bridge(\"b\"))}`); // and up");
        for (name, is_named) in
            [("netns", true), ("attach", true), ("bridge", true), ("contains", true), ("veth", false)]
        {
            assert_eq!(names.has(name), is_named, "{name}");
        }
    }

    #[test]
    fn where_the_words_do_not_tell_it_is_all() {
        for text in ["import \"std/topology\" as t; t::star(3);", "let f = Fn(\"net\" + \"ns\"); f.call(\"a\");"] {
            assert!(Names::of(text).has("veth"), "{text}");
        }
    }
}
