//! The lab as a tree of text: namespaces, what is in them, and what that is joined to.

use super::Repl;
use crate::lab::Record;
use crate::model::change::Change;
use crate::model::error::OpResult;
use crate::model::identity::Identity;
use crate::model::kind::Kind;
use crate::model::names::{IfName, Ns};
use crate::model::observe::{LinkInfo, ProcState};
use crate::model::process::Start;
use crate::output::style::Ink;
use std::collections::BTreeSet;

impl Repl<'_> {
    /// The tree, as the kernel shows it now.
    pub(super) fn graph(&self) -> OpResult<String> {
        let mut lab = self.lab.borrow_mut();
        lab.settle()?;
        let processes: Vec<Record> = lab.made().processes().cloned().collect();
        let mut spaces: BTreeSet<Ns> = lab.state().spaces().into_iter().cloned().collect();
        spaces.insert(Ns::Host);
        let style = self.style();
        let mut text = String::new();
        for ns in spaces {
            if !lab.netns_exists(&ns)? {
                continue;
            }
            let network = lab.network(&ns)?;
            let mut lines = Vec::new();
            let tops = network.links.iter().filter(|link| link.master.is_none() && link.name.as_str() != "lo");
            for link in tops {
                lines.push((0, self.link_line(&lab, &ns, link)));
                let ports = network.links.iter().filter(|port| port.master == Some(link.index));
                lines.extend(ports.map(|port| (1, self.link_line(&lab, &ns, port))));
            }
            for record in processes.iter().filter(|record| record.change.ns() == ns) {
                let (Change::Start(Start { process, .. }), Identity::Process { pid, .. }) =
                    (&record.change, &record.identity)
                else {
                    continue;
                };
                let runs = lab.process(&record.identity)? == ProcState::Running;
                let state = if runs { format!("pid {pid}") } else { "ended".to_owned() };
                lines.push((0, format!("process {}  {}", process.name, style.paint(Ink::Faint, &state))));
            }
            if lines.is_empty() && ns == Ns::Host {
                continue;
            }
            text.push_str(&format!("{}\n", style.paint(Ink::Strong, &ns.to_string())));
            text.push_str(&tree(&lines, style.unicode));
        }
        Ok(if text.is_empty() { "There is nothing in the lab yet.".to_owned() } else { text })
    }

    fn link_line(&self, lab: &crate::lab::Lab, ns: &Ns, link: &LinkInfo) -> String {
        let addrs: Vec<String> = link.addrs.iter().map(ToString::to_string).collect();
        let arrow = if self.style().unicode { "⟷" } else { "<->" };
        let name = IfName::new(&link.name).ok();
        let peer = name
            .and_then(|name| lab.other_end(ns, &name))
            .map_or_else(String::new, |(there, peer)| format!("{arrow} {peer} in {there}"));
        let state = if link.up { "" } else { "(down)" };
        let parts = [link.kind.as_str(), link.name.as_str(), &addrs.join(" "), &peer, state];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// Lines under a heading, each with its depth, 0 or 1.
fn tree(lines: &[(usize, String)], unicode: bool) -> String {
    let [fork, last, pass] = if unicode { ["├─ ", "└─ ", "│  "] } else { ["|- ", "`- ", "|  "] };
    let mut text = String::new();
    for (at, (depth, line)) in lines.iter().enumerate() {
        let after = lines.get(at + 1..).unwrap_or_default();
        let has_next =
            |depth: usize| after.iter().take_while(|(other, _)| *other >= depth).any(|(other, _)| *other == depth);
        if *depth == 1 {
            text.push_str(if has_next(0) { pass } else { "   " });
        }
        text.push_str(if has_next(*depth) { fork } else { last });
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::tree;

    #[test]
    fn branches_end_where_they_end() {
        let lines = [(0, "a"), (1, "b"), (1, "c"), (0, "d"), (1, "e")].map(|(depth, line)| (depth, line.to_owned()));
        assert_eq!(tree(&lines, true), "├─ a\n│  ├─ b\n│  └─ c\n└─ d\n   └─ e\n");
        assert_eq!(tree(&lines[3..4], false), "`- d\n");
    }
}
