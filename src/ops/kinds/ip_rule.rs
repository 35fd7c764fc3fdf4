//! Policy routing.

use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::family::Family;
use crate::model::kinds::ip_rule::{AddIpRule, FwMark, IP_RULE};
use crate::model::names::{IfName, Ns};
use crate::ops::args::Call;
use crate::ops::def::{Action, Error, FnDef, FnKind, FnParam, Opt, Ty};
use crate::ops::errors::{ROUTE_TABLE, UNDO_REFUSED};
use crate::ops::rules::same_family;
use crate::ops::value::{LinkHandle, Rules, Value};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::rc::Rc;

/// The title of the family.
pub const TITLE: &str = "Policy routing";

/// The functions of this family.
pub const DEFS: &[FnDef] = &[FnDef {
    name: "ip_rule",
    kind: FnKind::InNs,
    params: &[
        FnParam {
            name: "table",
            ty: Ty::Int,
            default: None,
            doc: "the number of the table that the packets are looked up in; 254 is the main table",
        },
        FnParam {
            name: "options",
            ty: Ty::Options(&[
                Opt { name: "from", ty: Ty::Subnet, default: "all", doc: "their source addresses" },
                Opt { name: "to", ty: Ty::Subnet, default: "all", doc: "their destination addresses" },
                Opt { name: "iif", ty: Ty::Link, default: "all", doc: "the interface that they came in by" },
                Opt { name: "oif", ty: Ty::Link, default: "all", doc: "the interface that their socket is bound to" },
                Opt {
                    name: "mark",
                    ty: Ty::Any,
                    default: "all",
                    doc: "their firewall mark: a number, or `\"0x10/0xff\"` with the bits that count",
                },
                Opt {
                    name: "priority",
                    ty: Ty::Int,
                    default: "32765, or one less than the recipe's last",
                    doc: "its place among the rules: lower is asked first",
                },
                Opt { name: "ipv6", ty: Ty::Bool, default: "as the addresses are", doc: "it is about IPv6" },
            ]),
            default: Some("none"),
            doc: "",
        },
    ],
    returns: Ty::Rules,
    summary: "Has packets looked up in another routing table (ip-rule(8)).",
    details: "Routes get into that table by `route(…, #{ table: N })`. The kernel asks the rules in the order of their \
              priority, the main table's at 32766. Rules carry protocol 98, as our routes do.",
    example: r#"bridge("uplink").addr("192.0.2.2/24").up();
route("default", "192.0.2.1", #{ table: 100 });
ip_rule(100, #{ from: "10.0.0.0/24" });
let marked = ip_rule(100, #{ mark: "0x1/0xff", ipv6: true, priority: 1000 });
marked.del();"#,
    errors: &[
        Error { code: "ip_rule::exists", when: "there is such a rule" },
        Error { code: "ip_rule::refused", when: "the kernel does not take it" },
        Error { code: "ip_rule::mark", when: "the mark is none" },
        Error { code: "ip_rule::priority", when: "the priority is out of range" },
        Error { code: "nat::family", when: "the addresses are of two IP versions" },
        ROUTE_TABLE,
        UNDO_REFUSED,
    ],
    run: Action::Op(ip_rule),
}];

fn ip_rule(call: &mut Call<'_>) -> OpResult<Value> {
    let ns = call.ns()?;
    let (from, to): (Option<IpNet>, Option<IpNet>) = (call.args.opt("from")?, call.args.opt("to")?);
    if let (Some(from), Some(to)) = (from, to) {
        same_family(from.addr(), to.addr(), "to")?;
    }
    let stated = if call.args.or("ipv6", false)? { Family::V6 } else { Family::V4 };
    let family = from.or(to).map_or(stated, |net| Family::of(net.addr()));
    let name =
        |option| -> OpResult<Option<IfName>> { Ok(call.args.opt::<LinkHandle>(option)?.map(|link| link.place().name)) };
    let rule = AddIpRule {
        from,
        to,
        iif: name("iif")?,
        oif: name("oif")?,
        mark: mark(call)?,
        table: crate::ops::route::table(call)?.unwrap_or(254),
        priority: priority(call, &ns, family)?,
        ns: ns.clone(),
        family,
    };
    let what = format!("policy rule {}", rule.words());
    let changes = call.commit(vec![Change::AddIpRule(rule)])?;
    Ok(Value::Rules(Rc::new(Rules { what, ns, changes })))
}

fn mark(call: &Call<'_>) -> OpResult<Option<FwMark>> {
    let given: Option<Value> = call.args.opt("mark")?;
    let text = match given {
        None => return Ok(None),
        Some(Value::Int(number)) => number.to_string(),
        Some(Value::Str(text)) => text,
        Some(_) => String::new(),
    };
    let bad = |why| {
        OpError::new("ip_rule::mark", format!("{text:?} is no firewall mark: {why}."))
            .help("Write a number, or `\"0x10/0xff\"`.")
            .arg("mark")
    };
    text.parse().map(Some).map_err(bad)
}

/// The priority that is asked for, or the one before those of the rules that the recipe has made.
fn priority(call: &Call<'_>, ns: &Ns, family: Family) -> OpResult<u32> {
    let given = call.args.number(
        "priority",
        |_| true,
        |given| {
            OpError::new("ip_rule::priority", format!("A priority of {given} is out of range."))
                .help("Choose 1 to 32765; the main table's rule is at 32766.")
        },
    )?;
    Ok(given.unwrap_or_else(|| {
        let keys = call.lab.state().keys_in(ns, IP_RULE);
        let taken: BTreeSet<&str> = keys.filter_map(|key| key.split_inclusive(':').next()).collect();
        let is_free = |priority: &u32| !taken.contains(&*AddIpRule::key_of(family, *priority));
        (1..=32765).rev().find(is_free).unwrap_or(1)
    }))
}
