//! Addresses outside of the subnets of the bridge that they are attached to.

use super::{Checked, Finding};
use crate::model::error::OpError;
use crate::ops::FnKind;
use crate::script::bindings::BindingKind;
use crate::script::convert::handles::{Addr, Handle};
use crate::script::convert::text::ip;
use crate::script::syntax::{Call, Expr, ExprKind, each};
use ipnet::IpNet;

/// Every `attach` whose address is in none of the subnets that its bridge can have.
pub fn mistakes(checked: &Checked<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    checked.each_call(&mut |call, _| {
        if call.name.name == "attach"
            && let Some(meant) = checked.meant(call)
            && meant.def.kind == FnKind::Method(crate::ops::Ty::Ns)
        {
            found.extend(outside(checked, call).map(|error| Finding::of(error, meant.is_certain)));
        }
    });
    found
}

fn outside(checked: &Checked<'_>, call: &Call) -> Option<OpError> {
    let (bridge, address) = (call.args.first()?, call.args.get(1)?);
    let given = net(checked, address)?;
    let binding = checked.facts.bindings.at(bridge.at.start)?;
    let known = checked.facts.bindings.all.get(binding).filter(|known| known.writes.is_empty())?;
    let (BindingKind::Let(Some(made)) | BindingKind::Const(Some(made))) = known.kind else { return None };
    let nets = nets(checked, made)?;
    let is_same_family = |net: &&IpNet| net.addr().is_ipv4() == given.addr().is_ipv4();
    let nets: Vec<String> = nets.iter().filter(is_same_family).map(|net| net.trunc().to_string()).collect();
    let is_inside = |net: &String| net.parse::<IpNet>().is_ok_and(|net| net.contains(&given.addr()));
    if nets.is_empty() || nets.iter().any(is_inside) || may_be_given(checked, given, made) {
        return None;
    }
    // In the words of a run.
    let name = name(checked, made).unwrap_or_else(|| known.ident.name.clone());
    let message = format!("The address {given} is in none of the subnets of bridge `{name}`.");
    let help = format!(
        "The bridge has {}. Give the bridge an address in the other subnet first, or choose one of these.",
        nets.join(", ")
    );
    let made = checked.site(known.ident.at.start);
    let error = OpError::new("addr::outside", message).help(help).note(made, "the bridge");
    Some(checked.at(error, call.name.at.start, address.at.clone(), "this argument"))
}

/// The name that the bridge at the start of a chain of calls gets, if it is known.
fn name(checked: &Checked<'_>, made: &Expr) -> Option<String> {
    let ExprKind::Call(call) = &made.kind else { return None };
    match &call.on {
        Some(on) if call.name.name != "bridge" => name(checked, on),
        _ => checked.facts.of(call.args.first()?).value?.into_string().ok(),
    }
}

/// The addresses that a new bridge gets in the chain of calls that makes it, if all are known.
fn nets(checked: &Checked<'_>, made: &Expr) -> Option<Vec<IpNet>> {
    let ExprKind::Call(call) = &made.kind else { return None };
    let meant = checked.facts.meant(call)?;
    match (meant.def.name, &call.on) {
        ("bridge", _) => Some(Vec::new()),
        ("addr", Some(on)) => {
            let mut all = nets(checked, on)?;
            all.push(net(checked, call.args.first()?)?);
            Some(all)
        }
        ("up" | "down" | "mtu" | "mac" | "link_local", Some(on)) => nets(checked, on),
        _ => None,
    }
}

/// An address with its prefix length, if it is known.
fn net(checked: &Checked<'_>, address: &Expr) -> Option<IpNet> {
    let value = checked.facts.of(address).value?;
    let text = value.read_lock::<Addr>().map(|addr| addr.show()).or_else(|| value.clone().into_string().ok())?;
    let (ip, prefix) = ip(&text).ok()?;
    IpNet::new(ip, prefix?).ok()
}

/// Whether the bridge may be given an address elsewhere that makes it right: by another call of `addr`, by a function,
/// or by a command.
fn may_be_given(checked: &Checked<'_>, given: IpNet, made: &Expr) -> bool {
    let mut may = false;
    for unit in checked.program.units {
        let is_here = std::ptr::eq(&raw const *unit.compiled, checked.compiled);
        each(&unit.compiled.tree, &mut |expr| {
            let ExprKind::Call(call) = &expr.kind else { return };
            let is_own = is_here && made.at.start <= expr.at.start && expr.at.end <= made.at.end;
            may |= match call.name.name.as_str() {
                "addr" if is_own => false,
                // Values of other texts are not looked into.
                "addr" if is_here => call
                    .args
                    .last()
                    .and_then(|address| net(checked, address))
                    .is_none_or(|net| net.contains(&given.addr())),
                "addr" => true,
                "exec" | "sh" | "start" => {
                    gives_addresses(checked.program.sources.text(&unit.compiled.source).as_deref(), call)
                }
                _ => false,
            };
        });
    }
    may
}

/// Whether a command may give an interface an address.
fn gives_addresses(text: Option<&str>, call: &Call) -> bool {
    let is_literal = |arg: &Expr| match &arg.kind {
        ExprKind::Str(_) => true,
        ExprKind::List(words) => words.iter().all(|word| matches!(word.kind, ExprKind::Str(_))),
        _ => false,
    };
    let words = text.and_then(|text| text.get(call.inside.clone())).unwrap_or_default();
    !call.args.first().is_some_and(is_literal)
        || ["addr", "ip a", "\"a\"", "ifconfig"].iter().any(|it| words.contains(it))
}
