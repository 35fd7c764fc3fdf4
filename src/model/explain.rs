//! From a refusal to an error that a user can act on: it names the object, the namespace and the reason, says whose the thing
//! in the way is, and what to do next. Each kind of change explains its own ([`Kind::explain`](crate::model::kind::Kind)); here
//! is what they have in common, and what is longer.

use crate::model::error::{Class, OpError, Owner, Site, closest};
use crate::model::known::{Known, Nothing};
use crate::model::names::{Ns, NsName};
use crate::model::refusal::{Cause, Errno, Refusal, Why};

mod link;

pub use link::{add_link, link, no_link, set_link};

/// Of a refusal with nothing more to say about it.
pub fn plain(refusal: &Refusal, ns: &Ns) -> OpError {
    if let Cause::NoNetns(gone) = &refusal.cause {
        return no_netns(gone, &Nothing);
    }
    OpError::new("kernel::refused", format!("In {}: {}.", place(ns), reason(refusal)))
}

/// There is no such namespace.
pub fn no_netns(ns: &Ns, made: &dyn Known) -> OpError {
    let known: Vec<&str> = made.namespaces().into_iter().map(NsName::as_str).collect();
    let error = OpError::new("netns::unknown", format!("There is no namespace `{ns}`."));
    match closest(&ns.to_string(), known.iter().copied()) {
        Some(near) => error.help(format!("Did you mean `{near}`?")),
        None if known.is_empty() => error.help(format!("Make it first: `netns(\"{ns}\")`.")),
        None => error.help(format!("The recipe has made: {}.", known.join(", "))),
    }
}

/// Somebody who may not do it.
pub fn denied(message: String) -> OpError {
    OpError::new("permission", message)
        .help("Run it without `--host`, in a sandbox, which needs no root; or as root.")
        .class(Class::Machine)
}

/// Adds what every refusal carries.
pub fn finish(mut error: OpError, refusal: &Refusal) -> OpError {
    error.0.errno = refusal.number();
    let says_all = matches!(refusal.why, Why::NoTool | Why::Tool(_));
    if error.0.cause.is_none() && !says_all {
        error.0.cause = Some(refusal.to_string());
    }
    if refusal.is(Errno::EPERM) && error.0.help.is_none() {
        error.0.class = Class::Machine;
        error.0.help = Some("Run it without `--host`, in a sandbox, which needs no root; or as root.".into());
    }
    error
}

/// Something of that name is there: ours, from that line, or somebody else's. Each has its help.
pub fn taken(mut error: OpError, ours: &str, others: &str, maker: Option<Site>) -> OpError {
    if let Some(site) = maker {
        error.0.owner = Owner::Recipe(site.clone());
        return error.help(ours).note(site, "made here before");
    }
    error.0.owner = Owner::Foreign;
    error.help(others)
}

/// How a recipe calls something in a namespace.
pub fn receiver(ns: &Ns) -> String {
    ns.name().map_or_else(String::new, |name| format!("ns(\"{name}\")."))
}

/// A namespace, for people.
pub fn place(ns: &Ns) -> String {
    match ns {
        Ns::Host => "the lab's root namespace".into(),
        Ns::Named(name) => format!("namespace `{name}`"),
    }
}

/// The reason in words: the kernel's extended answer where it gave one, else the error number's.
pub fn reason(refusal: &Refusal) -> String {
    let words = refusal.words.trim().trim_end_matches('.');
    if words.is_empty() || matches!(refusal.why, Why::NoTool | Why::Timeout | Why::Interrupted) {
        let number = refusal.number().map(Errno::from_raw);
        number.map_or_else(|| refusal.to_string(), |errno| errno.desc().to_lowercase())
    } else {
        words.to_owned()
    }
}
