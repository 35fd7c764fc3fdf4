use super::format;
use crate::script::scan::{TokenKind, scan};
use proptest::{prop_assert_eq, proptest};

/// The tokens of a text, comments without the white space at their ends.
fn words(text: &str) -> Vec<String> {
    let scan = scan(text);
    let word = |token: &crate::script::scan::Token| match token.kind {
        TokenKind::Comment => token.text(text).trim_end().to_owned(),
        _ => token.text(text).to_owned(),
    };
    scan.tokens.iter().map(word).collect()
}

fn laid_out(text: &str, expected: &str) {
    let found = format(text).unwrap();
    assert_eq!(found, expected);
    assert_eq!(format(&found).as_deref(), Some(expected), "it stays so");
}

#[test]
fn lines_are_indented_by_their_brackets() {
    laid_out(
        "fn f(a) {\nif a {\n   g(1,\n2);\n}\n  }\nlet m = #{\n a: [\n1,\n],\n};\n",
        "fn f(a) {\n    if a {\n        g(1,\n            2);\n    }\n}\nlet m = #{\n    a: [\n        1,\n    ],\n};\n",
    );
    laid_out("f(#{\na: 1 }, || {\nx\n});\n", "f(#{\n    a: 1 }, || {\n    x\n});\n");
}

#[test]
fn a_block_is_indented_by_what_it_belongs_to() {
    laid_out(
        "fn f() {\nfor x in [1,\n2] {\ng(x);\n}\n}\n",
        "fn f() {\n    for x in [1,\n        2] {\n        g(x);\n    }\n}\n",
    );
    laid_out(
        "if a\n&& b {\nc\n} else if (d ||\ne) {\nf\n}\n",
        "if a\n    && b {\n    c\n} else if (d ||\n    e) {\n    f\n}\n",
    );
    laid_out(
        "let x = y\n+ if a {\nb\n} else {\nc\n};\n",
        "let x = y\n    + if a {\n        b\n    } else {\n        c\n    };\n",
    );
    laid_out(
        "switch [a,\nb] {\nc if d => {\ne\n}\n}\n",
        "switch [a,\n    b] {\n    c if d => {\n        e\n    }\n}\n",
    );
}

#[test]
fn strings_that_go_on_move_with_their_line() {
    laid_out("if a {\nf(\"b\\\n   c\", \"d\\\n e\");\n}\n", "if a {\n    f(\"b\\\n       c\", \"d\\\n     e\");\n}\n");
    laid_out("      f(\"b\\\n         c\\\n d\");\n", "f(\"b\\\n   c\\\nd\");\n");
    // Behind an escape Rhai goes on taking white space, up to where the string began.
    laid_out("   f(\"b\\\n\\t  c\");\n", "   f(\"b\\\n\\t  c\");\n");
}

#[test]
fn lines_that_go_on_are_indented_once() {
    laid_out(
        "let a = b\n.c()\n// more\n.d(#{\nx: 1\n})\n.e();\nlet s =\n1\n+ 2;\n-x\n",
        "let a = b\n    .c()\n    // more\n    .d(#{\n        x: 1\n    })\n    .e();\nlet s =\n    1\n    + 2;\n-x\n",
    );
}

#[test]
fn what_is_in_templates_and_comments_stays() {
    let text = "f(`a  \n  b ${g(\n1)} \n`,\n  /* x\n y */ 1,\n  #\"r\n\"#);\n";
    laid_out(text, "f(`a  \n  b ${g(\n1)} \n`,\n    /* x\n y */ 1,\n    #\"r\n\"#);\n");
    laid_out("#!/usr/bin/env  rhailab '  \n  x;\n", "#!/usr/bin/env  rhailab '\nx;\n");
}

#[test]
fn blank_lines_and_ends_of_lines_are_tidy() {
    laid_out("\n\n  a;  \n\n\n\nb; // c  \r\n/// d  \nfn f() {}\n\n", "a;\n\nb; // c\n/// d  \nfn f() {}\n");
    laid_out("a", "a\n");
    laid_out("", "");
}

#[test]
fn what_does_not_match_is_left_alone() {
    for text in ["f(", ")", "f(]", "\"a", "`a", "/* a", "`${a", "#{ ( }"] {
        assert_eq!(format(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn no_token_is_changed_and_a_second_time_changes_nothing(
        words_of in proptest::collection::vec(proptest::sample::select(vec![
            "a", "b", "(", ")", "{", "}", "#{", "[", "]", ".", ",", ";", "+", "-", "=", "=>", "|", "||", "\n", "\n\n", "  ",
            "`t\n", "`", "${", "\"s\"", "// c \n", "/* d\n */", "/// e \n", "#\"r\n\"#", "if ", "else ", "\r\n", "\t",
        ]), 0..40),
    ) {
        let text = words_of.concat();
        if let Some(once) = format(&text) {
            prop_assert_eq!(words(&text), words(&once));
            prop_assert_eq!(format(&once), Some(once.clone()));
        }
    }
}
