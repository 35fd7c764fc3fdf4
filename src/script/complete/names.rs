//! Texts that name something: namespaces, interfaces, destinations.

use super::offers::Offers;
use super::{Candidate, CandidateKind};
use crate::model::link;
use crate::ops::Ty;
use crate::script::syntax::{Call, ExprKind, each};
use std::collections::BTreeSet;

/// The names that can be an argument of a call.
pub fn names(offers: &Offers<'_>, call: &Call, argument: usize) -> Vec<Candidate> {
    let Some(meant) = offers.facts.meant(call) else { return Vec::new() };
    let place = argument.checked_sub(meant.receivers.unwrap_or(0));
    let Some(param) = place.and_then(|place| meant.def.params.get(place)) else { return Vec::new() };
    let live = offers.around.live();
    let (all, what) = match param.ty {
        Ty::Ns => {
            let mut all = made(offers, |function| function == "netns");
            all.extend(live.namespaces.iter().cloned());
            all.insert("host".into());
            (all, "namespace")
        }
        Ty::Link | Ty::SubnetOrLink => {
            let mut all = made(offers, |function| link::kinds::ALL.iter().any(|kind| kind.name == function));
            all.extend(live.links.iter().cloned());
            all.insert("lo".into());
            (all, "interface")
        }
        Ty::Dest => (BTreeSet::from(["default".to_owned()]), "every address"),
        _ => return Vec::new(),
    };
    let candidate = |label| Candidate { label, kind: CandidateKind::Name, detail: what.into(), doc: String::new() };
    all.into_iter().map(candidate).collect()
}

/// The names that the text gives to what these functions make, as far as they are known.
fn made(offers: &Offers<'_>, makes: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    each(offers.facts.tree, &mut |expr| {
        if let ExprKind::Call(call) = &expr.kind
            && makes(call.name.name.as_str())
        {
            let texts = call.args.iter().take(2).filter_map(|arg| offers.facts.of(arg).value);
            all.extend(texts.filter_map(|value| value.into_string().ok()));
        }
    });
    all
}
