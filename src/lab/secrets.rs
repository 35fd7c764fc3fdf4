//! The secrets of a lab, known for as long as this process lives.

use super::Lab;
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::kind::Kind;
use crate::model::secret::{Secret, Source};

impl Lab {
    /// Takes note of a secret that was read. What stands must not have another one of that name: the scripts that the lab
    /// is exported as could not tell them apart.
    pub fn keep_secret(&mut self, secret: &Secret) -> OpResult<()> {
        if self.secrets.contains(secret) {
            return Ok(());
        }
        if self.secrets.iter().any(|other| other.clashes(secret)) {
            let uses = |change: &Change| change.secrets().into_iter().any(|other| other.clashes(secret));
            if let Some(record) = self.records().find(|record| uses(&record.change)) {
                let message = format!(
                    "The lab has another secret that is called `{}`, or `{}` in a script.",
                    secret.name(),
                    secret.variable()
                );
                return Err(OpError::new("secret::exists", message)
                    .note(record.site.clone(), "it is used here")
                    .help("Give this one another name.")
                    .arg("name"));
            }
        }
        self.secrets.push(secret.clone());
        Ok(())
    }

    /// A text with placeholders in the place of secrets, such as what a program has said before it failed.
    pub fn mask(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| secret.mask(&text))
    }

    /// Sees to it that the secrets of a change are known, before it is made. Those of an earlier process are known again
    /// once this one has read them.
    pub(super) fn find_secrets(&self, change: &Change) -> OpResult<()> {
        for secret in change.secrets() {
            if let Some(same) = self.secrets.iter().rev().find(|other| other.is_same(secret)) {
                secret.learn(same);
            }
            if secret.reveal().is_none() && !self.is_rehearsal() {
                return Err(unknown(secret));
            }
        }
        Ok(())
    }
}

fn unknown(secret: &Secret) -> OpError {
    let name = secret.name();
    let message = format!(
        "The secret `{name}` is not known any more: it was read by an earlier process, and nothing that rhailab writes has it."
    );
    let again = match secret.source() {
        Source::Env(_) | Source::File(_) => secret.call(),
        Source::Text => format!("secret(\"{name}\", #{{ text: … }})"),
    };
    OpError::new("secret::unknown", message).help(format!("Enter `{again};`, then try again."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fake::FakeKernel;
    use crate::lab::{Lab, Record};
    use crate::model::error::Site;
    use crate::model::names::{LabName, Ns};
    use crate::model::process::{NewProcess, Start};
    use crate::model::secret::Text;

    fn lab() -> Lab {
        Lab::new(LabName::new("t").unwrap(), Box::new(FakeKernel::judged()), None)
    }

    fn site() -> Site {
        Site { source: "t".into(), line: 1, col: 1 }
    }

    fn token(value: &str) -> Secret {
        Secret::new("token", Source::Env("TOKEN".into())).unwrap().with(value.into())
    }

    fn start(secret: &Secret) -> Change {
        let env = vec![("API".into(), Text::Secret(secret.clone()))];
        let process = NewProcess { name: "p".into(), argv: vec!["true".into()], env, cwd: None };
        Change::Start(Start { ns: Ns::Host, process })
    }

    #[test]
    fn what_an_earlier_process_made_with_a_secret_is_made_again_once_it_is_read_again() {
        let mut lab = lab();
        lab.keep_secret(&token("s3cret")).unwrap();
        lab.commit(&site(), vec![start(&token("s3cret"))]).unwrap();
        let json = serde_json::to_string(&lab.record(1).unwrap().change).unwrap();
        assert!(!json.contains("s3cret"), "{json}");
        let record = Record { change: serde_json::from_str(&json).unwrap(), ..lab.record(1).unwrap().clone() };

        let mut later = self::lab();
        let lost = later.remake(std::slice::from_ref(&record));
        let error = &lost.first().unwrap().error;
        assert_eq!(error.0.code, "secret::unknown");
        assert_eq!(error.0.help.as_deref(), Some("Enter `secret(\"token\");`, then try again."));
        assert!(later.record(1).is_none());

        later.keep_secret(&token("s3cret")).unwrap();
        assert!(later.remake(&[record]).is_empty());
        let made = &later.record(1).unwrap().change;
        assert_eq!(made.secrets().first().and_then(|secret| secret.reveal()), Some("s3cret"));
    }

    #[test]
    fn one_name_stands_for_one_secret_in_what_stands() {
        let mut lab = lab();
        let other = Secret::new("token", Source::Text).unwrap().with("other".into());
        lab.keep_secret(&token("s3cret")).unwrap();
        lab.keep_secret(&other).unwrap();
        lab.commit(&site(), vec![start(&token("s3cret"))]).unwrap();
        lab.keep_secret(&token("renewed")).unwrap();
        let another = Secret::new("token", Source::Text).unwrap().with("another".into());
        assert_eq!(lab.keep_secret(&another).unwrap_err().0.code, "secret::exists");
        assert_eq!(lab.mask("s3cret, renewed, other"), "<secret: token>, <secret: token>, <secret: token>");
    }
}
