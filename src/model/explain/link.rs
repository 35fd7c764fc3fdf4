//! Why an interface could not be made, changed or read.

use super::{denied, finish, no_netns, place, reason, receiver, taken};
use crate::model::error::{Class, OpError, closest};
use crate::model::known::Known;
use crate::model::link::NewLink;
use crate::model::link_set::LinkSet;
use crate::model::names::{IfName, Ns};
use crate::model::refusal::{Cause, Errno, Refusal};
use crate::model::subject::Subject;
use std::collections::BTreeSet;

/// Why an interface could not be read.
pub fn link(refusal: &Refusal, ns: &Ns, name: &IfName, made: &dyn Known) -> OpError {
    let error = match (&refusal.cause, refusal.number().map(Errno::from_raw)) {
        (Cause::NoNetns(gone), _) => no_netns(gone, made),
        (_, Some(Errno::ENODEV)) => no_link(ns, name, made).arg("name"),
        _ => OpError::new("link::refused", format!("Interface `{name}` in {}: {}.", place(ns), reason(refusal))),
    };
    finish(error, refusal)
}

/// There is no such interface: which ones there are.
pub fn no_link(ns: &Ns, name: &IfName, made: &dyn Known) -> OpError {
    let known: BTreeSet<&str> = made.links_in(ns).into_iter().map(IfName::as_str).collect();
    let error = OpError::new("link::unknown", format!("There is no interface `{name}` in {}.", place(ns)));
    if known.contains(name.as_str()) {
        let error = error.help("The recipe made it, and somebody else has removed or renamed it since.");
        return match made.site(&Subject::link(ns, name)) {
            Some(site) => error.note(site, "made here"),
            None => error,
        };
    }
    let is_there = |ns: &&Ns| made.links_in(ns).contains(&name);
    if let Some(there) = made.spaces().into_iter().find(is_there) {
        let receiver = there.name().map_or_else(|| "host().".into(), |_| receiver(there));
        return error.help(format!("There is one in {}: `{receiver}iface(\"{name}\")`.", place(there)));
    }
    match closest(name.as_str(), known.iter().copied()) {
        Some(near) => error.help(format!("Did you mean `{near}`?")),
        None if known.is_empty() => error.help("The recipe has made none there, or has deleted it."),
        None => {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            error.help(format!("The recipe has these there: {known}."))
        }
    }
}

fn no_bridge(ns: &Ns, name: &IfName) -> OpError {
    OpError::new("link::no_bridge", format!("Interface `{name}` in {} is not a bridge, so it has no ports.", place(ns)))
        .help(format!("Make a bridge and use that: `{}bridge(\"br0\")`.", receiver(ns)))
        .arg("bridge")
}

/// Why an interface was not made.
pub fn add_link(refusal: &Refusal, ns: &Ns, link: &NewLink, made: &dyn Known) -> OpError {
    let name = &link.name;
    match &link.master {
        Some(master) if refusal.is(Errno::EOPNOTSUPP) => return no_bridge(ns, master),
        Some(master) if refusal.is(Errno::ENODEV) => return no_link(ns, master, made).arg("bridge"),
        _ => {}
    }
    let kind = link.kind.name;
    match refusal.number().map(Errno::from_raw) {
        Some(Errno::EEXIST) => {
            // The kernel does not say which name is taken; for a veth pair it may be that of either end.
            let far = link.peer.as_ref().map(|peer| (&peer.ns, &peer.name));
            let ends: Vec<(&Ns, &IfName)> = std::iter::once((ns, name)).chain(far).collect();
            let ours =
                ends.iter().find_map(|(ns, name)| made.site(&Subject::link(ns, name)).map(|site| (*ns, *name, site)));
            let (ns, name) = ours.as_ref().map_or((ns, name), |(ns, name, _)| (*ns, *name));
            taken(
                OpError::new("link::exists", format!("Interface `{name}` already exists in {}.", place(ns))),
                &format!("Pick another name, or take the one that is there: `{}iface(\"{name}\")`.", receiver(ns)),
                "Pick another name. What this recipe did not make is never taken over.",
                ours.map(|(_, _, site)| site),
            )
        }
        Some(Errno::EOPNOTSUPP) => OpError::new("link::kind", format!("This kernel cannot make a {kind}."))
            .help(format!("Load the module: `modprobe {}`, as root.", link.kind.module))
            .class(Class::Machine),
        Some(Errno::EPERM) => denied(format!("The {kind} `{name}` may not be made in {}.", place(ns))),
        _ => OpError::new(
            "link::refused",
            format!("The {kind} `{name}` could not be made in {}: {}.", place(ns), reason(refusal)),
        ),
    }
}

