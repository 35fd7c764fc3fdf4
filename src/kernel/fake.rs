//! An in-memory kernel on which every recipe can be run dry. It serves `plan`, `export`, the tests of every function and
//! fault injection.
//!
//! It knows no kind of change by name: what a change does is what the change says of itself ([`Kind::facts`]), kept in a
//! [`State`]. Observations are made up: a command ends with status 0 and prints nothing, a probe is answered at once.

#![deny(clippy::wildcard_enum_match_arm)]

use super::{Cause, ChangeRef, Done, Errno, Kernel, Observed, Refusal, Undone, Why};
use crate::model::change::Change;
use crate::model::identity::Identity;
use crate::model::kind::{IdentitySource, Kind};
use crate::model::mac::Mac;
use crate::model::names::{IfName, Ns};
use crate::model::observe::{Command, LinkInfo, Output, Probe, ProcState, Reply, RouteAnswer, Snapshot};
use crate::model::state::State;
use crate::model::subject::{CHAIN, FILE, Fact, LINK, NETNS, Need, ROUTE, RULES, Subject};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

mod look;

/// The in-memory kernel.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FakeKernel {
    state: State,
    /// In boxes: a map of such many has room for twice as many.
    changes: BTreeMap<u64, Box<(Change, Identity)>>,
    source: Source,
    fail_at: Option<u64>,
    is_judged: bool,
    programs: Programs,
}

/// The programs that a fake kernel was asked to run, for who rehearses a recipe.
pub type Programs = Rc<RefCell<BTreeSet<String>>>;

/// Where identities come from.
#[derive(Debug, Clone, Default, PartialEq)]
struct Source {
    counter: u64,
    /// The change that is prepared.
    n: u64,
    cookies: BTreeMap<Ns, u64>,
    folders: BTreeMap<String, usize>,
}

impl IdentitySource for Source {
    fn number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn mac(&mut self) -> Mac {
        let [.., high, low] = self.number().to_be_bytes();
        Mac([0x72, 0, 0, 0, high, low])
    }

    fn number_of_change(&self) -> u64 {
        self.n
    }

    fn cookie(&self, ns: &Ns) -> u64 {
        self.cookies.get(ns).copied().unwrap_or(1)
    }

    fn has_folder(&self, path: &Path) -> bool {
        self.folders.contains_key(&path.display().to_string())
    }
}

impl Source {
    /// Notes that there is one file more below the folders of a file, or one less.
    fn count_file(&mut self, path: &Path, is_made: bool) {
        for folder in path.ancestors().skip(1) {
            let name = folder.display().to_string();
            let count = self.folders.entry(name.clone()).or_default();
            *count = if is_made { *count + 1 } else { count.saturating_sub(1) };
            if *count == 0 {
                self.folders.remove(&name);
            }
        }
    }
}

impl FakeKernel {
    /// A kernel with nothing but the lab's root namespace.
    pub fn new() -> FakeKernel {
        let mut kernel = FakeKernel::default();
        kernel.source.counter = 1;
        kernel
    }

    /// A kernel that refuses change number `n`, for fault injection.
    pub fn failing_at(n: u64) -> FakeKernel {
        FakeKernel { fail_at: Some(n), ..FakeKernel::new() }
    }

    /// A kernel that does not call itself a fake, for tests of what scripts make of observations.
    pub fn judged() -> FakeKernel {
        FakeKernel { is_judged: true, ..FakeKernel::new() }
    }

    /// A kernel that tells which programs it was asked to run, as far as they can be looked for: not those of a folder or
    /// a `PATH` of their own.
    pub fn noting(programs: &Programs) -> FakeKernel {
        FakeKernel { programs: Rc::clone(programs), ..FakeKernel::new() }
    }

    /// Whether there is anything but the bare root namespace.
    pub fn is_bare(&self) -> bool {
        self.state.facts().next().is_none()
    }

    fn fail_at(&self, n: u64) -> Done<()> {
        if self.fail_at != Some(n) {
            return Ok(());
        }
        Err(Refusal::new(Why::Errno(Errno::EIO as i32), "injected fault", format!("at change {n}")))
    }

    fn space(&self, ns: &Ns) -> Done<()> {
        if self.has(&Subject::netns(ns.clone())) { Ok(()) } else { Err(missing(&Subject::netns(ns.clone()))) }
    }

    /// Whether a subject is there. The lab's root namespace is, and `lo` in every namespace.
    fn has(&self, subject: &Subject) -> bool {
        let is_lo = subject.what == LINK && subject.link.as_ref().is_some_and(|link| link.as_str() == "lo");
        if is_lo {
            return self.has(&Subject::netns(subject.ns.clone()));
        }
        subject.ns == Ns::Host && subject.what == NETNS || self.state.value(subject).is_some()
    }

