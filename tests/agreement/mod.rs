//! Whether `check`, `run` and `fmt` agree about a text: `check` calls nothing an error that runs to its end, a run does the
//! same whether the text was checked or not, and the text does the same when it was laid out.

use rhailab::kernel::fake::FakeKernel;
use rhailab::lab::{Event, Lab};
use rhailab::model::error::OpError;
use rhailab::model::kind::Kind;
use rhailab::model::names::LabName;
use rhailab::script::format::format;
use rhailab::script::{Config, Session, Severity};
use std::cell::RefCell;
use std::fmt;
use std::path::Path;
use std::rc::Rc;

/// How many operations a text may use up.
const OPERATIONS: u64 = 20_000;

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What it printed.
    pub printed: Vec<String>,
    /// The commands of what it made.
    pub made: Vec<String>,
    /// Why it ended, if that was no good end.
    pub error: Option<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.printed.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        if !self.made.is_empty() {
            writeln!(f, "  ({} commands)", self.made.len())?;
        }
        self.error.iter().try_for_each(|error| writeln!(f, "  ! {error}"))
    }
}

/// Who is compared. Others than the real ones show that the comparison finds something.
pub struct Judge {
    /// The errors of a text.
    pub check: fn(&Session, &Path, &str) -> Vec<String>,
    /// The text laid out.
    pub fmt: fn(&str) -> Option<String>,
}

/// The real ones.
pub const REAL: Judge = Judge { check: errors, fmt: format };

/// The errors that `check` finds in a text.
pub fn errors(session: &Session, path: &Path, text: &str) -> Vec<String> {
    let found = session.check_text(&path.display().to_string(), text, path);
    found.iter().filter(|it| it.severity == Severity::Error).map(|it| told(&it.error)).collect()
}

fn told(error: &OpError) -> String {
    // An assertion shows its condition as it was written, over several lines maybe.
    let words: Vec<&str> = error.0.message.split_whitespace().collect();
    plain(&format!("{}: {}", error.0.code, words.join(" ")))
}

/// A text without what is another one where it was laid out: lines, columns, the names of closures.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '$').unwrap_or(rest.len()).max(c.len_utf8());
        let (here, after) = rest.split_at(word);
        rest = after;
        if here.starts_with("anon$") {
            out.push_str("anon");
        } else {
            out.push_str(here);
            // `"line": 3`, `line 3` and `recipe:3:5: ` in what is printed.
            let is_place =
                matches!(here, "line" | "position") || (here == ":" && rest.starts_with(|c: char| c.is_ascii_digit()));
            if is_place {
                rest = rest.trim_start_matches(|c: char| "\": ".contains(c) || c.is_ascii_digit());
            }
        }
    }
    out
}

/// A session in memory, with what it prints and makes.
struct Bench {
    session: Session,
    lab: Rc<RefCell<Lab>>,
    printed: Rc<RefCell<Vec<String>>>,
    made: Rc<RefCell<Vec<String>>>,
}

impl Bench {
    fn new() -> Bench {
        let name = LabName::new("agree").expect("it is a name");
        let lab = Rc::new(RefCell::new(Lab::new(name, Box::new(FakeKernel::judged()), None)));
        let (printed, made) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(Vec::new())));
        let (print, note) = (Rc::clone(&printed), Rc::clone(&made));
        lab.borrow_mut().listen(Box::new(move |event| {
            if let Event::Made(record) = event {
                note.borrow_mut().extend(record.change.commands().iter().map(|command| format!("{command:?}")));
            }
        }));
        let print = Rc::new(move |text: &str| print.borrow_mut().push(text.to_owned()));
        let config = Config { max_operations: OPERATIONS, print, ..Config::default() };
        Bench { session: Session::new(Rc::clone(&lab), config), lab, printed, made }
    }

    /// Loads and runs a text; what it cannot even be read for is an error.
    fn run(self, path: &Path, text: &str, is_checked: bool) -> Result<Outcome, String> {
        let loaded =
            if is_checked { self.session.load_as(path, text) } else { self.session.load_unchecked(path, text) };
        let recipe = loaded.map_err(|error| told(&error))?;
        let error = self.session.run(&recipe).err().map(|error| told(&error));
        drop(self.lab.borrow_mut().unwind());
        let printed = self.printed.take().iter().map(|line| plain(line)).collect();
        Ok(Outcome { printed, made: self.made.take(), error })
    }
}

impl Judge {
    /// What a text does, or why it is refused.
    ///
    /// # Errors
    ///
    /// What they do not agree about.
    pub fn judge(&self, path: &Path, text: &str) -> Result<Result<Outcome, String>, String> {
        let errors = (self.check)(&Bench::new().session, path, text);
        let raw = Bench::new().run(path, text, false);
        match &raw {
            Err(error) if errors.is_empty() => {
                return Err(format!("`check` has nothing against it, a run has: {error}"));
            }
            Ok(Outcome { error: None, .. }) if !errors.is_empty() => {
                return Err(format!("it runs to its end, but `check` calls it an error: {errors:?}"));
            }
            _ => {}
        }
        let run = Bench::new().run(path, text, true);
        match (&run, &raw) {
            (Err(_), _) if !errors.is_empty() => {}
            (Ok(run), Ok(raw)) if run == raw => {}
            _ => return Err(format!("a checked run differs:\n{run:?}\nfrom one that was not checked:\n{raw:?}")),
        }
        if let (Some(laid_out), Ok(raw)) = ((self.fmt)(text), &raw) {
            let after = Bench::new().run(path, &laid_out, false);
            if after.as_ref() != Ok(raw) {
                return Err(format!("`fmt` changed what it does, from\n{raw:?}\nto\n{after:?}\nby\n{laid_out}"));
            }
            if (self.fmt)(&laid_out).as_ref() != Some(&laid_out) {
                return Err(format!("`fmt` changes it a second time:\n{laid_out}"));
            }
        }
        Ok(if errors.is_empty() { raw } else { Err(errors.join("; ")) })
    }
}
