//! The codes of errors: what a call can end with is in the documentation of its function, and nothing else is.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod fakes;
mod machine;
mod recipes;
mod scratch;
mod source;
mod support;

use recipes::{examples, on_big_stack};
use rhailab::kernel::fake::FakeKernel;
use rhailab::kernel::{Cause, Errno, Refusal, Why};
use rhailab::lab::Lab;
use rhailab::model::change::Change;
use rhailab::model::error::Site;
use rhailab::model::kind::Kind;
use rhailab::model::link_attr::SetLink;
use rhailab::model::names::LabName;
use rhailab::model::process::Start;
use rhailab::model::rules::{EditRules, RuleEdit};
use rhailab::ops::{self, ANY};
use rhailab::script::{Config, Session};
use source::Source;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

/// Codes that no call of a function ends with, each with the reason; one that ends in `::` stands for all such.
const OF_NO_FUNCTION: &[(&str, &str)] = &[
    ("args::closure", "of a closure, which is the recipe's own"),
    ("check::", "of the command `check`"),
    ("definitions::", "of the command `definitions`"),
    ("doc::", "of the command `doc`"),
    ("duplicate::", "a finding of `check`"),
    ("exec::status", "of `!COMMAND` at the prompt"),
    ("export::", "of the command `export`"),
    ("fmt::", "of the command `fmt`"),
    ("guard::", "of `run --host` and `up --host`, before anything is made"),
    ("hidden::", "a finding of `check`"),
    ("host::", "of `--host`, before a recipe runs"),
    ("internal::", "a defect of rhailab"),
    ("journal::corrupt", "of reading a journal, before or after a recipe runs"),
    ("journal::none", "of reading a journal, before or after a recipe runs"),
    ("journal::version", "of reading a journal, before or after a recipe runs"),
    ("keep::", "of `:keep` at the prompt"),
    ("lab::", "of labs, before or after a recipe runs"),
    ("limit::", "of a recipe as a whole"),
    ("logs::", "of the command `logs`"),
    ("module::", "of `import`, which is no function"),
    ("name::lab", "of labs, which a recipe does not name"),
    ("output::", "of standard output"),
    ("params::", "of files with parameters, which are read before a recipe runs"),
    ("plan::", "of the command `plan`"),
    ("prove::", "of the command `prove`, which makes recipes fail"),
    ("recipe::", "of reading a recipe"),
    ("recover::", "of the command `recover`"),
    ("repl::", "of the prompt"),
    ("sandbox::", "of the sandbox, before a recipe runs in it"),
    ("save::", "of `:save` at the prompt"),
    ("script::busy", "of Rhai's language"),
    ("script::constant", "of Rhai's language"),
    ("script::error", "of Rhai's language"),
    ("script::index", "of Rhai's language"),
    ("script::not_iterable", "of Rhai's language"),
    ("script::operator", "of Rhai's language"),
    ("script::syntax", "of Rhai's language"),
    ("script::throw", "what a recipe throws itself"),
    ("script::type", "of Rhai's language"),
    ("script::unknown_function", "of a function that does not exist"),
    ("script::unknown_module", "of Rhai's language"),
    ("script::unknown_property", "of Rhai's language"),
    ("script::unknown_variable", "of Rhai's language"),
    ("secret::unknown", "of going back at a prompt, which makes changes of an earlier process again"),
    ("state::", "of the folder that labs are kept in, before a recipe runs"),
    ("status::", "of the command `status`"),
    ("unused::", "a finding of `check`"),
    ("usage::", "of command lines"),
];

/// Whether a code is one that no function has.
fn is_of_no_function(code: &str) -> bool {
    OF_NO_FUNCTION.iter().any(|(entry, _)| covers(entry, code))
}

fn covers(entry: &str, code: &str) -> bool {
    entry == code || (entry.ends_with("::") && code.starts_with(entry))
}

/// Every documented code: of a function, of any, of a type.
fn documented() -> BTreeSet<&'static str> {
    let own = ops::all().flat_map(|def| def.errors).chain(ANY).map(|error| error.code);
    let types = ops::all().flat_map(|def| {
        let options = def.options().iter().map(|option| option.ty);
        def.params.iter().map(|param| param.ty).chain(options).flat_map(ops::Ty::mistakes).copied()
    });
    own.chain(types).collect()
}