    /// Refuses a fact that the kernel would refuse.
    fn judge(&self, fact: &Fact) -> Done<()> {
        let subject = &fact.subject;
        let stands = |needed: &Subject| if self.has(needed) { Ok(()) } else { Err(missing(needed)) };
        if subject.ns != Ns::Host && subject.what != NETNS {
            stands(&Subject::netns(subject.ns.clone()))?;
        }
        subject.home().as_ref().map_or(Ok(()), stands)?;
        for need in &fact.needs {
            match need {
                Need::Stands(needed) => stands(needed)?,
                Need::Up((ns, link)) if self.is_up(ns, link) => {}
                Need::Up(_) => return Err(Refusal::errno("RTM_NEWROUTE", Errno::ENETDOWN as i32)),
                Need::Free(other) if self.has(other) => return Err(taken(other)),
                Need::Free(_) | Need::StaysUp(_) => {}
                Need::Reach(ns, ip) if self.state.reaches(ns, *ip) => {}
                Need::Reach(..) => return Err(Refusal::errno("RTM_NEWROUTE", Errno::ENETUNREACH as i32)),
            }
        }
        if fact.is_new && self.has(subject) { Err(taken(subject)) } else { Ok(()) }
    }

    /// The value that a change would take the place of.
    fn before(&self, change: &Change) -> Option<String> {
        let facts = change.facts(&Identity::Spec);
        self.current(&facts.first()?.subject)
    }

    /// The value of a subject: what it was given, or what it began with.
    fn current(&self, subject: &Subject) -> Option<String> {
        if let Some(value) = self.state.value(subject) {
            return Some(value.to_owned());
        }
        self.initial(subject)
    }

    /// What a subject began with: as whatever made its home has it.
    fn initial(&self, subject: &Subject) -> Option<String> {
        let maker = self.state.holder(&subject.home()?)?;
        self.changes.get(&maker).and_then(|made| made.0.initial(subject))
    }
}

/// What is said of something that is not there.
fn missing(subject: &Subject) -> Refusal {
    match subject.what {
        LINK => Refusal::errno("RTM_GETLINK", Errno::ENODEV as i32),
        NETNS => Refusal::errno(format!("open /run/netns/{}", subject.ns), Errno::ENOENT as i32)
            .because(Cause::NoNetns(subject.ns.clone())),
        CHAIN => {
            let words = format!("Chain '{}' does not exist", last(&subject.key));
            Refusal::new(Why::Tool(1), "iptables", words).because(Cause::NoChain)
        }
        RULES => Refusal::new(Why::Tool(1), "iptables", "Bad rule (does a matching rule exist in that chain?)"),
        _ => Refusal::errno(subject.to_string(), Errno::ENOENT as i32),
    }
}

/// What is said of something that is there already.
fn taken(subject: &Subject) -> Refusal {
    let exists = |request: String| Refusal::errno(request, Errno::EEXIST as i32);
    match subject.what {
        LINK => exists("RTM_NEWLINK".to_owned()),
        NETNS => exists(format!("create /run/netns/{}", subject.ns)),
        ROUTE => exists("RTM_NEWROUTE".to_owned()),
        FILE => exists(format!("create {}", subject.key)),
        CHAIN => Refusal::new(Why::Tool(1), "iptables", "Chain already exists").because(Cause::ChainExists),
        _ => exists(subject.to_string()),
    }
}

fn last(key: &str) -> &str {
    key.rsplit(' ').next().unwrap_or(key)
}

impl Kernel for FakeKernel {
    fn prepare(&mut self, n: u64, change: &Change) -> Done<Identity> {
        self.space(&change.ns())?;
        let facts = change.facts(&Identity::Spec);
        let home = facts.first().filter(|fact| !fact.is_new).and_then(|fact| fact.subject.home());
        if let Some(home) = home.filter(|home| !self.has(home)) {
            return Err(missing(&home));
        }
        let before = self.before(change);
        self.source.n = n;
        Ok(change.identity(&mut self.source, before.as_deref()))
    }

    fn apply(&mut self, n: u64, change: &Change, identity: &Identity) -> Done<()> {
        self.fail_at(n)?;
        let facts = change.facts(identity);
        let mut made: Vec<&Subject> = Vec::new();
        for fact in &facts {
            // What belongs to something that the same change makes finds it there.
            let needs_none = fact.subject.home().is_some_and(|home| made.contains(&&home));
            if !needs_none {
                self.judge(fact)?;
            }
            if fact.is_new && made.contains(&&fact.subject) {
                return Err(taken(&fact.subject));
            }
            made.extend(fact.is_new.then_some(&fact.subject));
        }
        if *identity == Identity::Already {
            return Ok(());
        }
        // Something that had fallen is made again in parts, as `repair` does it.
        if self.state.has(n) && self.changes.get(&n).is_some_and(|made| made.0 != *change) {
            self.state.set_again(n, &facts);
            return Ok(());
        }
        self.state.remove(n);
        self.state.add(n, change, identity);
        if let Identity::Netns { cookie } = identity {
            self.source.cookies.extend(facts.first().map(|fact| (fact.subject.ns.clone(), *cookie)));
        }
        self.count_files(change, identity, true);
        self.changes.insert(n, Box::new((change.clone(), identity.clone())));
        Ok(())
    }

