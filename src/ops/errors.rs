//! The errors that functions have in common: of what they change, of what they are given, and of any call.

use super::def::{Error, FnDef, Opt, Ty};

/// What any call can end with.
pub const ANY: &[Error] = &[
    Error { code: "args::count", when: "it takes another number of arguments" },
    Error { code: "args::types", when: "there is a function of that name, but for other types" },
    Error { code: "args::option", when: "it has no option of that name" },
    Error { code: "value::type", when: "an argument is of a type that it does not take" },
    Error { code: "script::receiver", when: "it is not a method of what it is called on" },
    Error { code: "netns::unknown", when: "there is no such namespace, or not any more" },
    Error { code: "confined", when: "`--deny` forbids what it does" },
    Error { code: "permission", when: "the kernel does not allow it, as with `--host` without root" },
    Error { code: "kernel::refused", when: "the kernel does not answer what it is asked" },
    Error { code: "journal::io", when: "the change cannot be put on record, so it is not made" },
    Error { code: "run::interrupted", when: "the user stops the recipe, which no `catch` sees" },
];

pub(super) const UNDO_REFUSED: Error = Error { code: "undo::refused", when: "the kernel does not let it go" };

pub(super) const LINK_UNKNOWN: Error = Error { code: "link::unknown", when: "there is no such interface" };
pub(super) const LINK_EXISTS: Error = Error { code: "link::exists", when: "an interface of that name is there" };
pub(super) const LINK_SAME_NAME: Error =
    Error { code: "link::same_name", when: "both ends would have one name in one namespace" };
pub(super) const LINK_KIND: Error = Error { code: "link::kind", when: "the kernel has no such kind of interface" };
pub(super) const LINK_MTU: Error = Error { code: "link::mtu", when: "the interface does not take that size" };
pub(super) const LINK_NO_BRIDGE: Error = Error { code: "link::no_bridge", when: "what is to be its bridge is none" };
pub(super) const LINK_BUSY: Error =
    Error { code: "link::busy", when: "something else has the interface, or it must be down first" };
pub(super) const LINK_REFUSED: Error =
    Error { code: "link::refused", when: "the kernel refuses it for another reason" };

pub(super) const ADDR_EXISTS: Error = Error { code: "addr::exists", when: "the interface has that address" };
pub(super) const ADDR_REFUSED: Error = Error { code: "addr::refused", when: "the kernel refuses the address" };

pub(super) const ROUTE_EXISTS: Error = Error { code: "route::exists", when: "there is such a route" };
pub(super) const ROUTE_GATEWAY: Error =
    Error { code: "route::gateway", when: "the gateway is on no subnet of the namespace" };
pub(super) const ROUTE_DOWN: Error = Error { code: "route::down", when: "the interface is down" };
pub(super) const ROUTE_METRIC: Error = Error { code: "route::metric", when: "the metric is out of range" };
pub(super) const ROUTE_TABLE: Error =
    Error { code: "route::table", when: "there can be no routes of ours in that table" };
pub(super) const ROUTE_REFUSED: Error = Error { code: "route::refused", when: "the kernel refuses the route" };

pub(super) const SYSCTL_UNKNOWN: Error = Error { code: "sysctl::unknown", when: "there is no such key" };
pub(super) const SYSCTL_DENIED: Error =
    Error { code: "sysctl::denied", when: "it belongs to the whole machine all the same" };
pub(super) const SYSCTL_VALUE: Error = Error { code: "sysctl::value", when: "it does not take that value" };
pub(super) const SYSCTL_HELD: Error =
    Error { code: "sysctl::held", when: "another lab on the machine has set it to something else" };
pub(super) const SYSCTL_UNRECORDED: Error =
    Error { code: "sysctl::unrecorded", when: "it cannot be noted that this lab has set it" };
pub(super) const SYSCTL_REFUSED: Error =
    Error { code: "sysctl::refused", when: "the kernel refuses it for another reason" };

pub(super) const NAT_FAMILY: Error = Error { code: "nat::family", when: "the addresses are of two IP versions" };
pub(super) const IPTABLES_MISSING: Error = Error { code: "iptables::missing", when: "iptables is not installed" };
pub(super) const IPTABLES_REFUSED: Error = Error { code: "iptables::refused", when: "iptables does not take the rule" };
pub(super) const IPTABLES_EXISTS: Error =
    Error { code: "iptables::exists", when: "there is a chain of that name, perhaps somebody else's" };
pub(super) const IPTABLES_FAILED: Error =
    Error { code: "iptables::failed", when: "iptables does not answer, or makes no sense" };

pub(super) const EXEC_EMPTY: Error = Error { code: "exec::empty", when: "the program has no name" };
pub(super) const EXEC_ENV: Error = Error { code: "exec::env", when: "a variable is neither a string nor a number" };
pub(super) const EXEC_CWD: Error = Error { code: "exec::cwd", when: "it cannot run in the folder `cwd`" };
pub(super) const EXEC_NOT_FOUND: Error = Error { code: "exec::not_found", when: "there is no such program" };
pub(super) const EXEC_NOT_EXECUTABLE: Error =
    Error { code: "exec::not_executable", when: "the program may not be executed" };
pub(super) const EXEC_INTERPRETER: Error =
    Error { code: "exec::interpreter", when: "the interpreter that the program asks for is not there" };
pub(super) const EXEC_REFUSED: Error =
    Error { code: "exec::refused", when: "the program cannot be started for another reason" };

impl Ty {
    /// The codes of the errors of a text that cannot be read as one; an argument that is no text either is `value::type`.
    pub fn mistakes(self) -> &'static [&'static str] {
        match self {
            Ty::IfName | Ty::Link => &["name::interface"],
            Ty::NsName | Ty::Ns => &["name::netns"],
            Ty::ChainName => &["name::chain"],
            Ty::Subnet | Ty::Dest => &["value::subnet"],
            Ty::SubnetOrLink => &["value::subnet", "name::interface"],
            Ty::Ip | Ty::IfAddr => &["value::address"],
            Ty::Endpoint => &["value::endpoint", "value::port"],
            Ty::Port => &["value::port"],
            Ty::Mac => &["value::mac"],
            Ty::Duration => &["value::duration"],
            Ty::Rate => &["value::rate"],
            Ty::Argv => &["value::command"],
            Ty::List(item) => item.mistakes(),
            Ty::Unit
            | Ty::Any
            | Ty::Bool
            | Ty::Int
            | Ty::Str
            | Ty::Pair
            | Ty::Map
            | Ty::Options(_)
            | Ty::Closure
            | Ty::Secret
            | Ty::StrOrSecret
            | Ty::Output
            | Ty::Process
            | Ty::Rules
            | Ty::Vip
            | Ty::Reply
            | Ty::Trace
            | Ty::Error => &[],
        }
    }
}

impl FnDef {
    /// Whether a call of it can end with the error of this code: one of its own, of its arguments or of any call.
    pub fn raises(&self, code: &str) -> bool {
        let given = self.params.iter().map(|param| param.ty).chain(self.options().iter().map(|Opt { ty, .. }| *ty));
        let is_it = |error: &Error| error.code == code;
        self.errors.iter().any(is_it) || ANY.iter().any(is_it) || given.flat_map(Ty::mistakes).any(|own| *own == code)
    }
}
