//! An in-memory kernel that models enough to run every recipe dry: what exists, its names, addresses, routes,
//! rules, sysctls, files and processes. It serves `plan`, `export`, the tests of every function and fault
//! injection.
//!
//! Observations are made up: a command ends with status 0 and prints nothing, a probe is answered at once.

use super::{Done, Entry, Errno, Kernel, Refusal, Undone, Why};
use network::Space;

mod network;
mod outline;
use crate::model::addr::AddAddr;
use crate::model::change::{Change, Identity};
use crate::model::file::WriteFile;
use crate::model::link::{AddLink, LinkKind};
use crate::model::link_attr::SetLink;
use crate::model::mac::Mac;
use crate::model::names::{IfName, Ns};
use crate::model::netns::AddNetns;
use crate::model::observe::{Command, LinkInfo, Output, Probe, ProcState, Reply, RouteAnswer, Snapshot};
use crate::model::process::Start;
use crate::model::route::AddRoute;
use crate::model::rules::EditRules;
use crate::model::sysctl::SetSysctl;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The in-memory kernel.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FakeKernel {
    spaces: BTreeMap<Ns, Space>,
    files: BTreeMap<PathBuf, String>,
    processes: BTreeMap<i32, Ns>,
    counter: u32,
    fail_at: Option<u64>,
    is_judged: bool,
    programs: Programs,
}

/// The programs that a fake kernel was asked to run, for who rehearses a recipe.
pub type Programs = Rc<RefCell<BTreeSet<String>>>;

impl FakeKernel {
    /// A kernel with nothing but the lab's root namespace.
    pub fn new() -> FakeKernel {
        let mut kernel = FakeKernel::default();
        kernel.spaces.insert(Ns::Host, Space::new(1));
        kernel.counter = 1;
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
        let bare = FakeKernel::new();
        self.files.is_empty() && self.processes.is_empty() && self.spaces == bare.spaces
    }

    /// Everything that is there, a line each, without what identifies it.
    pub fn outline(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.files.iter().map(|(path, text)| format!("file {} {text:?}", path.display())).collect();
        let homes = self.spaces.iter().flat_map(|(ns, space)| space.homes(ns)).collect();
        for (ns, space) in &self.spaces {
            lines.extend(space.outline(&homes).into_iter().map(|line| format!("{ns}: {line}")));
        }
        lines
    }

    fn space(&mut self, ns: &Ns) -> Done<&mut Space> {
        self.spaces.get_mut(ns).ok_or_else(|| Refusal::errno(format!("open /run/netns/{ns}"), Errno::ENOENT as i32))
    }

    fn count(&mut self) -> u32 {
        self.counter += 1;
        self.counter
    }

    fn new_mac(&mut self) -> Mac {
        let [_, _, high, low] = self.count().to_be_bytes();
        Mac([0x72, 0, 0, 0, high, low])
    }
}

impl Kernel for FakeKernel {
    fn prepare(&mut self, n: u64, change: &Change) -> Done<Identity> {
        Ok(match change {
            Change::AddNetns(_) => Identity::Netns { cookie: u64::from(self.count()) },
            Change::AddLink(AddLink { ns, link }) => Identity::Link {
                cookie: self.space(ns)?.cookie,
                mac: match link.mac {
                    Some(mac) => mac,
                    None => self.new_mac(),
                },
                peer: matches!(link.kind, LinkKind::Veth { .. }).then(|| self.new_mac()),
                group: 1,
            },
            Change::SetLink(SetLink { ns, link, set }) => match self.current(ns, link, set)? {
                now if now == *set => Identity::Already,
                now => Identity::Was(now),
            },
            Change::SetSysctl(SetSysctl { ns, key, value }) => match self.sysctl(ns, key)? {
                now if now == *value => Identity::Already,
                now => Identity::WasText(now),
            },
            Change::EditRules(EditRules { ns, .. }) => {
                self.space(ns)?;
                Identity::Rules { tag: format!("rhailab:{n}"), backend: "fake".into() }
            }
            Change::AddAddr(AddAddr { ns, .. }) | Change::AddRoute(AddRoute { ns, .. }) => {
                self.space(ns)?;
                Identity::Spec
            }
            Change::WriteFile(WriteFile { path, .. }) => {
                // Files are in the order of their folders.
                let first = |dir: &Path| self.files.range(dir.to_path_buf()..).next();
                let known = |dir: &Path| first(dir).is_some_and(|(file, _)| file.starts_with(dir));
                let dirs = path.ancestors().skip(1).filter(|dir| dir.starts_with("/etc/netns/") && !known(dir));
                Identity::File { made_dirs: dirs.map(PathBuf::from).collect() }
            }
            Change::Start(Start { ns, .. }) => {
                self.space(ns)?;
                let pid = i32::try_from(self.count()).unwrap_or(i32::MAX);
                Identity::Process { pid, start: 1, log: PathBuf::from("/dev/null"), mark: String::new() }
            }
        })
    }

