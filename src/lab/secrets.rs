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
