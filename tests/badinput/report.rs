//! A report as it is read: what it says, what it points at and what it advises.

/// A rendered report, taken apart.
#[derive(Debug, Default)]
pub struct Report {
    /// The stable code, from the first line.
    pub code: String,
    /// The message and its cause, without line breaks.
    pub message: String,
    /// The first place that it names: `FILE:LINE:COLUMN`.
    pub place: String,
    /// Every text that is underlined, with its line.
    pub blamed: Vec<(usize, String)>,
    /// What to do, without line breaks.
    pub help: String,
    whole: String,
}

impl Report {
    /// The report in what a run printed on standard error.
    pub fn of(text: &str) -> Report {
        let mut report = Report { whole: joined(text), ..Report::default() };
        let mut source: Option<(usize, &str)> = None;
        let mut is_help = false;
        for line in text.lines() {
            let (trimmed, is_inner) = (line.trim_start(), line.starts_with("  "));
            if report.code.is_empty() && line.contains("::") && !line.contains(' ') {
                line.clone_into(&mut report.code);
            } else if let Some((_, place)) = line.split_once("╭─[") {
                let place = place.trim_end_matches(']');
                if report.place.is_empty() {
                    place.clone_into(&mut report.place);
                }
            } else if let Some(text) = trimmed.strip_prefix("help: ") {
                is_help = true;
                text.clone_into(&mut report.help);
            } else if is_help && line.starts_with("        ") {
                report.help = format!("{} {trimmed}", report.help);
            } else if let Some(text) = ["× ", "╰─▶ "].iter().find_map(|mark| trimmed.strip_prefix(mark)) {
                report.message = format!("{} {text}", report.message);
            } else if let (true, Some(text)) = (is_inner && source.is_none(), trimmed.strip_prefix("│ ")) {
                report.message = format!("{} {text}", report.message);
            } else if let Some((number, code)) = source_line(line) {
                source = Some((number, code));
            } else if let (Some((number, code)), Some((_, marks))) = (source, line.split_once("· ")) {
                report.blamed.extend(underlined(code, marks).into_iter().map(|text| (number, text)));
            }
            is_help &= line.starts_with("        ") || trimmed.starts_with("help: ");
        }
        report.message = report.message.trim().to_owned();
        report
    }

    /// Whether it says this, in whatever part and however the line is broken.
    pub fn says(&self, words: &str) -> bool {
        self.whole.contains(words) || self.message.contains(words) || self.help.contains(words)
    }

    /// What every report must be: sentences, nothing said twice, nothing of Rust's own words.
    #[track_caller]
    pub fn check_style(&self, what: &str) {
        let text = &self.whole;
        assert!(!self.code.is_empty(), "{what}: it has no code\n{text}");
        for slip in ["os error", "panicked", "Some(", "None", "Error {", "...", "`.`", " .", "::core"] {
            let is_literal = self.blamed.iter().any(|(_, blamed)| blamed.contains(slip));
            assert!(is_literal || !self.message.contains(slip), "{what}: it says {slip:?}\n{text}");
        }
        let sentences: Vec<&str> = self.message.split(". ").collect();
        for (at, sentence) in sentences.iter().enumerate() {
            assert!(!sentences[..at].contains(sentence), "{what}: it says {sentence:?} twice\n{text}");
        }
    }
}

fn joined(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// `12 │ code` as the number and the code.
fn source_line(line: &str) -> Option<(usize, &str)> {
    let (number, code) = line.split_once(" │ ").or_else(|| line.split_once(" │"))?;
    Some((number.trim().parse().ok()?, code))
}

/// The stretches of `code` that have a line under them in `marks`, which begin in the same column.
fn underlined(code: &str, marks: &str) -> Vec<String> {
    let code: Vec<char> = code.chars().collect();
    let mut found = Vec::new();
    let mut current = String::new();
    // Below the lines are their labels, which hang from `╰──`.
    if marks.contains('╰') || marks.contains('│') {
        return found;
    }
    for (at, mark) in marks.chars().chain([' ']).enumerate() {
        if matches!(mark, '─' | '┬') {
            current.extend(code.get(at));
        } else if !current.is_empty() {
            found.push(std::mem::take(&mut current));
        }
    }
    found
}

#[test]
fn a_report_is_taken_apart() {
    let report = Report::of(
        "value::port\n\n  × `http_serve` cannot take \"eighty\" as its `port`: it is\n  │ not a port.\n  ╰─▶ because\n   \
         ╭─[lab.rhai:2:16]\n 1 │ let web = 1;\n 2 │ é.http_serve(\"eighty\");\n   · ──┬───       ────┬───\n   \
         ·   │             ╰── this argument\n   ·   ╰── a call\n   ╰────\n  help: Ports are numbers\n        from 1 to 65535.\n",
    );
    assert_eq!((report.code.as_str(), report.place.as_str()), ("value::port", "lab.rhai:2:16"));
    assert_eq!(report.message, "`http_serve` cannot take \"eighty\" as its `port`: it is not a port. because");
    assert_eq!(report.help, "Ports are numbers from 1 to 65535.");
    assert_eq!(report.blamed, [(2, "é.http".to_owned()), (2, "\"eighty\"".to_owned())]);
}
