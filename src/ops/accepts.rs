//! What each type takes, in words.

use super::Ty;

impl Ty {
    /// What may be given where the type is due, as a noun phrase.
    pub fn accepts(self) -> String {
        match self {
            Ty::Unit => "nothing".into(),
            Ty::Any => "any value but a closure".into(),
            Ty::Bool => "`true` or `false`".into(),
            Ty::Int => "a whole number".into(),
            Ty::Str => "a string".into(),
            Ty::IfName => "the name of an interface".into(),
            Ty::NsName => "the name of a namespace".into(),
            Ty::ChainName => "the name of a chain".into(),
            Ty::Ns => "a namespace or its name".into(),
            Ty::Link => "an interface or its name".into(),
            Ty::Pair => "a veth pair".into(),
            Ty::Subnet => "a subnet, such as `\"10.0.0.0/24\"`".into(),
            Ty::SubnetOrLink => "a subnet, or an interface or its name".into(),
            Ty::IfAddr => "an address with its prefix length, such as `\"10.0.0.1/24\"`".into(),
            Ty::Ip => "an address, such as `\"10.0.0.1\"`".into(),
            Ty::Dest => "a subnet, an address or `\"default\"`".into(),
            Ty::Endpoint => "an address and port, such as `\"10.0.0.1:8080\"`".into(),
            Ty::Port => "a port from 1 to 65535".into(),
            Ty::Mac => "a hardware address, such as `\"02:00:00:00:00:01\"`".into(),
            Ty::Duration => "a time, such as `\"10ms\"`".into(),
            Ty::Rate => "a bit rate, such as `\"10mbit\"`".into(),
            Ty::Argv => "a command: an array of words, or a string".into(),
            Ty::List(item) => format!("{}, or a list of such", item.accepts()),
            Ty::Map => "a map of strings".into(),
            Ty::Secret => "a secret".into(),
            Ty::StrOrSecret => "a string or a secret".into(),
            Ty::Options(_) => "a map of options".into(),
            Ty::Closure => "a closure, such as `|| true`".into(),
            Ty::Output => "the output of a command".into(),
            Ty::Process => "a process".into(),
            Ty::Rules => "a set of rules".into(),
            Ty::Vip => "a virtual IP".into(),
            Ty::Reply => "the answer to a probe".into(),
            Ty::Trace => "the way of a packet".into(),
            Ty::Error => "an error".into(),
        }
    }
}
