//! `docs/reference.md` is what the definitions say.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

#[test]
fn the_reference_is_up_to_date() {
    let path = "docs/reference.md";
    let now = rhailab::ops::reference::markdown();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let differs = now.lines().zip(written.lines()).position(|(now, written)| now != written);
    assert!(
        now == written,
        "{path} differs from the definitions from line {} on: write it anew with `UPDATE_REFERENCE=1 cargo test --test reference`",
        differs.unwrap_or_else(|| now.lines().count().min(written.lines().count())) + 1
    );
}
