//! Text that is never shown: whatever prints a secret prints a placeholder with its name.

use crate::model::error::{OpError, OpResult};
use crate::model::language::quoted;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// The shortest value that is found again in other text: shorter ones are in every text by chance.
const SHORTEST: usize = 4;

/// Where a secret comes from, which is no secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A variable of our environment.
    Env(String),
    /// A file.
    File(PathBuf),
    /// The recipe itself.
    Text,
}

/// A secret. Its value is known only to the process that read it: what is written of it elsewhere, as in the journal, is
/// its name and where it comes from.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "Told", try_from = "Told")]
pub struct Secret {
    name: String,
    source: Source,
    value: Arc<OnceLock<Hidden>>,
}

/// What is told of a secret.
#[derive(Serialize, Deserialize)]
struct Told {
    secret: String,
    from: Source,
}

/// A value, overwritten when nobody needs it any more.
struct Hidden(String);

impl Drop for Hidden {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0).into_bytes();
        bytes.fill(0);
        // Nobody reads the bytes again, so without this the compiler may leave out the writes above.
        std::hint::black_box(&bytes);
    }
}

impl Secret {
    /// A secret of that name, whose value is not known yet. Scripts and recipes that are written of a lab call it by its
    /// name in capitals, so that nothing else can be in it.
    pub fn new(name: &str, source: Source) -> OpResult<Secret> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(is_plain) {
            return Err(OpError::new("secret::name", format!("A secret cannot be called {name:?}."))
                .help("Use lower-case letters, digits and `_`, a letter first: `api_token`.")
                .arg("name"));
        }
        if let Source::Env(variable) = &source
            && !is_variable(variable)
        {
            let message = format!("The secret `{name}` cannot be in a variable called {variable:?}.");
            return Err(OpError::new("secret::source", message)
                .help("Write it as in `#{ env: \"TOKEN\" }`.")
                .arg("env"));
        }
        Ok(Secret { name: name.to_owned(), source, value: Arc::default() })
    }

    /// The same with its value.
    #[must_use]
    pub fn with(self, value: String) -> Secret {
        Secret { value: Arc::new(OnceLock::from(Hidden(value))), ..self }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it comes from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Its value, for what it is meant for and nothing else; none where only its name is known.
    pub fn reveal(&self) -> Option<&str> {
        self.value.get().map(|hidden| hidden.0.as_str())
    }

    /// Takes the value of another one where it has none itself.
    pub fn learn(&self, other: &Secret) {
        if let Some(value) = other.reveal() {
            // It has one already; that is the one that counts.
            let _ = self.value.set(Hidden(value.to_owned()));
        }
    }

    /// The variable that it is in, and that a shell script without rhailab takes it from.
    pub fn variable(&self) -> String {
        match &self.source {
            Source::Env(variable) => variable.clone(),
            Source::File(_) | Source::Text => self.name.to_ascii_uppercase(),
        }
    }

    /// Whether it is the same secret, whatever is known of it.
    pub fn is_same(&self, other: &Secret) -> bool {
        (&self.name, &self.source) == (&other.name, &other.source)
    }

    /// Whether a script would take it for another one.
    pub fn clashes(&self, other: &Secret) -> bool {
        let is_one = self.source == other.source && (self.source != Source::Text || self == other);
        (self.name == other.name || self.variable() == other.variable()) && !is_one
    }

    /// The call of the language that reads it again. One that stood in the recipe is looked for in the environment, lest
    /// it stand in another recipe.
    pub fn call(&self) -> String {
        let name = quoted(&self.name);
        match &self.source {
            Source::File(path) => format!("secret({name}, #{{ file: {} }})", quoted(&path.display().to_string())),
            Source::Env(variable) if *variable != self.name.to_ascii_uppercase() => {
                format!("secret({name}, #{{ env: {} }})", quoted(variable))
            }
            Source::Env(_) | Source::Text => format!("secret({name})"),
        }
    }

    /// A text with the placeholder wherever a line of the secret stands in it, as it is or as in a quoted string.
    pub fn mask(&self, text: &str) -> String {
        let lines = self.reveal().unwrap_or_default().lines().filter(|line| line.len() >= SHORTEST);
        let forms = lines.flat_map(|line| [line.to_owned(), line.escape_debug().to_string()]);
        forms.fold(text.to_owned(), |text, form| text.replace(&form, &self.to_string()))
    }
}

