//! Namespaces: the lab's root and its own.

use super::args::Call;
use super::def::{Action, Error, FnDef, FnKind, FnParam, Opt, Ty};
use super::errors::UNDO_REFUSED;
use super::value::Value;
use crate::model::baseline::baseline;
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::known::Known;
use crate::model::names::{Ns, NsName};
use crate::model::netns::AddNetns;

/// The functions of this family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "host",
        kind: FnKind::Free,
        params: &[],
        returns: Ty::Ns,
        summary: "Returns the lab's root namespace, which plays the host.",
        details: "In a sandbox it is empty but for `lo`; with `--host` it is the machine's own. A free function such as `bridge(…)` means `host().bridge(…)`.",
        example: r#"host().bridge("br0");"#,
        errors: &[],
        run: Action::Op(|_| Ok(Value::Ns(Ns::Host))),
    },
    FnDef {
        name: "netns",
        kind: FnKind::Free,
        params: &[
            FnParam { name: "name", ty: Ty::NsName, default: None, doc: "the new namespace's name" },
            FnParam {
                name: "options",
                ty: Ty::Options(&[Opt {
                    name: "link_local",
                    ty: Ty::Bool,
                    default: "false",
                    doc: "let interfaces make IPv6 link-local addresses",
                }]),
                default: Some("none"),
                doc: "",
            },
        ],
        returns: Ty::Ns,
        summary: "Makes a network namespace with `lo` up.",
        details: "Its sysctls start from the same known values on every machine: no forwarding, no reverse path filter, \
                  bridged frames past iptables, IPv6 addresses usable at once.",
        example: r#"let web = netns("web");
web.exec(["true"]);"#,
        errors: &[
            Error { code: "netns::exists", when: "a namespace of that name is there" },
            Error { code: "netns::refused", when: "the kernel refuses to make it" },
        ],
        run: Action::Op(netns),
    },
    FnDef {
        name: "ns",
        kind: FnKind::Free,
        params: &[FnParam { name: "name", ty: Ty::Ns, default: None, doc: "its name, or `\"host\"`" }],
        returns: Ty::Ns,
        summary: "Looks a namespace up by its name.",
        details: "For functions, which do not see the script's variables, and for namespaces that were there before.",
        example: r#"netns("web");
fn address(name) { ns(name).name }
print(address("web"));"#,
        errors: &[Error { code: "netns::unknown", when: "there is none of that name" }],
        run: Action::Op(ns),
    },
    FnDef {
        name: "name",
        kind: FnKind::Property(Ty::Ns),
        params: &[],
        returns: Ty::Str,
        summary: "The namespace's name; `\"host\"` for the lab's root.",
        details: "",
        example: r#"let web = netns("web");
assert_eq(web.name, "web");"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Str(call.ns()?.to_string()))),
    },
    FnDef {
        name: "del",
        kind: FnKind::Method(Ty::Ns),
        params: &[],
        returns: Ty::Unit,
        summary: "Removes a namespace that the recipe made, with everything in it.",
        details: "",
        example: r#"let web = netns("web");
web.del();"#,
        errors: &[Error { code: "netns::not_ours", when: "the recipe did not make it" }, UNDO_REFUSED],
        run: Action::Op(del),
    },
];

fn netns(call: &mut Call<'_>) -> OpResult<Value> {
    let name: NsName = call.args.req("name")?;
    let mut sysctls = baseline();
    if call.args.or("link_local", false)? {
        sysctls = sysctls.iter().filter(|(key, _)| key != "net.ipv6.conf.default.addr_gen_mode").cloned().collect();
    }
    call.commit(vec![Change::AddNetns(AddNetns { name: name.clone(), sysctls })])?;
    Ok(Value::Ns(Ns::Named(name)))
}

fn ns(call: &mut Call<'_>) -> OpResult<Value> {
    let ns: Ns = call.args.req("name")?;
    if call.lab.netns_exists(&ns)? {
        return Ok(Value::Ns(ns));
    }
    let made: Vec<String> = call.lab.made().namespaces().into_iter().map(ToString::to_string).collect();
    let help = match crate::model::error::closest(&ns.to_string(), made.iter().map(String::as_str)) {
        Some(near) => format!("Did you mean `{near}`?"),
        None => format!("Make it first: `netns(\"{ns}\")`."),
    };
    Err(OpError::new("netns::unknown", format!("There is no namespace `{ns}`.")).help(help).arg("name"))
}

fn del(call: &mut Call<'_>) -> OpResult<Value> {
    let ns = call.ns()?;
    let made =
        call.lab.records().rev().find(
            |record| matches!(&record.change, Change::AddNetns(AddNetns { name, .. }) if Some(name) == ns.name()),
        );
    match made.map(|record| record.n) {
        Some(n) => call.lab.revert(n).map(|()| Value::Unit),
        None => Err(OpError::new("netns::not_ours", format!("The recipe did not make namespace `{ns}`."))
            .help("rhailab removes only what it made. `ip netns del` removes another one, by hand.")),
    }
}
