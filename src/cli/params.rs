//! `--params FILE`: a recipe's parameters from a TOML or JSON file.

use crate::kernel::read::whole;
use crate::model::error::{Class, Mark, OpError, Site, io_words};
use crate::script::ParamValue;
use crate::script::scan::{line_col, offset};
use crate::script::sources::Sources;
use crate::session::Failure;
use serde_json::{Map, Value};
use std::ops::Range;
use std::path::Path;

/// The longest file that is read, in bytes.
const LONGEST: usize = 16 << 20;

/// Reads them, in the order of the file.
pub fn read(file: &Path) -> Result<Vec<(String, ParamValue)>, Failure> {
    let bytes = whole(file, LONGEST).map_err(|error| {
        OpError::new("params::unreadable", format!("The file `{}` cannot be read.", file.display()))
            .help("`--params` takes the name of a TOML file, or of a JSON file if it ends in .json.")
            .cause(io_words(&error))
            .class(Class::Usage)
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        OpError::new("params::not_utf8", format!("The file `{}` is not UTF-8 text, at its byte {at}.", file.display()))
            .help("Convert it, for example with `iconv -f LATIN1 -t UTF-8`.")
            .class(Class::Usage)
    })?;
    let is_json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let parsed = if is_json { json(&text) } else { toml(&text) };
    match parsed {
        Ok(map) => Ok(map.into_iter().map(|(name, value)| (name, ParamValue::Json(value))).collect()),
        Err(wrong) => Err(wrong.report(file, &text, if is_json { "JSON" } else { "TOML" })),
    }
}

/// What is wrong with a text, and where.
struct Wrong {
    why: String,
    at: Range<usize>,
}

fn json(text: &str) -> Result<Map<String, Value>, Wrong> {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Wrong { why: "it is not an object with the parameters as its fields".into(), at: 0..1 }),
        Err(error) => {
            let words = error.to_string();
            let why = words.rsplit_once(" at line ").map_or(words.as_str(), |(why, _)| why).to_owned();
            let place = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            // The end of a text has no character to point at: point at the last one.
            let at =
                offset(text, place(error.line()), place(error.column())).min(text.trim_end().len().saturating_sub(1));
            Err(Wrong { why, at: at..at + 1 })
        }
    }
}

fn toml(text: &str) -> Result<Map<String, Value>, Wrong> {
    toml::from_str(text).map_err(|error: toml::de::Error| Wrong {
        why: error.message().trim_end_matches('.').replace('\n', ", "),
        at: error.span().unwrap_or(0..text.len().min(1)),
    })
}

impl Wrong {
    fn report(self, file: &Path, text: &str, format: &str) -> Failure {
        let sources = Sources::default();
        let source = sources.add(&file.display().to_string(), text);
        let (line, col) = line_col(text, self.at.start);
        let mut error =
            OpError::new("params::syntax", format!("The parameters in `{source}` are no {format}: {}.", self.why))
                .help("Write `name = value` lines (TOML), or a JSON object in a file whose name ends in .json.")
                .class(Class::Usage);
        error.0.mark = Some(Mark { range: self.at, label: "here".into() });
        error.0.site = Some(Site { source, line, col });
        Failure { error, sources }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, is_json: bool) -> (u32, u32, String) {
        let wrong = if is_json { json(text) } else { toml(text) }.err().unwrap();
        let trouble = wrong.report(Path::new("p"), text, "JSON");
        let site = trouble.error.0.site.unwrap();
        (site.line, site.col, trouble.error.0.message)
    }

    #[test]
    fn what_cannot_be_parsed_is_pointed_at() {
        assert_eq!(place("n = 3\nlan = \n", false).0, 2);
        let (line, col, message) = place("{\"n\": 3,\n \"lan\": }", true);
        assert_eq!((line, col), (2, 9), "{message}");
        assert!(!message.contains("at line"), "{message}");
        assert!(place("[1]", true).2.contains("not an object"));
        assert_eq!(place("", true).0, 1);
    }
}
