//! What this machine is like, as far as labs care: facts, without judgement. What can be tried is tried for real, in a
//! sandbox that goes with the try.

use super::registry::Registry;
use super::state_dirs::own_dir;
use crate::kernel::linux::machine::{Network, network};
use crate::kernel::linux::netfilter::inventory::{Tool, tools};
use crate::kernel::linux::programs;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::linux::trial::{Attempt, refusal};
use crate::kernel::users;
use crate::kernel::{Cause, Refusal, Why};
use crate::model::error::OpResult;
use crate::model::explain::reason;
use crate::model::names::LabName;
use crate::sandbox::{self, Grants, SandboxSpec, UserNsSettings};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// The name of the lab whose folder is made for a try.
const LAB: &str = "doctor";

/// The programs that install others.
const MANAGERS: [&str; 4] = ["apt-get", "dnf", "pacman", "apk"];

/// What was found.
#[derive(Debug, Clone)]
pub struct MachineFacts {
    /// Whether we are root.
    pub is_root: bool,
    /// Our login name, if the user database has one.
    pub login: Option<String>,
    /// What a sandbox is like, or why there is none.
    pub sandbox: OpResult<Tried>,
    /// What could be to blame for that.
    pub settings: UserNsSettings,
    /// Our subordinate ids.
    pub grants: Grants,
    /// The iptables of both families.
    pub tools: Result<Vec<Tool>, String>,
    /// The network that `--host` would act in.
    pub network: Result<Network, String>,
    /// Where labs are kept, or why none can be.
    pub state: OpResult<PathBuf>,
    /// What installs programs here.
    pub manager: Option<&'static str>,
}

/// What a sandbox is like.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tried {
    /// Whether it has a user namespace of its own.
    pub own_users: bool,
    /// How many user ids and group ids there are in it.
    pub ids: [u64; 2],
    /// For each attempt, why it was refused, if it was.
    pub refused: Vec<Option<Refused>>,
}

impl Tried {
    /// The same without the first attempts.
    #[must_use]
    pub fn after(&self, number: usize) -> Tried {
        Tried { refused: self.refused.iter().skip(number).cloned().collect(), ..self.clone() }
    }
}

/// Why an attempt was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The words of the kernel or of the tool.
    pub words: String,
    /// What they are about.
    pub lacks: Lacks,
}

/// What an attempt was refused for lack of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lacks {
    /// A tool, which is not installed.
    Tool,
    /// A chain, which a rule speaks of.
    Chain,
    /// Something else, perhaps of the kernel's.
    Other,
}

impl Lacks {
    fn of(refusal: &Refusal) -> Lacks {
        match (refusal.why, &refusal.cause) {
            (Why::NoTool, _) => Lacks::Tool,
            (_, Cause::NoChain) => Lacks::Chain,
            _ => Lacks::Other,
        }
    }
}

/// Looks at the machine, and makes these attempts in a sandbox. To be called while the process has one thread.
pub fn examine(attempts: &[Attempt]) -> MachineFacts {
    MachineFacts {
        // First, while there is certainly no other thread.
        sandbox: try_sandbox(attempts),
        is_root: sandbox::euid() == 0,
        login: users::login(sandbox::euid()),
        settings: UserNsSettings::read(),
        grants: sandbox::grants(),
        tools: iptables(),
        network: network().map_err(|refusal| refusal.to_string()),
        state: keep_one(),
        manager: manager(),
    }
}

/// Makes a sandbox, and attempts these things in it. To be called while the process has one thread.
pub fn try_sandbox(attempts: &[Attempt]) -> OpResult<Tried> {
    let ours = fs::read_link(USERS).ok();
    sandbox::ask(&SandboxSpec::default(), |_| Tried {
        own_users: fs::read_link(USERS).ok() != ours,
        ids: ["uid", "gid"].map(mapped),
        refused: attempt_all(attempts),
    })
}

/// The iptables of both families.
pub fn iptables() -> Result<Vec<Tool>, String> {
    tools().map_err(|refusal| refusal.to_string())
}

/// What installs programs here.
pub fn manager() -> Option<&'static str> {
    MANAGERS.into_iter().find(|name| programs::find(name).is_some())
}

const USERS: &str = "/proc/thread-self/ns/user";

fn attempt_all(attempts: &[Attempt]) -> Vec<Option<Refused>> {
    let refused = |refusal: &Refusal| Refused { words: reason(refusal), lacks: Lacks::of(refusal) };
    match Spaces::new() {
        Ok(spaces) => attempts.iter().map(|attempt| refusal(&spaces, attempt).as_ref().map(refused)).collect(),
        Err(refusal) => vec![Some(refused(&refusal)); attempts.len()],
    }
}

/// How many ids of a kind our user namespace has (user_namespaces(7)).
fn mapped(kind: &str) -> u64 {
    let map = fs::read_to_string(format!("/proc/thread-self/{kind}_map")).unwrap_or_default();
    let counts = map.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
    counts.sum()
}

/// Keeps a lab that is nothing but its folder, and removes it; where that was.
fn keep_one() -> OpResult<PathBuf> {
    let registry = Registry::open()?;
    let lock = registry.create_near(&LabName::new(LAB)?)?;
    let folder = lock.dir().path().parent().map(Path::to_owned).unwrap_or_default();
    own_dir(lock.dir().disk())?;
    lock.remove()?;
    Ok(folder)
}