fn is_variable(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(is_plain)
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        (&self.name, &self.source, self.reveal()) == (&other.name, &other.source, other.reveal())
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<secret: {}>", self.name)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Secret> for Told {
    fn from(secret: Secret) -> Told {
        Told { secret: secret.name, from: secret.source }
    }
}

impl TryFrom<Told> for Secret {
    type Error = String;

    fn try_from(told: Told) -> Result<Secret, String> {
        Secret::new(&told.secret, told.from).map_err(|error| error.to_string())
    }
}

/// Text that a program is given, secret or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// Anybody may read it.
    Plain(String),
    /// Nobody may.
    Secret(Secret),
}

impl Text {
    /// The text itself; a secret whose value is not known is returned instead.
    pub fn reveal(&self) -> Result<&str, &Secret> {
        match self {
            Text::Plain(text) => Ok(text),
            Text::Secret(secret) => secret.reveal().ok_or(secret),
        }
    }

    /// The secret, if it is one.
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Text::Plain(_) => None,
            Text::Secret(secret) => Some(secret),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text::Plain(text.to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text::Plain(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str, source: Source) -> Secret {
        Secret::new(name, source).unwrap()
    }

    fn token() -> Secret {
        secret("token", Source::Text).with("canary".to_owned())
    }

    #[test]
    fn nothing_that_is_shown_of_it_has_the_value() {
        let text = Text::Secret(token());
        let json = serde_json::to_string(&text).unwrap();
        assert_eq!(json, r#"{"secret":"token","from":"text"}"#);
        assert_eq!(
            (format!("{}", token()), format!("{text:?}")),
            ("<secret: token>".into(), "Secret(<secret: token>)".into())
        );
        assert_eq!(token().mask("it is canary."), "it is <secret: token>.");
        let key = secret("key", Source::Text).with("one\"half\nother half".into());
        let said = format!("{:?}, and other half", "one\"half");
        assert_eq!(key.mask(&said), "\"<secret: key>\", and <secret: key>");
        assert_eq!(secret("pin", Source::Text).with("1".into()).mask("in 10 ms"), "in 10 ms");
    }

    #[test]
    fn what_is_read_again_is_known_by_name_until_it_is_learned() {
        let json = serde_json::to_string(&token()).unwrap();
        let again: Secret = serde_json::from_str(&json).unwrap();
        assert_eq!((again.name(), again.reveal()), ("token", None));
        assert_ne!(again, token());
        again.learn(&token());
        assert_eq!(again.reveal(), Some("canary"));
        assert!(serde_json::from_str::<Secret>(r#"{"secret":"$(id)","from":"text"}"#).is_err());
        assert!(serde_json::from_str::<Secret>(r#"{"secret":"a","from":{"env":"$(id)"}}"#).is_err());
    }

    #[test]
    fn plain_text_that_looks_like_one_is_none() {
        let plain: Text = serde_json::from_str("\"<secret: token>\"").unwrap();
        assert_eq!(plain, Text::from("<secret: token>"));
    }

    #[test]
    fn it_is_called_by_what_it_is_read_from() {
        let calls = [
            (Source::Text, "secret(\"api_key\")", "API_KEY"),
            (Source::Env("API_KEY".into()), "secret(\"api_key\")", "API_KEY"),
            (Source::Env("KEY".into()), "secret(\"api_key\", #{ env: \"KEY\" })", "KEY"),
            (Source::File("/k".into()), "secret(\"api_key\", #{ file: \"/k\" })", "API_KEY"),
        ];
        for (source, call, variable) in calls {
            let secret = secret("api_key", source);
            assert_eq!((secret.call().as_str(), secret.variable().as_str()), (call, variable));
        }
    }

    #[test]
    fn two_secrets_with_one_name_or_variable_clash() {
        let env = |name: &str, variable: &str| secret(name, Source::Env(variable.into()));
        assert!(env("a", "X").clashes(&env("a", "Y")));
        assert!(env("a", "TOKEN").clashes(&token()));
        assert!(!env("a", "X").clashes(&env("b", "X")), "they are one and the same");
        assert!(token().clashes(&secret("token", Source::Text).with("other".into())));
        assert!(!token().clashes(&token()));
    }
}
