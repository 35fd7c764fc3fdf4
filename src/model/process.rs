//! Processes.

use crate::model::error::OpError;
use crate::model::identity::Identity;
use crate::model::kind::{IdentitySource, Kind, Phase, within};
use crate::model::known::Known;
use crate::model::language::{list, of, options, quoted};
use crate::model::names::Ns;
use crate::model::refusal::Refusal;
use crate::model::secret::{Secret, Text};
use crate::model::shell::{args, in_ns, line};
use crate::model::subject::{Fact, LinkAt, PROCESS, Subject};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The path of this program, whatever became of its file (proc_pid_exe(5)).
pub const OURSELVES: &str = "/proc/self/exe";

mod explain;

pub use explain::exec as refused;

/// Start a process that lives as long as the lab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// In which namespace.
    pub ns: Ns,
    /// What to run.
    pub process: NewProcess,
}

/// A process to be started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewProcess {
    /// How logs and errors call it; unique in the lab.
    pub name: String,
    /// The program and its arguments; no shell.
    pub argv: Vec<String>,
    /// Variables added to the environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, Text)>,
    /// Its working folder; the recipe's where none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
}

impl Start {
    /// The shell command that runs the program, in the foreground, by way of `launcher`. Secrets are taken from variables
    /// of the shell and never stand among arguments, which everybody can see.
    pub fn command(&self, launcher: &str) -> String {
        let NewProcess { env, argv, .. } = &self.process;
        let (mut secret, mut plain) = (String::new(), Vec::new());
        for (key, value) in env {
            match value {
                Text::Plain(value) => plain.push(format!("{key}={value}")),
                Text::Secret(value) => secret.push_str(&format!("{key}=\"${}\" ", value.variable())),
            }
        }
        let plain = if plain.is_empty() { String::new() } else { format!("env {} ", args(&plain)) };
        // The built-in servers are this program.
        let argv: Vec<&str> = argv.iter().map(|word| if word == OURSELVES { "rhailab" } else { word }).collect();
        format!("{secret}{launcher}{}", in_ns(&self.ns, &format!("{plain}{}", line(&argv))))
    }
}

impl Kind for Start {
    fn ns(&self) -> Ns {
        self.ns.clone()
    }

    fn facts(&self, _identity: &Identity) -> Vec<Fact> {
        vec![Fact::made(Subject::of(&self.ns, PROCESS, self.process.name.clone()), "")]
    }

    fn identity(&self, source: &mut dyn IdentitySource, _before: Option<&str>) -> Identity {
        let pid = i32::try_from(source.number()).unwrap_or(i32::MAX);
        Identity::Process { pid, start: 1, log: PathBuf::from("/dev/null"), mark: String::new() }
    }

    fn phase(&self) -> Phase {
        Phase::Processes
    }

    /// A process keeps its namespace alive.
    fn falls_with(&self) -> Vec<Subject> {
        Vec::new()
    }

    fn explain(&self, refusal: &Refusal, made: &dyn Known) -> OpError {
        explain::exec(refusal, &self.ns, &self.process.argv, made)
    }

    fn follow(&mut self, _now: &dyn Fn(&LinkAt) -> LinkAt) {}

    fn commands(&self) -> Vec<String> {
        vec![format!("{} &", self.command(""))]
    }

    fn undo_commands(&self, identity: &Identity) -> Vec<String> {
        let Identity::Process { pid, .. } = identity else { return Vec::new() };
        vec![format!("kill {pid}")]
    }

    fn calls(&self) -> Vec<String> {
        let process = &self.process;
        let call = |value: &Text| match value {
            Text::Plain(text) => quoted(text),
            Text::Secret(secret) => secret.call(),
        };
        let env = process.env.iter().map(|(name, value)| format!("{}: {}", quoted(name), call(value)));
        let env = env.collect::<Vec<_>>().join(", ");
        // A name that begins with a number was made of it, and is another one in another run.
        let is_numbered = process.name.split('-').next().is_some_and(|word| word.parse::<u64>().is_ok());
        let options = options(&[
            ("name", (!is_numbered).then(|| quoted(&process.name))),
            ("env", (!env.is_empty()).then(|| format!("#{{ {env} }}"))),
            ("cwd", process.cwd.as_ref().map(|cwd| quoted(&cwd.display().to_string()))),
        ]);
        let words = list(process.argv.iter().map(String::as_str));
        vec![format!("{}start({words}{options})", of(&self.ns))]
    }

    fn secrets(&self) -> Vec<&Secret> {
        self.process.env.iter().filter_map(|(_, value)| value.secret()).collect()
    }

    fn touches(&self) -> (&'static str, Vec<String>) {
        ("process", vec![within(&self.ns, &self.process.name)])
    }
}
