//! Making changes again that were undone: what a prompt needs to take back that something was deleted.
//!
//! They keep their numbers, so that whoever knows a change by its number, such as a script's handle, still does; and an
//! interface gets the hardware addresses that it had. A process is started anew: what it was in the middle of is lost.

use super::journal::Line;
use super::store::Journal;
use super::{Event, Lab, Leftover, Record, unwind};
use crate::model::change::{Change, Identity};
use crate::model::error::OpResult;
use crate::model::rules::EditRules;
use std::collections::BTreeMap;

impl Lab {
    /// Makes changes again that were undone, in the order in which they were made, each under its own number, and
    /// returns those that could not be made. What was made meanwhile and would come before them, as rules do that were
    /// appended to the same table, is made again after them.
    pub fn remake(&mut self, records: &[Record]) -> Vec<Leftover> {
        let mut all: BTreeMap<u64, Record> = records.iter().map(|record| (record.n, record.clone())).collect();
        let later: Vec<Record> = self.made.iter().filter(|later| is_out_of_order(later, records)).cloned().collect();
        let numbers: Vec<u64> = later.iter().map(|record| record.n).collect();
        let mut left = if numbers.is_empty() { Vec::new() } else { self.undo_numbers(&numbers) };
        let stuck: Vec<u64> = left.iter().map(|left| left.record.n).collect();
        all.extend(later.into_iter().filter(|record| !stuck.contains(&record.n)).map(|record| (record.n, record)));
        for record in all.into_values() {
            if let Err(error) = self.make_again(&record) {
                left.push(Leftover { record, error });
            }
        }
        self.made.sort_by_key(|record| record.n);
        self.reindex();
        if let Err(error) = self.settle() {
            let lost = records.iter().filter(|record| !self.made.iter().any(|made| made.n == record.n));
            left.extend(lost.map(|record| Leftover { record: record.clone(), error: error.clone() }));
        }
        left
    }

    /// Undoes several changes at once, together with what depends on them, and returns what could not be undone.
    pub fn take_back(&mut self, changes: &[u64]) -> Vec<Leftover> {
        let numbers = unwind::with_dependents(&self.made, changes);
        if numbers.is_empty() { Vec::new() } else { self.undo_numbers(&numbers) }
    }

    /// Goes on in another journal, which begins with everything that stands.
    pub fn rejournal(&mut self, journal: Journal) -> OpResult<()> {
        self.journal = Some(journal);
        for record in self.made.clone() {
            self.announce(&record)?;
            self.note(&Line::Done { n: record.n })?;
        }
        Ok(())
    }

    fn make_again(&mut self, record: &Record) -> OpResult<()> {
        let Record { n, site, change, identity: before } = record;
        if matches!(change, Change::Start(_)) {
            self.settle()?;
        }
        let identity = self.kernel.prepare(*n, change).map_err(|refusal| self.explain(&refusal, change))?;
        let identity = with_addresses(identity, before);
        let record = Record { n: *n, site: site.clone(), change: change.clone(), identity };
        if let Err(error) = self.announce(&record) {
            self.kernel.abandon(*n);
            return Err(error);
        }
        if let Err(refusal) = self.kernel.apply(*n, &record.change, &record.identity) {
            let error = self.explain(&refusal, &record.change);
            self.note(&Line::Undone { n: *n })?;
            return Err(error);
        }
        if let Some(journal) = &mut self.journal {
            journal.remark(&Line::Done { n: *n })?;
        }
        self.tell(&Event::Made(&record));
        self.index.add(&record.change);
        self.made.push(record);
        self.next = self.next.max(n + 1);
        Ok(())
    }
}

/// Whether a change that stands must come after one of those that are made again, and would come before it.
fn is_out_of_order(later: &Record, again: &[Record]) -> bool {
    let Change::EditRules(EditRules { ns, family, table, .. }) = &later.change else { return false };
    again.iter().any(|record| match &record.change {
        Change::EditRules(EditRules { ns: there, family: of, table: within, .. }) => {
            later.n > record.n && (ns, family, table) == (there, of, within)
        }
        _ => false,
    })
}

/// The identity of an interface with the hardware addresses that it had before.
fn with_addresses(identity: Identity, before: &Identity) -> Identity {
    match (identity, before) {
        (Identity::Link { cookie, group, .. }, Identity::Link { mac, peer, .. }) => {
            Identity::Link { cookie, mac: *mac, peer: *peer, group }
        }
        (identity, _) => identity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fake::FakeKernel;
    use crate::model::error::Site;
    use crate::model::family::Family;
    use crate::model::link::AddLink;
    use crate::model::link::{LinkKind, NewLink};
    use crate::model::names::{IfName, LabName, Ns, NsName};
    use crate::model::netns::AddNetns;
    use crate::model::rules::{RuleEdit, Table};

    fn lab() -> Lab {
        Lab::new(LabName::new("t").unwrap(), Box::new(FakeKernel::new()), None)
    }

    fn commit(lab: &mut Lab, change: Change) -> u64 {
        let site = Site { source: "t".into(), line: 1, col: 1 };
        lab.commit(&site, vec![change]).unwrap()[0]
    }

    fn rule(word: &str) -> Change {
        let edits = vec![RuleEdit::append("INPUT", vec![word.to_owned()].into())];
        Change::EditRules(EditRules { ns: Ns::Host, family: Family::V4, table: Table::Filter, edits })
    }

    #[test]
    fn what_was_undone_is_there_again_under_its_number_and_address() {
        let mut lab = lab();
        let name = NsName::new("web").unwrap();
        let ns = Ns::Named(name.clone());
        let first = commit(&mut lab, Change::AddNetns(AddNetns { name, sysctls: [].into() }));
        let link = NewLink {
            name: IfName::new("br0").unwrap(),
            kind: LinkKind::Bridge { stp: false },
            mtu: None,
            mac: None,
            master: None,
            up: false,
        };
        commit(&mut lab, Change::AddLink(AddLink { ns: ns.clone(), link }));
        let before = lab.records().to_vec();
        let mac = lab.link(&ns, &IfName::new("br0").unwrap()).unwrap().mac;
        lab.revert(first).unwrap();
        assert!(lab.records().is_empty());
        assert!(lab.remake(&before).is_empty());
        assert_eq!(lab.records().iter().map(|record| record.n).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(lab.link(&ns, &IfName::new("br0").unwrap()).unwrap().mac, mac);
        assert_eq!(lab.next_number(), 3);
    }

    #[test]
    fn rules_keep_their_order() {
        let mut lab = lab();
        let first = commit(&mut lab, rule("one"));
        commit(&mut lab, rule("two"));
        let before = lab.records().to_vec();
        lab.revert(first).unwrap();
        assert!(lab.remake(&before[..1]).is_empty());
        let rules = lab.kernel.snapshot(&Ns::Host).unwrap().rules;
        let at = |word: &str| rules.iter().position(|rule| rule.contains(word)).unwrap();
        assert!(at("one") < at("two"), "{rules:?}");
    }

    #[test]
    fn what_cannot_be_made_again_is_told() {
        let mut lab = lab();
        let name = NsName::new("web").unwrap();
        let change = Change::AddNetns(AddNetns { name, sysctls: [].into() });
        let n = commit(&mut lab, change.clone());
        let before = lab.records().to_vec();
        lab.revert(n).unwrap();
        commit(&mut lab, change);
        let left = lab.remake(&before);
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].error.0.code, "netns::exists");
        assert_eq!(lab.records().len(), 1);
    }
}
