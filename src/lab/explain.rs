//! From a kernel's refusal to an error that a user can act on: it names the object, the namespace and the
//! reason, says whose the thing in the way is, and what to do next.

use super::stop::stopped;
use super::{Made, Record};
use crate::kernel::{Cause, Errno, Refusal, Why};
use crate::model::addr::AddAddr;
use crate::model::change::Change;
use crate::model::error::{Class, OpError, Owner, Site, closest};
use crate::model::file::WriteFile;
use crate::model::kind::Kind;
use crate::model::link::AddLink;
use crate::model::link_attr::{LinkSet, SetLink};
use crate::model::names::{Ns, NsName};
use crate::model::netns::AddNetns;
use crate::model::process::Start;
use crate::model::route::{AddRoute, Route};
use crate::model::rules::EditRules;
use crate::model::subject::{ADDRESS, FILE, ROUTE, Subject};
use crate::model::sysctl::SetSysctl;

mod exec;
mod link;
mod rules;
mod sysctl;

pub use exec::exec;
pub use link::link;
use link::{add_link, no_link, set_link};
use rules::{chain_exists, rules};
pub use sysctl::sysctl;
use sysctl::unrecorded;

/// Why a change was refused.
pub fn change(refusal: &Refusal, change: &Change, made: &Made) -> OpError {
    // Nothing to be done by hand: the sysctl itself was not refused.
    if let (Cause::Ledger, Change::SetSysctl(SetSysctl { ns, key, .. })) = (&refusal.cause, change) {
        return unrecorded(refusal, ns, key);
    }
    let error = match &refusal.cause {
        Cause::NoNetns(ns) => no_target(ns, change, made),
        _ => of_kind(refusal, change, made),
    };
    let error = finish(error, refusal);
    // Of no help where the tool itself is missing, or nothing was wrong but the moment.
    if matches!(refusal.why, Why::NoTool | Why::Interrupted) {
        return error;
    }
    error.command(change.headlines().join("\n"))
}

/// There is no such namespace, which the change is about.
fn no_target(ns: &Ns, change: &Change, made: &Made) -> OpError {
    let error = no_netns(ns, made);
    let moves = matches!(change, Change::SetLink(SetLink { set: LinkSet::Ns(there), .. }) if there == ns);
    if moves { error.arg("ns") } else { error }
}

/// Why a change of each kind was refused.
fn of_kind(refusal: &Refusal, change: &Change, made: &Made) -> OpError {
    match change {
        Change::AddNetns(AddNetns { name, .. }) if refusal.is(Errno::EEXIST) => taken(
            OpError::new("netns::exists", format!("Namespace `{name}` already exists.")),
            &format!("Pick another name, or take the one that is there: `ns(\"{name}\")`."),
            "Pick another name. What this recipe did not make is never taken over; `ip netns del` removes one that nobody needs.",
            made.site(&Subject::netns(Ns::Named(name.clone()))),
        ),
        Change::AddNetns(AddNetns { name, .. }) => {
            OpError::new("netns::refused", format!("Namespace `{name}` could not be made: {}.", reason(refusal)))
        }
        Change::AddLink(AddLink { ns, link }) => add_link(refusal, ns, link, made),
        Change::SetLink(SetLink { ns, link, set }) => set_link(refusal, ns, link, set, made),
        Change::AddAddr(AddAddr { ns, link, addr }) => match refusal.number().map(Errno::from_raw) {
            Some(Errno::EEXIST) => taken(
                OpError::new("addr::exists", format!("Interface `{link}` in {} already has {addr}.", place(ns))),
                "Give it another address, or leave this call out.",
                "Give it another address, or leave this call out.",
                made.site(&Subject::on(ns, link, ADDRESS, addr.to_string())),
            ),
            Some(Errno::ENODEV) => no_link(ns, link, made),
            Some(Errno::EINVAL) if addr.addr().is_ipv6() => OpError::new(
                "addr::refused",
                format!("Interface `{link}` in {} takes no IPv6 address.", place(ns)),
            )
            .help(
                "IPv6 needs an MTU of at least 1280 bytes, and the sysctl `net.ipv6.conf.NAME.disable_ipv6` to be 0.",
            ),
            _ => OpError::new(
                "addr::refused",
                format!("Interface `{link}` in {} did not take the address {addr}: {}.", place(ns), reason(refusal)),
            ),
        },
        Change::AddRoute(AddRoute { ns, route }) => add_route(refusal, ns, route, made),
        Change::SetSysctl(SetSysctl { ns, key, .. }) => sysctl(refusal, ns, key),
        Change::EditRules(rules) if refusal.cause == Cause::ChainExists => chain_exists(rules, made),
        Change::EditRules(EditRules { ns, family, edits, .. }) => rules(refusal, ns, family.iptables(), edits),
        Change::WriteFile(WriteFile { path, .. }) if refusal.is(Errno::EEXIST) => taken(
            OpError::new("file::exists", format!("The file {} already exists.", path.display())),
            "Say everything in one call.",
            "It is left alone. Move it away, or do without this call.",
            made.site(&Subject::of(&Ns::Host, FILE, path.display().to_string())),
        ),
        Change::WriteFile(WriteFile { path, .. }) => OpError::new(
            "file::refused",
            format!("The file {} could not be written: {}.", path.display(), reason(refusal)),
        ),
        Change::Start(Start { ns, process }) => exec(refusal, ns, &process.argv, made),
    }
}