    fn abandon(&mut self, _n: u64) {}

    fn alter(&mut self, step: u64, before: ChangeRef<'_>, after: &Change) -> Done<()> {
        self.fail_at(step)?;
        let ChangeRef { n, identity, .. } = before;
        self.state.remove(n);
        self.state.add(n, after, identity);
        self.changes.insert(n, Box::new((after.clone(), identity.clone())));
        Ok(())
    }

    fn forget(&mut self, n: u64) {
        self.erase(n);
    }

    fn undo(&mut self, entry: ChangeRef<'_>) -> Done<Undone> {
        let ChangeRef { n, change, identity } = entry;
        if *identity == Identity::Already || !self.state.has(n) {
            self.erase(n);
            return Ok(Undone::AlreadyGone);
        }
        let facts = change.facts(identity);
        if let Some(fact) = facts.first() {
            if !fact.is_new && !self.state.is_current(n, 0) {
                let now = self.current(&fact.subject).unwrap_or_default();
                return Ok(Undone::NotOurs(format!("it is {now} now")));
            }
            if let Some(name) = fact.leaves().filter(|name| self.has(name)) {
                return Err(taken(&name));
            }
            if fact.is_new && !self.state.stands(n, 0) {
                self.erase(n);
                return Ok(Undone::AlreadyGone);
            }
        }
        if let Some(user) = self.state.users(n).into_iter().find(|user| self.state.is_current(*user, 0)) {
            let held = facts.iter().find(|fact| fact.subject.what == CHAIN);
            if let Some(chain) = held.filter(|_| self.changes.contains_key(&user)) {
                return Ok(Undone::NotOurs(format!("{} holds rules of somebody else", chain.subject)));
            }
        }
        self.erase(n);
        Ok(Undone::Yes)
    }

    fn read(&mut self, entries: &[ChangeRef<'_>]) -> Vec<Done<Vec<Observed>>> {
        let read = |fact: &Fact| self.current(&fact.subject).map_or(Observed::Gone, Observed::Is);
        entries.iter().map(|entry| Ok(entry.change.facts(entry.identity).iter().map(read).collect())).collect()
    }

    fn exec(&mut self, ns: &Ns, command: &Command) -> Done<Output> {
        self.space(ns)?;
        let elsewhere = command.cwd.is_some() || command.env.iter().any(|(key, _)| key == "PATH");
        if let Some(program) = command.argv.first().filter(|program| !elsewhere || program.starts_with('/')) {
            self.programs.borrow_mut().insert(program.clone());
        }
        Ok(Output::default())
    }

    fn probe(&mut self, ns: &Ns, _probe: &Probe) -> Done<Reply> {
        self.space(ns)?;
        Ok(Reply { status: 200, ..Reply::default() })
    }

    fn sysctl(&mut self, ns: &Ns, key: &str) -> Done<String> {
        self.space(ns)?;
        let asked = crate::model::sysctl::SetSysctl { ns: ns.clone(), key: key.to_owned(), value: String::new() };
        Ok(self.before(&Change::SetSysctl(asked)).unwrap_or_else(|| "0".to_owned()))
    }

    fn link(&mut self, ns: &Ns, name: &IfName) -> Done<LinkInfo> {
        self.space(ns)?;
        self.link_info(ns, name)
    }

    fn netns_exists(&mut self, ns: &Ns) -> Done<bool> {
        Ok(self.space(ns).is_ok())
    }

    fn route_to(&mut self, ns: &Ns, to: IpAddr) -> Done<RouteAnswer> {
        self.space(ns)?;
        self.route_answer(ns, to)
    }

    fn snapshot(&mut self, ns: &Ns) -> Done<Snapshot> {
        self.space(ns)?;
        Ok(Snapshot { links: self.links(ns)?, routes: self.routes(ns), rules: self.rules(ns) })
    }

    fn process(&mut self, process: &Identity) -> Done<ProcState> {
        let runs = self.changes.values().any(|made| made.1 == *process);
        Ok(if runs { ProcState::Running } else { ProcState::Ended(None) })
    }

    fn signal(&mut self, _process: &Identity, _signal: i32) -> Done<()> {
        Ok(())
    }

    fn forget_flows(&mut self, ns: &Ns, _to: IpAddr, _port: u16, _protocol: u8) -> Done<()> {
        self.space(ns)?;
        Ok(())
    }

    fn sleep(&mut self, _time: Duration) -> Done<()> {
        Ok(())
    }

    fn is_fake(&self) -> bool {
        !self.is_judged
    }
}

impl FakeKernel {
    fn erase(&mut self, n: u64) {
        if let Some(made) = self.changes.remove(&n) {
            self.count_files(&made.0, &made.1, false);
        }
        self.state.remove(n);
    }

    fn count_files(&mut self, change: &Change, identity: &Identity, is_made: bool) {
        for fact in change.facts(identity).iter().filter(|fact| fact.subject.what == FILE) {
            self.source.count_file(Path::new(&fact.subject.key), is_made);
        }
    }
}
