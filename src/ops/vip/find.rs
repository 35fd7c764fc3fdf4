//! The virtual IPs that a lab has.

use crate::lab::Lab;
use crate::model::error::{OpError, OpResult};
use crate::model::explain::place;
use crate::model::names::Ns;
use crate::model::object::VirtualIp;
use crate::ops::args::Call;
use crate::ops::value::{Value, Vip};
use std::rc::Rc;

/// How many virtual IPs an error names.
const SHOWN: usize = 5;

pub(super) fn vips(call: &mut Call<'_>) -> OpResult<Value> {
    let ns = call.ns()?;
    Ok(Value::List(all(call.lab, &ns).into_iter().map(|vip| Value::Vip(Rc::new(vip))).collect()))
}

pub(super) fn vip_of(call: &mut Call<'_>) -> OpResult<Value> {
    let (ns, wanted): (Ns, String) = (call.ns()?, call.args.req("which")?);
    let is_it = |vip: &Vip| vip.name.as_str() == wanted || vip.endpoint.to_string() == wanted;
    let here = all(call.lab, &ns);
    if let Some(vip) = here.iter().find(|vip| is_it(vip)) {
        return Ok(Value::Vip(Rc::new(vip.clone())));
    }
    let spaces = call.lab.state().spaces();
    let elsewhere = spaces.into_iter().find(|other| all(call.lab, other).iter().any(is_it));
    let help = match elsewhere {
        Some(Ns::Named(name)) => format!("There is one in namespace `{name}`: `netns_of(\"{name}\").vip_of(…)`."),
        Some(Ns::Host) => "There is one in the lab's root namespace: `vip_of(…)` without a namespace.".to_owned(),
        None if here.is_empty() => "There is none at all there. `vip(…)` makes one.".to_owned(),
        None => some(&here),
    };
    let error = OpError::new("vip::unknown", format!("There is no virtual IP `{wanted}` in {}.", place(&ns)));
    Err(error.help(help).arg("which"))
}

/// Which ones there are, for people.
fn some(vips: &[Vip]) -> String {
    let named: Vec<String> = vips.iter().take(SHOWN).map(|vip| format!("`{}`", vip.endpoint)).collect();
    match vips.len().saturating_sub(SHOWN) {
        0 => format!("There is {}.", named.join(", ")),
        rest => format!("There is {} and {rest} more; `vips()` lists them.", named.join(", ")),
    }
}

/// Handles of the virtual IPs of a namespace, oldest first.
fn all(lab: &Lab, ns: &Ns) -> Vec<Vip> {
    let handle = |vip: &VirtualIp| Vip { endpoint: vip.endpoint, ns: ns.clone(), name: vip.name.clone() };
    lab.vips(ns).into_iter().map(handle).collect()
}
