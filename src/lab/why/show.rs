//! A trace as text.

use super::{Hop, Proof, Stop, Trace};
use std::fmt;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whom = if self.back { "the answer stops" } else { "it stops" };
        write!(f, "{whom} in `{}`: {}.", self.ns, self.reason)
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.way(), self.verdict())
    }
}

impl Trace {
    /// The question and the hops, a line each.
    pub fn way(&self) -> String {
        let mut text = format!("{}\n", self.question);
        let width = self.hops.iter().map(|hop| hop.ns.chars().count()).max().unwrap_or(0);
        for (number, hop) in (1..).zip(&self.hops) {
            let Hop { ns, what, site, back } = hop;
            let arrow = if *back { '←' } else { '→' };
            let site = site.as_ref().map_or_else(String::new, |site| format!("  ({site})"));
            text.push_str(&format!("  {number:>2} {arrow} {ns:<width$}  {what}{site}\n"));
        }
        text
    }

    /// What it comes to, in a few lines.
    pub fn verdict(&self) -> String {
        let mut lines = Vec::new();
        match (&self.stop, &self.proof) {
            (Some(stop), proof) => {
                lines.push(sentence(&stop.to_string()));
                lines.extend(stop.site.as_ref().map(|site| format!("made by  {site}")));
                let label = if stop.instead { "instead" } else { "missing" };
                lines.extend(stop.missing.as_ref().map(|missing| format!("{label}  {missing}")));
                lines.extend(told(stop, proof));
            }
            (None, Proof::Answered) => {
                lines.push("It arrives, and the answer comes back: a real packet did.".to_owned());
            }
            (None, Proof::Failed(why, _)) => {
                lines.push(format!(
                    "Nothing that can be seen from here stops it, but a real packet was not answered: {why}."
                ));
            }
            (None, Proof::NotTried) => lines.push("Nothing stops it.".to_owned()),
        }
        if !self.unclear.is_empty() && !self.is_well() {
            lines.push("These rules may play a part; what they depend on cannot be told from here:".to_owned());
            lines.extend(self.unclear.iter().map(|rule| format!("  {rule}")));
        }
        lines.join("\n")
    }
}

/// What the real packet says of a stop.
fn told(stop: &Stop, proof: &Proof) -> Option<String> {
    match proof {
        Proof::Failed(_, Some((before, now))) if now > before => {
            Some(format!("proof    a real packet raised the counter of that rule from {before} to {now}"))
        }
        Proof::Failed(why, _) => Some(format!("proof    a real packet was not answered: {why}")),
        Proof::Answered if stop.code == "mtu" => {
            Some("proof    a small packet was answered; no large one was sent".to_owned())
        }
        Proof::Answered | Proof::NotTried => None,
    }
}

/// With a capital letter.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