    fn apply(&mut self, n: u64, change: &Change, identity: &Identity) -> Done<()> {
        if self.fail_at == Some(n) {
            return Err(Refusal::new(Why::Errno(Errno::EIO as i32), "injected fault", format!("at change {n}")));
        }
        if *identity == Identity::Already {
            return Ok(());
        }
        match (change, identity) {
            (Change::AddNetns(AddNetns { name, sysctls }), Identity::Netns { cookie }) => {
                let ns = Ns::Named(name.clone());
                if self.spaces.contains_key(&ns) {
                    return Err(Refusal::errno(format!("create /run/netns/{name}"), Errno::EEXIST as i32));
                }
                let mut space = Space::new(*cookie);
                space.base = Arc::clone(sysctls);
                self.spaces.insert(ns, space);
            }
            (Change::AddLink(AddLink { ns, link }), Identity::Link { mac, peer, .. }) => {
                self.add_link(ns, link, *mac, *peer)?;
            }
            (Change::SetLink(SetLink { ns, link, set }), _) => self.set_link(ns, link, set)?,
            (Change::AddAddr(AddAddr { ns, link, addr }), _) => {
                let link = self.space(ns)?.link(link)?;
                if link.addrs.contains(addr) {
                    return Err(Refusal::errno("RTM_NEWADDR", Errno::EEXIST as i32));
                }
                link.addrs.push(*addr);
            }
            (Change::AddRoute(AddRoute { ns, route }), _) => self.add_route(ns, route)?,
            (Change::SetSysctl(SetSysctl { ns, key, value }), _) => {
                self.space(ns)?.sysctls.insert(key.clone(), value.clone());
            }
            (Change::EditRules(_), Identity::Rules { tag, .. }) => self.edit_rules(change, tag)?,
            (Change::WriteFile(WriteFile { path, text }), _) => {
                if self.files.contains_key(path) {
                    return Err(Refusal::errno(format!("create {}", path.display()), Errno::EEXIST as i32));
                }
                self.files.insert(path.clone(), text.clone());
            }
            (Change::Start(Start { ns, .. }), Identity::Process { pid, .. }) => {
                self.processes.insert(*pid, ns.clone());
            }
            _ => return Err(Refusal::new(Why::Protocol, "apply", "the identity is not of this change's kind")),
        }
        Ok(())
    }

    fn abandon(&mut self, _n: u64) {}

    fn undo(&mut self, entry: Entry<'_>) -> Done<Undone> {
        let gone_if = |there: bool| if there { Undone::Yes } else { Undone::AlreadyGone };
        Ok(match (entry.change, entry.identity) {
            (_, Identity::Already) => Undone::AlreadyGone,
            (Change::AddNetns(AddNetns { name, .. }), Identity::Netns { cookie }) => {
                let ns = Ns::Named(name.clone());
                match self.spaces.get(&ns).map(|space| space.cookie == *cookie) {
                    None => Undone::AlreadyGone,
                    Some(false) => Undone::NotOurs("it is another namespace of that name".into()),
                    Some(true) => {
                        let links: Vec<u32> =
                            self.spaces.get(&ns).into_iter().flat_map(|s| s.links.values().map(|l| l.index)).collect();
                        for index in links {
                            self.remove_link(index);
                        }
                        self.spaces.remove(&ns);
                        Undone::Yes
                    }
                }
            }
            (Change::AddLink(_), Identity::Link { mac, .. }) => {
                let found =
                    self.spaces.values().flat_map(|s| s.links.values()).find(|l| l.born == *mac).map(|l| l.index);
                if let Some(index) = found {
                    self.remove_link(index);
                }
                gone_if(found.is_some())
            }
            (Change::SetLink(SetLink { ns, link, set }), Identity::Was(old)) => self.undo_set(ns, link, set, old)?,
            (Change::AddAddr(AddAddr { ns, link, addr }), _) => match self.spaces.get_mut(ns) {
                None => Undone::AlreadyGone,
                Some(space) => {
                    let found = space.links.get_mut(link).and_then(|link| {
                        let at = link.addrs.iter().position(|other| other == addr)?;
                        Some(link.addrs.remove(at))
                    });
                    FakeKernel::drop_unreachable(space);
                    gone_if(found.is_some())
                }
            },
            (Change::AddRoute(AddRoute { ns, route }), _) => {
                let routes = self.spaces.get_mut(ns).map(|space| &mut space.routes);
                let found = routes.and_then(|routes| {
                    let at = routes.iter().position(|other| other == route)?;
                    Some(routes.remove(at))
                });
                gone_if(found.is_some())
            }
            (Change::SetSysctl(SetSysctl { ns, key, value }), Identity::WasText(old)) => match self.sysctl(ns, key) {
                Ok(now) if now == *value => {
                    let space = self.space(ns)?;
                    if old == space.base(key) {
                        space.sysctls.remove(key)
                    } else {
                        space.sysctls.insert(key.clone(), old.clone())
                    };
                    Undone::Yes
                }
                Ok(now) => Undone::NotOurs(format!("it is {now} now")),
                Err(_) => Undone::AlreadyGone,
            },
            (Change::EditRules(_), Identity::Rules { tag, .. }) => self.undo_rules(entry.change, tag),
            (Change::WriteFile(WriteFile { path, text }), _) => match self.files.get(path) {
                Some(now) if now != text => Undone::NotOurs("its content has changed".into()),
                found => {
                    let there = found.is_some();
                    self.files.remove(path);
                    gone_if(there)
                }
            },
            (Change::Start(_), Identity::Process { pid, .. }) => gone_if(self.processes.remove(pid).is_some()),
            _ => Undone::NotOurs("the journal's identity is not of this change's kind".into()),
        })
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
        let space = self.space(ns)?;
        Ok(space.sysctls.get(key).map_or_else(|| space.base(key), String::as_str).to_owned())
    }

