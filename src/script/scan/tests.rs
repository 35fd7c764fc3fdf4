use super::{TokenKind, line_col, offset, scan};
use proptest::{prop_assert, proptest};

fn words(text: &str) -> Vec<&str> {
    scan(text).tokens.iter().map(|token| token.text(text)).collect()
}

#[test]
fn templates_hold_code_and_code_holds_templates() {
    assert_eq!(
        words("`a${f(`b${1}`, \"}\")}c`"),
        ["`a", "${", "f", "(", "`b", "${", "1", "}", "`", ",", "\"}\"", ")", "}", "c`"]
    );
    assert_eq!(words(r"`a\${b}` x"), [r"`a\${b}`", "x"]);
}

#[test]
fn strings_end_where_rhai_ends_them() {
    assert_eq!(words(r##"#"raw " \"# x"##), [r##"#"raw " \"#"##, "x"]);
    assert_eq!(words(r#""a\"b" "a""b" c"#), [r#""a\"b""#, r#""a""b""#, "c"]);
    let open = scan("let a = \"b;\nlet c");
    assert_eq!(open.tokens.iter().filter(|token| token.kind == TokenKind::Unclosed).count(), 1);
    assert!(!open.unfinished, "a string that its line ends cannot be finished on the next");
}

#[test]
fn comments_nest_and_docs_are_told_apart() {
    let kinds: Vec<TokenKind> = scan("/* a /* b */ c */ /// d\n//! e\n// f").tokens.iter().map(|t| t.kind).collect();
    assert_eq!(kinds, [TokenKind::Comment, TokenKind::Doc, TokenKind::Doc, TokenKind::Comment]);
    assert!(scan("/* a /* b */").unfinished);
}

#[test]
fn ranges_and_points_are_not_numbers() {
    assert_eq!(words("1..=5 1.5 2.ms 0x1F a?.b"), ["1", "..=", "5", "1.5", "2", ".", "ms", "0x1F", "a", "?.", "b"]);
}

#[test]
fn positions_and_bytes_agree() {
    let text = "é = 1;\n  ü(2)";
    assert_eq!(offset(text, 2, 4), text.find('(').unwrap_or_default());
    assert_eq!(line_col(text, offset(text, 2, 4)), (2, 4));
    assert_eq!(offset(text, 9, 1), text.len());
}

proptest! {
    #[test]
    fn any_text_is_covered_by_its_tokens_and_white_space(text in "[a-z0-9\"'`#${}()\\[\\]/*\\\\\n .,|é!?:=-]{0,60}") {
        let scan = scan(&text);
        let mut end = 0;
        for token in &scan.tokens {
            prop_assert!(token.at.start >= end && token.at.end > token.at.start);
            prop_assert!(text[end..token.at.start].chars().all(char::is_whitespace));
            end = token.at.end;
        }
        prop_assert!(text[end..].chars().all(char::is_whitespace));
    }
}