/// The codes that the program's text has beside its documentation, with the files that have them.
fn raised() -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Source { path, text } in source::files("src", "rs") {
        if path == "src/ops/errors.rs" || path.contains("/tests") {
            continue;
        }
        let text = &text[..Source::tests_at(&text)];
        let mut literals = text.split('"');
        let mut before = literals.next().unwrap_or_default().trim_end();
        for part in literals {
            let is_raised = is_code(part) || (before.ends_with("OpError::new(") && is_word(part));
            if is_raised && !before.ends_with("code:") {
                all.entry(part.to_owned()).or_default().insert(path.clone());
            }
            before = part.trim_end();
        }
    }
    all
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn is_code(text: &str) -> bool {
    // `forward::ipv6` is one.
    text.split_once("::").is_some_and(|(kind, name)| is_word(kind) && is_word(name.trim_end_matches('6')))
}

#[test]
fn every_error_that_is_raised_is_documented_or_of_no_function() {
    let documented = documented();
    let raised = raised();
    assert!(raised.len() > 200, "{}", raised.len());
    let missing: Vec<_> =
        raised.iter().filter(|(code, _)| !documented.contains(code.as_str()) && !is_of_no_function(code)).collect();
    assert!(missing.is_empty(), "no function documents these, and they are not in OF_NO_FUNCTION: {missing:#?}");
}

#[test]
fn every_error_that_is_documented_is_raised_and_of_a_function() {
    let raised = raised();
    for code in documented() {
        assert!(raised.contains_key(code), "nothing raises `{code}`");
        assert!(!is_of_no_function(code), "`{code}` is documented, and in OF_NO_FUNCTION all the same");
    }
    for (entry, _) in OF_NO_FUNCTION {
        assert!(raised.keys().any(|code| covers(entry, code)), "nothing raises `{entry}`");
    }
}

/// What is called at a place of a text.
fn called<'t>(text: &'t str, site: &Site) -> &'t str {
    let line = text.lines().nth(site.line as usize - 1).unwrap_or_default();
    let start = line.char_indices().nth(site.col as usize - 1).map_or(line.len(), |(at, _)| at);
    // Rhai gives some calls the place of the point before them.
    let rest = line[start..].trim_start_matches(['?', '.']);
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    &rest[..end]
}

/// That a function which is called there documents the error; or why not.
fn judge(text: &str, site: &Site, code: &str) -> Result<(), String> {
    if is_of_no_function(code) {
        return Ok(());
    }
    let name = called(text, site);
    let is_known = ops::named(name).any(|def| def.raises(code));
    if is_known { Ok(()) } else { Err(format!("`{name}` does not document `{code}`, which it ends with:\n{text}")) }
}

/// What the kernel can answer to a change.
fn answers(change: &Change) -> Vec<Refusal> {
    let numbers = [
        Errno::EACCES,
        Errno::EBUSY,
        Errno::EEXIST,
        Errno::EHOSTUNREACH,
        Errno::EINVAL,
        Errno::EIO,
        Errno::ELOOP,
        Errno::ENETDOWN,
        Errno::ENETUNREACH,
        Errno::ENODEV,
        Errno::ENOENT,
        Errno::EOPNOTSUPP,
        Errno::EPERM,
        Errno::ERANGE,
        Errno::EROFS,
    ];
    let errors = |cause: Cause, numbers: &[Errno]| -> Vec<Refusal> {
        let errno = |errno: &Errno| Refusal::errno("a request", *errno as i32).because(cause.clone());
        numbers.iter().map(errno).collect()
    };
    let tool = |why, cause| Refusal::new(why, "a tool", "").because(cause);
    let mut all = errors(Cause::Unknown, &numbers);
    all.extend(errors(Cause::NoNetns(change.ns()), &[Errno::ENOENT]));
    all.extend([Why::Timeout, Why::Protocol].map(|why| tool(why, Cause::Unknown)));
    match change {
        Change::EditRules(EditRules { edits, .. }) => {
            all.push(tool(Why::NoTool, Cause::Unknown));
            all.extend([Cause::Unknown, Cause::NoChain, Cause::NoName].map(|cause| tool(Why::Tool(1), cause)));
            let is_new = edits.iter().any(|edit| matches!(edit, RuleEdit::NewChain(_)));
            all.extend(is_new.then(|| tool(Why::Tool(1), Cause::ChainExists)));
        }
        // The servers that are built in are there, and need no folder.
        Change::Start(Start { process, .. }) if process.argv[0] != "/proc/self/exe" => {
            all.extend(errors(Cause::Exec, &[Errno::EACCES, Errno::EIO, Errno::ENOENT, Errno::ENOEXEC]));
            all.extend(errors(Cause::Folder("/nowhere".into()), &[Errno::ENOENT]));
        }
        Change::SetSysctl(_) => {
            all.extend(errors(Cause::Held, &[Errno::EBUSY]));
            all.extend(errors(Cause::Ledger, &[Errno::ENOSPC]));
        }
        _ => {}
    }
    all
}

