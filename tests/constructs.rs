//! Everything that Rhai can say, in small texts: `check`, `run` and `fmt` agree about each of them. What each does is in a
//! snapshot, so that a text which does not do what it is for is seen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails panics")]

mod agreement;
#[path = "../fuzz/src/making/mod.rs"]
mod making;

use agreement::{Judge, REAL};
use rhailab::sandbox::on_big_stack;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A text, with the modules that it imports.
struct Text {
    title: String,
    source: String,
    modules: Vec<(String, String)>,
}

/// The texts of a file: each begins with `//// TITLE`, each of its modules with `//// + FILE`.
fn texts(file: &Path) -> Vec<Text> {
    let all = std::fs::read_to_string(file).unwrap();
    let mut texts: Vec<Text> = Vec::new();
    for part in all.strip_prefix("//// ").unwrap().split("\n//// ") {
        let (title, text) = part.split_once('\n').unwrap();
        match title.strip_prefix("+ ") {
            Some(module) => texts.last_mut().unwrap().modules.push((module.to_owned(), text.to_owned())),
            None => texts.push(Text { title: title.to_owned(), source: text.to_owned(), modules: Vec::new() }),
        }
    }
    texts
}

/// The files with texts, by name.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/constructs");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

impl Text {
    fn judge(&self, judge: &Judge) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        for (module, text) in &self.modules {
            std::fs::write(folder.path().join(module), text).unwrap();
        }
        let verdict = judge.judge(&folder.path().join("main.rhai"), &self.source)?;
        let shown = verdict.map_or_else(|error| format!("  refused: {error}\n"), |outcome| outcome.to_string());
        Ok(shown.replace(&*folder.path().to_string_lossy(), "DIR"))
    }
}

#[test]
fn check_run_and_fmt_agree_about_everything_that_rhai_can_say() {
    let ran = on_big_stack(|| {
        let (mut count, mut wrong) = (0, String::new());
        for file in files() {
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            let mut shown = String::new();
            for text in texts(&file) {
                count += 1;
                match text.judge(&REAL) {
                    Ok(outcome) => write!(shown, "{}\n{outcome}", text.title).unwrap(),
                    Err(quarrel) => {
                        write!(wrong, "\n== {name}: {}\n{}\n{quarrel}\n", text.title, text.source).unwrap();
                    }
                }
            }
            if wrong.is_empty() {
                insta::assert_snapshot!(name, shown);
            }
        }
        assert!(count >= 200, "{count} texts");
        assert!(wrong.is_empty(), "{wrong}");
    });
    ran.unwrap();
}

/// How many texts of each verdict a judge comes to, of those that the real one agrees about.
fn quarrels(judge: &Judge) -> usize {
    let all: Vec<Text> = files().iter().flat_map(|file| texts(file)).filter(|text| text.modules.is_empty()).collect();
    all.iter().step_by(5).filter(|text| text.judge(judge).is_err()).count()
}

/// A comparison that finds nothing would be worth nothing.
#[test]
fn who_does_not_agree_is_found_out() {
    let strict = Judge { check: |_, _, text| vec![format!("{} bytes", text.len())], ..REAL };
    let lax = Judge { check: |_, _, _| Vec::new(), ..REAL };
    let changing =
        Judge { fmt: |text| REAL.fmt.to_owned()(text).map(|text| text.replace("print(", "print(1, ")), ..REAL };
    let restless = Judge { fmt: |text| Some(format!("{text}\n")), ..REAL };
    for (name, judge, least) in
        [("strict", strict, 40), ("lax", lax, 1), ("changing", changing, 40), ("restless", restless, 40)]
    {
        let found = on_big_stack(move || quarrels(&judge)).unwrap();
        assert!(found >= least, "{name}: {found}");
    }
}

/// As the fuzzer `agree` does it, which goes on for longer and chooses better.
#[test]
fn check_run_and_fmt_agree_about_texts_that_are_made_up() {
    let count = std::env::var("MADE_UP").ok().and_then(|count| count.parse().ok()).unwrap_or(300);
    let ran = on_big_stack(|| {
        let (mut ended, mut refused, mut wrong) = (0, 0, Vec::new());
        for seed in 0..count {
            let bytes = making::noise(seed, 40 + seed as usize % 200);
            let text = making::Maker::new(&bytes, &[]).text();
            match REAL.judge(Path::new("main.rhai"), &text) {
                Ok(Ok(outcome)) if outcome.error.is_none() => ended += 1,
                Ok(Ok(_)) => {}
                Ok(Err(_)) => refused += 1,
                Err(quarrel) => wrong.push(format!("== {seed}\n{text}\n{quarrel}\n")),
            }
        }
        wrong.sort_by_key(String::len);
        assert!(wrong.is_empty(), "{} of {count}\n{}", wrong.len(), wrong[..wrong.len().min(3)].join("\n"));
        assert!(ended > count / 3, "{ended} of {count} came to their end, {refused} were refused");
    });
    ran.unwrap();
}