    fn link(&mut self, ns: &Ns, name: &IfName) -> Done<LinkInfo> {
        let space = self.space(ns)?;
        let link = space.link(name)?.clone();
        let master = link.master.as_ref().and_then(|master| space.links.get(master)).map(|master| master.index);
        Ok(LinkInfo {
            index: link.index,
            name: name.clone(),
            kind: link.kind.into(),
            mac: Some(link.mac),
            mtu: link.mtu,
            up: link.up,
            master,
            group: 1,
            addrs: link.addrs,
        })
    }

    fn netns_exists(&mut self, ns: &Ns) -> Done<bool> {
        Ok(self.spaces.contains_key(ns))
    }

    fn route_to(&mut self, ns: &Ns, to: IpAddr) -> Done<RouteAnswer> {
        let space = self.space(ns)?;
        let on_link = space.links.iter().find_map(|(name, link)| {
            let net = link.addrs.iter().find(|net| net.contains(&to))?;
            Some(RouteAnswer { dev: Some(name.clone()), via: None, src: Some(net.addr()) })
        });
        let routed = || {
            let route = space.routes.iter().filter(|r| r.to.contains(&to)).max_by_key(|r| r.to.prefix_len())?;
            Some(RouteAnswer { dev: route.dev.clone(), via: route.via, src: None })
        };
        on_link.or_else(routed).ok_or_else(|| Refusal::errno("RTM_GETROUTE", Errno::ENETUNREACH as i32))
    }

    fn snapshot(&mut self, ns: &Ns) -> Done<Snapshot> {
        let names: Vec<IfName> = self.space(ns)?.links.keys().cloned().collect();
        let links = names.iter().map(|name| self.link(ns, name)).collect::<Done<Vec<LinkInfo>>>()?;
        let space = self.space(ns)?;
        let rules = space
            .chains
            .iter()
            .flat_map(|((_, table, chain), rules)| {
                rules.iter().map(move |rule| format!("{} {chain} {}", table.as_str(), rule.rule.words().join(" ")))
            })
            .collect();
        Ok(Snapshot { links, routes: space.routes.clone(), rules })
    }

    fn process(&mut self, process: &Identity) -> Done<ProcState> {
        Ok(match process {
            Identity::Process { pid, .. } if self.processes.contains_key(pid) => ProcState::Running,
            _ => ProcState::Ended(None),
        })
    }

    fn signal(&mut self, _process: &Identity, _signal: i32) -> Done<()> {
        Ok(())
    }

    fn forget_flows(&mut self, ns: &Ns, _to: IpAddr, _port: u16, _protocol: u8) -> Done<()> {
        self.space(ns).map(drop)
    }

    fn sleep(&mut self, _time: Duration) -> Done<()> {
        Ok(())
    }

    fn is_fake(&self) -> bool {
        !self.is_judged
    }
}
