//! What a namespace knows: its files under `/etc/netns` and its sysctls.

use super::args::Call;
use super::def::{Action, Error, FnDef, FnKind, FnParam, Ty};
use super::errors::{SYSCTL_DENIED, SYSCTL_HELD, SYSCTL_REFUSED, SYSCTL_UNKNOWN, SYSCTL_UNRECORDED, SYSCTL_VALUE};
use super::value::Value;
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::file::WriteFile;
use crate::model::names::Ns;
use crate::model::sysctl::SetSysctl;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

const EXISTS: Error = Error { code: "file::exists", when: "there is such a file" };
const REFUSED: Error = Error { code: "file::refused", when: "the file cannot be written" };
const HOST: Error = Error { code: "files::host", when: "called on the lab's root namespace" };

/// The functions of this family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "dns",
        kind: FnKind::Method(Ty::Ns),
        params: &[FnParam { name: "servers", ty: Ty::List(&Ty::Ip), default: None, doc: "the name servers, in order" }],
        returns: Ty::Ns,
        summary: "Sets the namespace's name servers, and returns the namespace.",
        details: "Writes `/etc/netns/NAME/resolv.conf`, which `exec`, `start` and `ip netns exec` show the namespace's processes as `/etc/resolv.conf` (ip-netns(8)).",
        example: r#"let web = netns("web").dns(["8.8.8.8", "1.1.1.1"]);
print(web.exec(["cat", "/etc/resolv.conf"]).stdout);"#,
        errors: &[EXISTS, HOST, REFUSED],
        run: Action::Op(dns),
    },
    FnDef {
        name: "hosts",
        kind: FnKind::Method(Ty::Ns),
        params: &[FnParam { name: "names", ty: Ty::Map, default: None, doc: "addresses by name" }],
        returns: Ty::Ns,
        summary: "Sets the namespace's own host names, and returns the namespace.",
        details: "Writes `/etc/netns/NAME/hosts`, with `localhost` in it.",
        example: r#"netns("web").hosts(#{ db: "10.0.0.12", cache: "10.0.0.13" });"#,
        errors: &[
            EXISTS,
            HOST,
            REFUSED,
            Error { code: "files::name", when: "a name is no host name" },
            Error { code: "files::address", when: "an address is none" },
        ],
        run: Action::Op(hosts),
    },
    FnDef {
        name: "sysctl",
        kind: FnKind::InNs,
        params: &[
            FnParam {
                name: "key",
                ty: Ty::Str,
                default: None,
                doc: "such as `net.ipv4.ip_forward`; with slashes where a part holds a dot",
            },
            FnParam { name: "value", ty: Ty::Any, default: Some("only read it"), doc: "the new value" },
        ],
        returns: Ty::Str,
        summary: "Reads a sysctl in the namespace, or sets it; returns the value that it has then.",
        details: "Nothing is written where it has that value already.",
        example: r#"let web = netns("web");
assert_eq(web.sysctl("net.ipv4.ip_forward"), "0");
web.sysctl("net.ipv4.ip_forward", 1);"#,
        errors: &[
            Error { code: "sysctl::scope", when: "the key does not begin with `net.`" },
            SYSCTL_UNKNOWN,
            SYSCTL_DENIED,
            SYSCTL_VALUE,
            SYSCTL_HELD,
            SYSCTL_UNRECORDED,
            SYSCTL_REFUSED,
        ],
        run: Action::Op(sysctl),
    },
];

/// A namespace's own version of a file in `/etc`.
pub(super) fn etc_path(ns: &Ns, file: &str) -> Option<PathBuf> {
    ns.name().map(|name| PathBuf::from("/etc/netns").join(name.as_str()).join(file))
}

fn write(call: &mut Call<'_>, file: &str, text: String) -> OpResult<Value> {
    let ns = call.ns()?;
    let path = etc_path(&ns, file).ok_or_else(|| {
        OpError::new("files::host", format!("The lab's root namespace uses the machine's own /etc/{file}."))
            .help("Call it on a namespace made with `netns(name)`.")
    })?;
    call.commit(vec![Change::WriteFile(WriteFile { path, text })])?;
    Ok(Value::Ns(ns))
}

fn dns(call: &mut Call<'_>) -> OpResult<Value> {
    let servers: Vec<IpAddr> = call.args.req("servers")?;
    let lines: Vec<String> = servers.iter().map(|server| format!("nameserver {server}")).collect();
    write(call, "resolv.conf", lines.join("\n") + "\n")
}

fn hosts(call: &mut Call<'_>) -> OpResult<Value> {
    let names: Value = call.args.req("names")?;
    let Value::Map(names) = names else { return Err(super::args::internal("hosts", "names", "a map")) };
    let names: BTreeMap<String, Value> = names;
    let mut text = String::from("127.0.0.1 localhost\n::1 localhost\n");
    for (name, value) in names {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if name.is_empty() || name.starts_with('-') || !name.chars().all(legal) {
            return Err(OpError::new("files::name", format!("{name:?} is no host name."))
                .help("Use letters, digits, `-` and `.` (RFC 1123).")
                .arg("names"));
        }
        let ip: Option<IpAddr> = match &value {
            Value::Addr(ip, _) => Some(*ip),
            Value::Str(text) => text.parse().ok(),
            _ => None,
        };
        let ip = ip.ok_or_else(|| {
            let given = if let Value::Str(text) = &value { format!(" {text:?}") } else { String::new() };
            OpError::new("files::address", format!("The address{given} of `{name}` is not an IPv4 or IPv6 address."))
                .help("Write one as a string: `#{ db: \"10.0.0.12\" }`.")
                .arg("names")
        })?;
        text.push_str(&format!("{ip} {name}\n"));
    }
    write(call, "hosts", text)
}

fn sysctl(call: &mut Call<'_>) -> OpResult<Value> {
    let ns = call.ns()?;
    let key: String = call.args.req("key")?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '_' | '-');
    if key.is_empty() || key.contains("..") || key.starts_with(['/', '.']) || !key.chars().all(legal) {
        return Err(OpError::new("sysctl::unknown", format!("{key:?} is no sysctl key."))
            .help("Write it as `net.ipv4.ip_forward`, or `net/ipv4/conf/eth0.5/forwarding` where a part holds a dot.")
            .arg("key"));
    }
    // Other parts of /proc/sys belong to the whole machine even in a sandbox that root made.
    if !key.starts_with("net.") && !key.starts_with("net/") {
        return Err(OpError::new(
            "sysctl::scope",
            format!("The sysctl `{key}` belongs to the whole machine, not to a network."),
        )
        .help("rhailab reads and sets those that begin with `net.`.")
        .arg("key"));
    }
    if let Some(value) = call.args.opt("value")? {
        let value = match value {
            Value::Str(text) => text,
            Value::Int(number) => number.to_string(),
            Value::Bool(on) => i32::from(on).to_string(),
            _ => {
                return Err(OpError::new("sysctl::value", format!("The sysctl `{key}` takes a string or a number."))
                    .help("Write `sysctl(key, 1)` or `sysctl(key, \"1024 65535\")`.")
                    .arg("value"));
            }
        };
        if value.contains('\n') {
            return Err(OpError::new(
                "sysctl::value",
                format!("The value for the sysctl `{key}` has more than one line."),
            )
            .help("Separate numbers by spaces.")
            .arg("value"));
        }
        call.commit(vec![Change::SetSysctl(SetSysctl { ns: ns.clone(), key: key.clone(), value })])?;
    }
    Ok(Value::Str(call.lab.sysctl(&ns, &key)?))
}