/// Why an interface was not changed.
pub fn set_link(refusal: &Refusal, ns: &Ns, link: &IfName, set: &LinkSet, made: &dyn Known) -> OpError {
    let here = place(ns);
    match (refusal.number().map(Errno::from_raw), set) {
        (Some(Errno::ENODEV), LinkSet::Master(Some(master))) if made.site(&Subject::link(ns, link)).is_some() => {
            no_link(ns, master, made).arg("bridge")
        }
        (Some(Errno::EOPNOTSUPP), LinkSet::Master(Some(master))) => no_bridge(ns, master),
        (Some(Errno::ENODEV), _) => no_link(ns, link, made),
        (Some(Errno::EEXIST), LinkSet::Name(name)) => taken(
            OpError::new(
                "link::exists",
                format!("Interface `{link}` in {here} cannot become `{name}`: that name is taken."),
            ),
            "Pick another name.",
            "Pick another name.",
            made.site(&Subject::link(ns, name)),
        ),
        (Some(Errno::EEXIST), LinkSet::Ns(there)) => taken(
            OpError::new(
                "link::exists",
                format!("Interface `{link}` cannot move to {}: it has one of that name.", place(there)),
            ),
            "Rename one of them first: `link.rename(name)`.",
            "Rename this one first: `link.rename(name)`.",
            made.site(&Subject::link(there, link)),
        ),
        (Some(Errno::EINVAL | Errno::ERANGE), LinkSet::Mtu(mtu)) => {
            OpError::new("link::mtu", format!("Interface `{link}` in {here} does not take an MTU of {mtu} bytes."))
                .help("A veth takes 68 to 65535; IPv6 needs at least 1280.")
                .arg("bytes")
        }
        (Some(Errno::EBUSY), _) => {
            OpError::new("link::busy", format!("Interface `{link}` in {here} is busy: {}.", reason(refusal)))
                .help("It may be a port of another bridge or have to be down for this: `link.down()`.")
        }
        (Some(Errno::ELOOP), LinkSet::Master(Some(_))) => OpError::new(
            "link::refused",
            format!("Interface `{link}` in {here} is a bridge, and no bridge is a port of another."),
        )
        .help("Join two bridges by a veth pair that has one end in each: `veth(\"a-b\", \"b-a\")`."),
        (Some(Errno::EINVAL), LinkSet::Master(Some(_))) => {
            OpError::new("link::refused", format!("Interface `{link}` in {here} cannot be the port of a bridge."))
                .help("Ports are interfaces that carry Ethernet frames: ends of veth pairs and the like, but not `lo`.")
        }
        (Some(Errno::EINVAL), LinkSet::Ns(there)) => {
            let message = format!("Interface `{link}` cannot leave {here}: {}.", reason(refusal));
            let receiver = receiver(there);
            OpError::new("link::refused", message).help(format!(
                "Bridges and `lo` stay where they are made. Make it there: `{receiver}bridge(\"{link}\")`."
            ))
        }
        (Some(Errno::EOPNOTSUPP), LinkSet::Hairpin(_)) => {
            OpError::new("link::refused", format!("Interface `{link}` in {here} is not the port of a bridge."))
                .help("Make it one first: `link.master(bridge)`.")
        }
        _ => OpError::new("link::refused", format!("Interface `{link}` in {here}: {}.", reason(refusal))),
    }
}
