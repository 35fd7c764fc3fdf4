//! The shape of a function's definition.

use super::args::Call;
use super::value::Value;
use crate::model::error::OpResult;

/// One function, method or property of the language.
pub struct FnDef {
    /// Its name.
    pub name: &'static str,
    /// What it is called on.
    pub kind: FnKind,
    /// Its parameters, required ones first; a trailing [`Ty::Options`] takes the options map.
    pub params: &'static [FnParam],
    /// What it returns.
    pub returns: Ty,
    /// One sentence, ending in a period.
    pub summary: &'static str,
    /// More to know, in Markdown; may be empty.
    pub details: &'static str,
    /// A complete recipe that uses it and runs on a bare sandbox.
    pub example: &'static str,
    /// The errors it can raise of its own accord.
    pub errors: &'static [Error],
    /// What it does.
    pub run: Action,
}

/// What a function is called on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FnKind {
    /// A free function only.
    Free,
    /// A method of a namespace, and a free function that means the same on `host()`.
    InNs,
    /// A method of a value of this type.
    Method(Ty),
    /// A read-only property of a value of this type.
    Property(Ty),
}

/// A positional parameter.
pub struct FnParam {
    /// Its name, unique among the function's parameters and options.
    pub name: &'static str,
    /// What it takes.
    pub ty: Ty,
    /// What the documentation says an omitted argument means; none if it is required.
    pub default: Option<&'static str>,
    /// What it is for, with its unit.
    pub doc: &'static str,
}

/// A key of an options map.
pub struct Opt {
    /// The key.
    pub name: &'static str,
    /// What it takes.
    pub ty: Ty,
    /// What leaving it out means.
    pub default: &'static str,
    /// What it is for, with its unit.
    pub doc: &'static str,
}

/// An error that a function raises, for its documentation.
pub struct Error {
    /// The code.
    pub code: &'static str,
    /// When.
    pub when: &'static str,
}

/// What runs when a function is called.
pub enum Action {
    /// A planner on the lab.
    Op(fn(&mut Call<'_>) -> OpResult<Value>),
    /// The script layer does it, because it needs the engine (closures, parameters, help).
    Script,
}

/// What a parameter takes or a function returns. Conversion from script values is in `script::convert`.
#[derive(Clone, Copy)]
pub enum Ty {
    /// Nothing.
    Unit,
    /// Any value.
    Any,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A string.
    Str,
    /// A new interface's name: at most 15 ASCII letters, digits, `_`, `-`, `.`.
    IfName,
    /// A new namespace's name.
    NsName,
    /// A new chain's name.
    ChainName,
    /// A namespace: a handle, or the name of one.
    Ns,
    /// An interface: a handle, or the name of one in the namespace at hand.
    Link,
    /// The two ends of a veth pair.
    Pair,
    /// A subnet in CIDR notation, host bits zero: `10.0.0.0/24`.
    Subnet,
    /// A subnet, or an interface (a handle or a name).
    SubnetOrLink,
    /// An address with its prefix length: `10.0.0.1/24`.
    IfAddr,
    /// An address: `10.0.0.1`; a prefix length is ignored.
    Ip,
    /// A route's destination: a subnet, an address, or `"default"`.
    Dest,
    /// An address and port with an optional protocol: `10.0.0.1:80`, `[fd00::1]:53/udp`.
    Endpoint,
    /// A TCP or UDP port, 1 to 65535.
    Port,
    /// A hardware address: `02:00:00:00:00:01`.
    Mac,
    /// A time: `"10ms"`, `"1m 30s"`, or whole seconds.
    Duration,
    /// A bit rate: `"10mbit"`.
    Rate,
    /// A command: an array of words, or one string split like a shell does, without a shell.
    Argv,
    /// A list of values of one type; one value alone stands for a list of itself.
    List(&'static Ty),
    /// A map of strings.
    Map,
    /// An options map with these keys.
    Options(&'static [Opt]),
    /// A closure.
    Closure,
    /// A text that is never shown.
    Secret,
    /// A string, or a secret.
    StrOrSecret,
    /// What a command printed and how it ended.
    Output,
    /// A started process.
    Process,
    /// A set of firewall or NAT rules.
    Rules,
    /// A virtual IP.
    Vip,
    /// The answer to a probe.
    Reply,
    /// The way of a packet, as `why` found it.
    Trace,
    /// An error caught by a script.
    Error,
}

impl Ty {
    /// How signatures and errors call it.
    pub fn name(self) -> String {
        match self {
            Ty::Unit => "()".into(),
            Ty::Any => "any".into(),
            Ty::Bool => "bool".into(),
            Ty::Int => "int".into(),
            Ty::Str => "string".into(),
            Ty::IfName => "interface name".into(),
            Ty::NsName => "namespace name".into(),
            Ty::ChainName => "chain name".into(),
            Ty::Ns => "netns".into(),
            Ty::Link => "link".into(),
            Ty::Pair => "veth pair".into(),
            Ty::Subnet => "subnet".into(),
            Ty::SubnetOrLink => "subnet or link".into(),
            Ty::IfAddr => "address/prefix".into(),
            Ty::Ip => "address".into(),
            Ty::Dest => "destination".into(),
            Ty::Endpoint => "address:port".into(),
            Ty::Port => "port".into(),
            Ty::Mac => "MAC address".into(),
            Ty::Duration => "duration".into(),
            Ty::Rate => "rate".into(),
            Ty::Argv => "command".into(),
            Ty::List(item) => format!("list of {}", item.name()),
            Ty::Map => "map".into(),
            Ty::Options(_) => "options".into(),
            Ty::Closure => "closure".into(),
            Ty::Secret => "secret".into(),
            Ty::StrOrSecret => "string or secret".into(),
            Ty::Output => "output".into(),
            Ty::Process => "process".into(),
            Ty::Rules => "rules".into(),
            Ty::Vip => "vip".into(),
            Ty::Reply => "reply".into(),
            Ty::Trace => "trace".into(),
            Ty::Error => "error".into(),
        }
    }
}

impl PartialEq for Ty {
    /// Any options are options; what is in them makes no other type.
    fn eq(&self, other: &Ty) -> bool {
        match (self, other) {
            (Ty::List(one), Ty::List(other)) => one == other,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}
impl Eq for Ty {}

impl std::fmt::Debug for Ty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

impl FnDef {
    /// The signature as the documentation shows it: `ns.attach(bridge, address, options?) -> link`.
    pub fn signature(&self) -> String {
        let receiver = match self.kind {
            FnKind::Free => String::new(),
            FnKind::InNs => "[netns.]".into(),
            FnKind::Method(ty) | FnKind::Property(ty) => format!("{}.", ty.name().replace(' ', "_")),
        };
        if let FnKind::Property(_) = self.kind {
            return format!("{receiver}{} -> {}", self.name, self.returns.name());
        }
        let params: Vec<String> = self
            .params
            .iter()
            .map(|param| {
                format!("{}{}: {}", param.name, if param.default.is_some() { "?" } else { "" }, param.ty.name())
            })
            .collect();
        let returns = if self.returns == Ty::Unit { String::new() } else { format!(" -> {}", self.returns.name()) };
        format!("{receiver}{}({}){returns}", self.name, params.join(", "))
    }

    /// How many arguments it needs at the least, without the receiver.
    pub fn required(&self) -> usize {
        self.params.iter().filter(|param| param.default.is_none()).count()
    }

    /// The keys of its options map.
    pub fn options(&self) -> &'static [Opt] {
        match self.params.last().map(|param| param.ty) {
            Some(Ty::Options(options)) => options,
            _ => &[],
        }
    }
}