/// Why a change could not be undone.
pub fn undo(refusal: &Refusal, record: &Record) -> OpError {
    let what = record.change.commands().into_iter().next().unwrap_or_default();
    let error = OpError::new("undo::refused", format!("`{what}` could not be undone: {}.", reason(refusal)));
    finish(error, refusal).class(Class::Leftover)
}

/// A refusal with nothing more to say about it.
pub fn plain(refusal: &Refusal, ns: &Ns) -> OpError {
    let error = match &refusal.cause {
        Cause::NoNetns(gone) => no_netns(gone, &Made::default()),
        _ => OpError::new("kernel::refused", format!("In {}: {}.", place(ns), reason(refusal))),
    };
    finish(error, refusal)
}

fn no_netns(ns: &Ns, made: &Made) -> OpError {
    let known: Vec<&str> = made.namespaces().map(NsName::as_str).collect();
    let error = OpError::new("netns::unknown", format!("There is no namespace `{ns}`."));
    match closest(&ns.to_string(), known.iter().copied()) {
        Some(near) => error.help(format!("Did you mean `{near}`?")),
        None if known.is_empty() => error.help(format!("Make it first: `netns(\"{ns}\")`.")),
        None => error.help(format!("The recipe has made: {}.", known.join(", "))),
    }
}

fn add_route(refusal: &Refusal, ns: &Ns, route: &Route, made: &Made) -> OpError {
    let here = place(ns);
    let to =
        if route.to.prefix_len() == 0 { "the default route".to_owned() } else { format!("a route to {}", route.to) };
    match refusal.number().map(Errno::from_raw) {
        Some(Errno::EEXIST) => taken(
            OpError::new("route::exists", format!("There is already {to} in {here}.")),
            "Give this one another metric (`#{ metric: 100 }`), or take the other away first: `del_route`.",
            "Give this one another metric: `#{ metric: 100 }`.",
            made.site(&Subject::of(ns, ROUTE, route.key())),
        ),
        Some(Errno::ENETUNREACH | Errno::EHOSTUNREACH) => {
            let via = route.via.map_or_else(String::new, |via| via.to_string());
            OpError::new("route::gateway", format!("The gateway {via} is not on any subnet of {here}."))
                .help("Give an interface there an address in the gateway's subnet first, and bring it up.")
                .arg("via")
        }
        Some(Errno::ENETDOWN) => OpError::new("route::down", format!("The interface of {to} in {here} is down."))
            .help("Bring it up first: `link.up()`."),
        Some(Errno::ENODEV) => match &route.dev {
            Some(dev) => no_link(ns, dev, made).arg("dev"),
            None => OpError::new("route::refused", format!("{to} in {here}: {}.", reason(refusal))),
        },
        _ => OpError::new("route::refused", format!("{here} did not take {to}: {}.", reason(refusal))),
    }
}

fn denied(message: String) -> OpError {
    OpError::new("permission", message)
        .help("Run it without `--host`, in a sandbox, which needs no root; or as root.")
        .class(Class::Machine)
}

/// Adds what every refusal carries.
fn finish(mut error: OpError, refusal: &Refusal) -> OpError {
    error.0.errno = refusal.number();
    let says_all = matches!(refusal.why, Why::NoTool | Why::Tool(_));
    if error.0.cause.is_none() && !says_all {
        error.0.cause = Some(refusal.to_string());
    }
    match refusal.why {
        Why::Interrupted => return stopped(),
        Why::Errno(errno) if errno == Errno::EPERM as i32 && error.0.help.is_none() => {
            error.0.class = Class::Machine;
            error.0.help = Some("Run it without `--host`, in a sandbox, which needs no root; or as root.".into());
        }
        _ => {}
    }
    error
}

/// Something of that name is there: ours, from that line, or somebody else's. Each has its help.
fn taken(mut error: OpError, ours: &str, others: &str, maker: Option<Site>) -> OpError {
    if let Some(site) = maker {
        error.0.owner = Owner::Recipe(site.clone());
        return error.help(ours).note(site, "made here before");
    }
    error.0.owner = Owner::Foreign;
    error.help(others)
}

/// How a recipe calls something in a namespace.
fn receiver(ns: &Ns) -> String {
    ns.name().map_or_else(String::new, |name| format!("ns(\"{name}\")."))
}

fn place(ns: &Ns) -> String {
    match ns {
        Ns::Host => "the lab's root namespace".into(),
        Ns::Named(name) => format!("namespace `{name}`"),
    }
}

/// The reason in words: the kernel's extended answer where it gave one, else the error number's.
pub fn reason(refusal: &Refusal) -> String {
    let words = refusal.words.trim().trim_end_matches('.');
    if words.is_empty() || matches!(refusal.why, Why::NoTool | Why::Timeout | Why::Interrupted) {
        match refusal.why {
            Why::Errno(errno) => Errno::from_raw(errno).desc().to_lowercase(),
            _ => refusal.to_string(),
        }
    } else {
        words.to_owned()
    }
}