#[test]
fn whatever_the_kernel_answers_is_documented_at_the_function_that_is_to_blame() {
    on_big_stack(|| {
        let (mut wrong, mut seen, mut tried) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for shown in examples() {
            let run = shown.rehearse(FakeKernel::new());
            for record in run.lab.borrow().records() {
                // What each function makes of each kind of change, once.
                let kind = match &record.change {
                    Change::SetLink(SetLink { set, .. }) => format!("set {:?}", std::mem::discriminant(set)),
                    other => format!("{:?}", std::mem::discriminant(other)),
                };
                if !tried.insert((called(&shown.text, &record.site).to_owned(), kind)) {
                    continue;
                }
                for refusal in answers(&record.change) {
                    let error = shown.rehearse_refusing(record.n, refusal).result.unwrap_err();
                    let site = error.0.site.unwrap_or_else(|| panic!("{}: no site", shown.title));
                    seen.insert(error.0.code);
                    wrong.extend(judge(&shown.text, &site, error.0.code).err());
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(tried.len() > 30 && seen.len() > 30, "{tried:?} {seen:?}");
    });
}

/// The recipes of the gallery of errors in a folder, with their text.
fn gallery(folder: &str) -> Vec<Source> {
    let mut all = source::files(folder, "rhai");
    all.retain(|file| Path::new(&file.path).parent() == Some(Path::new(folder)));
    all
}

/// What is in a file that an error is in; nothing where the file is not the recipe's.
fn text_of(folder: &str, site: &Site) -> Option<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(&*site.source)).ok()
}

#[test]
fn the_gallery_in_memory_is_documented() {
    on_big_stack(|| {
        let mut wrong = Vec::new();
        for Source { path, text } in gallery("tests/errors") {
            let lab = Lab::new(LabName::new("test").unwrap(), Box::new(FakeKernel::judged()), None);
            let config = Config { max_operations: 10_000, print: Rc::new(|_: &str| {}), ..Config::default() };
            let session = Session::new(Rc::new(RefCell::new(lab)), config);
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(&path);
            let error = session.load_file(&file).and_then(|recipe| session.run(&recipe)).unwrap_err();
            let Some(site) = &error.0.site else { continue };
            let text = if file.ends_with(&*site.source) { Some(text) } else { text_of("tests/errors", site) };
            wrong.extend(text.and_then(|text| judge(&text, site, error.0.code).err()));
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
}

#[test]
fn the_gallery_on_the_kernel_is_documented() {
    let Some(machine) = machine::enter(false) else { return };
    machine.home.folder("lib");
    let module = std::fs::read_to_string("tests/errors/kernel/lib/lan.rhai").unwrap();
    machine.home.write("lib/lan.rhai", &module);
    let mut wrong = Vec::new();
    for Source { path, text } in gallery("tests/errors/kernel") {
        let options = text.lines().next().and_then(|line| line.strip_prefix("// with: ")).unwrap_or_default();
        let file = Path::new(&path).file_name().unwrap().to_str().unwrap();
        machine.home.write(file, &text);
        let words = ["run", "--json"].into_iter().chain(options.split_whitespace()).chain([file]);
        let out = machine.home.run(&words.collect::<Vec<_>>()).out;
        let events = out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let errors: Vec<_> =
            events.filter(|event| event["event"] == "error").map(|event| event["error"].clone()).collect();
        assert!(!errors.is_empty(), "{path}: {out}");
        for error in errors {
            let Ok(site) = serde_json::from_value::<Site>(error["site"].clone()) else { continue };
            let text = if *site.source == *file { Some(text.clone()) } else { text_of("tests/errors/kernel", &site) };
            wrong.extend(text.and_then(|text| judge(&text, &site, error["code"].as_str().unwrap()).err()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
