//! Files.

use crate::model::error::OpError;
use crate::model::explain::{reason, taken};
use crate::model::identity::Identity;
use crate::model::kind::{IdentitySource, Kind, Phase};
use crate::model::known::Known;
use crate::model::language::{list, quoted};
use crate::model::names::Ns;
use crate::model::refusal::{Errno, Refusal};
use crate::model::shell::args;
use crate::model::subject::{FILE, Fact, LinkAt, Subject};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Write a file that is not there yet, such as `/etc/netns/NAME/resolv.conf`; its missing parent folders
/// are made, and removed with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WriteFile {
    /// An absolute path.
    pub path: PathBuf,
    /// The whole content.
    pub text: String,
}

impl Kind for WriteFile {
    fn ns(&self) -> Ns {
        Ns::Host
    }

    fn spaces(&self) -> Vec<Ns> {
        Vec::new()
    }

    fn facts(&self, _identity: &Identity) -> Vec<Fact> {
        vec![Fact::made(Subject::of(&Ns::Host, FILE, self.path.display().to_string()), &self.text)]
    }

    fn identity(&self, source: &mut dyn IdentitySource, _before: Option<&str>) -> Identity {
        let dirs = self.path.ancestors().skip(1);
        let dirs = dirs.filter(|dir| dir.starts_with("/etc/netns/") && !source.has_folder(dir));
        Identity::File { made_dirs: dirs.map(PathBuf::from).collect() }
    }

    fn phase(&self) -> Phase {
        Phase::Files
    }

    fn explain(&self, refusal: &Refusal, made: &dyn Known) -> OpError {
        let path = self.path.display();
        if !refusal.is(Errno::EEXIST) {
            let message = format!("The file {path} could not be written: {}.", reason(refusal));
            return OpError::new("file::refused", message);
        }
        taken(
            OpError::new("file::exists", format!("The file {path} already exists.")),
            "Say everything in one call.",
            "It is left alone. Move it away, or do without this call.",
            made.site(&Subject::of(&Ns::Host, FILE, path.to_string())),
        )
    }

    fn follow(&mut self, _now: &dyn Fn(&LinkAt) -> LinkAt) {}

    fn commands(&self) -> Vec<String> {
        let mut out = Vec::new();
        if let Some(parent) = self.path.parent() {
            out.push(format!("mkdir -p {}", args(&[parent.to_string_lossy()])));
        }
        let target = args(&[self.path.to_string_lossy()]);
        let text = &self.text;
        let lines: Vec<&str> = text.lines().collect();
        let plain = text.ends_with('\n') && !text.contains('\\');
        out.push(match &lines[..] {
            [only] if plain && !only.starts_with('-') => format!("echo {} > {target}", args(&[only])),
            _ if text.ends_with('\n') => format!("printf '%s\\n' {} > {target}", args(&lines)),
            _ => format!("printf '%s' {} > {target}", args(&[text])),
        });
        out
    }

    fn undo_commands(&self, identity: &Identity) -> Vec<String> {
        let mut out = vec![format!("rm {}", args(&[self.path.to_string_lossy()]))];
        if let Identity::File { made_dirs } = identity {
            out.extend(made_dirs.iter().map(|dir| format!("rmdir {}", args(&[dir.to_string_lossy()]))));
        }
        out
    }

    /// Files are what `dns` and `hosts` have written.
    fn calls(&self) -> Vec<String> {
        let ns = self.path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let ns = format!("ns({})", quoted(&ns));
        if self.path.ends_with("resolv.conf") {
            let servers = self.text.lines().filter_map(|line| line.strip_prefix("nameserver "));
            return vec![format!("{ns}.dns({})", list(servers))];
        }
        let lines = self.text.lines().filter(|line| !line.ends_with(" localhost"));
        let entries = lines.filter_map(|line| line.split_once(' '));
        let entries = entries.map(|(ip, name)| format!("{}: {}", quoted(name), quoted(ip)));
        vec![format!("{ns}.hosts(#{{ {} }})", entries.collect::<Vec<_>>().join(", "))]
    }

    fn touches(&self) -> (&'static str, Vec<String>) {
        ("file", vec![self.path.display().to_string()])
    }

    fn is_on_disk(&self) -> bool {
        true
    }
}
