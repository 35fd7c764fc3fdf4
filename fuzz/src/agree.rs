//! `check`, `run` and `fmt` agree: what runs to its end is called no error, and does the same when it was laid out. Texts are
//! made from what Rhai can say, for what is made of bytes hardly ever runs to its end.

use crate::agreement::REAL;
use crate::making::Maker;
use rhailab::sandbox::on_big_stack;
use std::path::Path;
use std::sync::OnceLock;

/// What an input begins with that is a text itself.
const TEXT: &[u8] = b"//text\n";

/// Checks one input.
pub fn check(data: &[u8]) {
    let text = match data.strip_prefix(TEXT) {
        Some(text) => match std::str::from_utf8(text) {
            Ok(text) => text.to_owned(),
            Err(_) => return,
        },
        None => Maker::new(data, pieces()).text(),
    };
    // A run must not depend on the stack that the fuzzer was started with.
    let verdict = on_big_stack(|| REAL.judge(Path::new("fuzz.rhai"), &text));
    if let Err(quarrel) = verdict.expect("a thread can be started") {
        panic!("{quarrel}\n== the text:\n{text}");
    }
}

/// The texts of `tests/constructs`, without those that import something.
fn texts() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/constructs");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    let mut texts = Vec::new();
    for file in files {
        let all = std::fs::read_to_string(file).unwrap_or_default();
        let parts = all.split("//// ").filter_map(|part| part.split_once('\n'));
        texts.extend(parts.map(|(_, text)| text.to_owned()).filter(|text| !text.contains("import ")));
    }
    texts
}

/// Those of them that can stand in a block.
fn pieces() -> &'static [String] {
    static PIECES: OnceLock<Vec<String>> = OnceLock::new();
    PIECES.get_or_init(|| {
        let on_top = ["fn ", "#!", "///", "/**", "//!", "export ", "global::", "param("];
        texts().into_iter().filter(|text| on_top.iter().all(|word| !text.contains(word))).collect()
    })
}

/// The texts themselves, and some that are made.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let made = (0..64_u8).map(|seed| crate::making::noise(u32::from(seed), 256));
    texts().iter().map(|text| [TEXT, text.as_bytes()].concat()).chain(made).collect()
}
