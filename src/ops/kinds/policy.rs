//! Policies of built-in chains.

use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::family::Family;
use crate::model::hook::Hook;
use crate::model::kinds::policy::{Policy, SetPolicy};
use crate::model::rules::Table;
use crate::ops::args::Call;
use crate::ops::def::{Action, Error, FnDef, FnKind, FnParam, Opt, Ty};
use crate::ops::errors::{IPTABLES_FAILED, IPTABLES_MISSING, UNDO_REFUSED};
use crate::ops::value::{Rules, Value};
use std::rc::Rc;

/// The title of the family.
pub const TITLE: &str = "Policies of chains";

/// The functions of this family.
pub const DEFS: &[FnDef] = &[FnDef {
    name: "policy",
    kind: FnKind::InNs,
    params: &[
        FnParam { name: "chain", ty: Ty::Str, default: None, doc: "a built-in chain: `INPUT`, `FORWARD` or `OUTPUT`" },
        FnParam { name: "policy", ty: Ty::Str, default: None, doc: "`ACCEPT` or `DROP`" },
        FnParam {
            name: "options",
            ty: Ty::Options(&[
                Opt { name: "family", ty: Ty::Str, default: "\"v4\"", doc: "`v4`, `v6` or `both`" },
                Opt {
                    name: "table",
                    ty: Ty::Str,
                    default: "\"filter\"",
                    doc: "the table: `filter`, `mangle`, `raw` or `security`, each with chains of its own",
                },
            ]),
            default: Some("none"),
            doc: "",
        },
    ],
    returns: Ty::Rules,
    summary: "Sets what becomes of packets that no rule of a built-in chain decides about (iptables(8), `-P`).",
    details: "It is set after the rules that the recipe has made before, and put back to what it was. Packets of \
              open connections meet it, too: `iptables([\"-A\", \"FORWARD\", \"-m\", \"conntrack\", \"--ctstate\", \
              \"ESTABLISHED,RELATED\", \"-j\", \"ACCEPT\"])` lets answers through.",
    example: r#"let br = bridge("br0").addr("10.0.0.1/24").up();
forward(br);
let closed = policy("FORWARD", "DROP", #{ family: "both" });
closed.del();
netns("web").policy("INPUT", "DROP");"#,
    errors: &[
        Error { code: "policy::chain", when: "the table has no such built-in chain" },
        Error { code: "policy::family", when: "it is none of `v4`, `v6` and `both`" },
        Error { code: "policy::refused", when: "the kernel does not take it" },
        Error { code: "policy::table", when: "there is no such table, or it is not for filtering" },
        Error { code: "policy::unknown", when: "it is neither `ACCEPT` nor `DROP`" },
        IPTABLES_MISSING,
        IPTABLES_FAILED,
        UNDO_REFUSED,
    ],
    run: Action::Op(policy),
}];

fn policy(call: &mut Call<'_>) -> OpResult<Value> {
    let ns = call.ns()?;
    let table = table(call)?;
    let (chain, policy) = (chain(call, table)?, wanted(call)?);
    let set = |family| Change::SetPolicy(SetPolicy { ns: ns.clone(), family, table, chain, policy });
    let changes = families(call)?.into_iter().map(set).collect();
    let changes = call.commit(changes)?;
    let what = format!("policy {policy} of {}", chain.as_str());
    Ok(Value::Rules(Rc::new(Rules { what, ns, changes })))
}

fn table(call: &Call<'_>) -> OpResult<Table> {
    let name: String = call.args.opt("table")?.unwrap_or_else(|| Table::Filter.as_str().to_owned());
    let error = |why: String| {
        Err(OpError::new("policy::table", why).help("Choose `filter`, `mangle`, `raw` or `security`.").arg("table"))
    };
    match Table::parse(&name) {
        Some(Table::Nat) => {
            error("The table `nat` is not for filtering: only the first packets of connections meet it.".into())
        }
        Some(table) => Ok(table),
        None => error(format!("There is no table `{name}`.")),
    }
}

fn chain(call: &Call<'_>, table: Table) -> OpResult<Hook> {
    let name: String = call.args.req("chain")?;
    table.built_in(&name).ok_or_else(|| {
        let chains: Vec<String> = table.hooks().iter().map(|hook| format!("`{}`", hook.as_str())).collect();
        let message = format!("The table `{}` has no built-in chain `{name}`.", table.as_str());
        let help =
            format!("Its built-in chains are {}. Others have no policy: their last rule decides.", chains.join(", "));
        OpError::new("policy::chain", message).help(help).arg("chain")
    })
}

fn wanted(call: &Call<'_>) -> OpResult<Policy> {
    let name: String = call.args.req("policy")?;
    Policy::parse(&name).ok_or_else(|| {
        OpError::new("policy::unknown", format!("`{name}` is no policy."))
            .help("Choose `ACCEPT` or `DROP`. To refuse packets with an answer, let the last rule do it, with `-j REJECT`.")
            .arg("policy")
    })
}

fn families(call: &Call<'_>) -> OpResult<Vec<Family>> {
    let given: Option<String> = call.args.opt("family")?;
    match given.as_deref() {
        None | Some("v4") => Ok(vec![Family::V4]),
        Some("v6") => Ok(vec![Family::V6]),
        Some("both") => Ok(vec![Family::V4, Family::V6]),
        Some(other) => Err(OpError::new("policy::family", format!("`{other}` is no family."))
            .help("Choose `v4`, `v6` or `both`.")
            .arg("family")),
    }
}
