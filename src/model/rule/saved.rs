//! What iptables-save(8) prints, with or without counters.

use super::{Match, Rule, RuleSpec, split};
use crate::model::tag::Tag;
use std::collections::HashMap;

/// The tables of one family in one namespace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Saved {
    tables: Vec<SavedTable>,
    /// What iptables says it cannot show: tables that nft(8) put something into that iptables has no words for.
    pub unreadable: Vec<String>,
}

/// One table, indexed, because a lab can have as many rules as changes to look up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SavedTable {
    name: String,
    /// Its chains, in order.
    pub chains: Vec<SavedChain>,
    /// Its rules, in order.
    pub rules: Vec<SavedRule>,
    by_tag: HashMap<Tag, Vec<usize>>,
    by_chain: HashMap<String, Vec<usize>>,
}

/// One chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedChain {
    /// Its name.
    pub name: String,
    /// What becomes of packets that no rule decides about: `ACCEPT` or `DROP`; none of a chain that somebody made.
    pub policy: Option<String>,
    /// How many packets met the policy.
    pub packets: u64,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedRule {
    /// Its chain.
    pub chain: String,
    /// The line without its counters and its `-A `.
    pub text: String,
    /// What it means, our tags aside.
    pub spec: RuleSpec,
    /// The tags that it carries.
    pub tags: Vec<Tag>,
    /// How many packets it has met.
    pub packets: u64,
}

impl SavedRule {
    /// A rule of `iptables-save`, from what follows `-A `.
    fn read(text: &str, packets: u64) -> Option<SavedRule> {
        let words = split(text);
        let (chain, words) = words.split_first()?;
        let mut spec = RuleSpec::read(words);
        let mut tags = Vec::new();
        spec.conditions.retain(|condition| {
            let tag = if let Match::Comment(text) = &condition.of { Tag::parse(text) } else { None };
            let stays = tag.is_none();
            tags.extend(tag);
            stays
        });
        Some(SavedRule { chain: chain.clone(), text: text.to_owned(), spec, tags, packets })
    }

    /// Whether the lab that `tag` belongs to has made it.
    pub fn is_of_lab(&self, tag: &Tag) -> bool {
        self.tags.iter().any(|other| other.same_lab(tag))
    }

    /// Its words, as `iptables-save` has them, without the comment that is this tag.
    fn words_without(&self, tag: &Tag) -> Vec<String> {
        let mut words = split(&self.text).split_off(1);
        let comment = ["-m".to_owned(), "comment".to_owned(), "--comment".to_owned(), tag.to_string()];
        if let Some(at) = words.windows(4).position(|four| four == comment) {
            words.drain(at..at + 4);
        }
        words
    }

    /// The rule that was asked for where it carries this tag.
    pub fn rule(&self, tag: &Tag) -> Rule {
        Rule::from(self.words_without(tag))
    }

    /// The words of its line, without the comment that is its first tag.
    pub fn untagged(&self) -> Vec<String> {
        let mut words = vec!["-A".to_owned(), self.chain.clone()];
        words.extend(match self.tags.first() {
            Some(tag) => self.words_without(tag),
            None => split(&self.text).split_off(1),
        });
        words
    }
}

impl SavedTable {
    fn add(&mut self, rule: SavedRule) {
        let at = self.rules.len();
        for tag in &rule.tags {
            self.by_tag.entry(tag.clone()).or_default().push(at);
        }
        let jump = rule.spec.chain().filter(|chain| *chain != rule.chain);
        for chain in jump.into_iter().chain([rule.chain.as_str()]) {
            self.by_chain.entry(chain.to_owned()).or_default().push(at);
        }
        self.rules.push(rule);
    }

    /// The rules that carry this tag, as indices.
    pub fn tagged(&self, tag: &Tag) -> &[usize] {
        self.by_tag.get(tag).map_or(&[], Vec::as_slice)
    }

    /// The rules in a chain and those that send packets to it, with their indices.
    pub fn using(&self, chain: &str) -> impl Iterator<Item = (usize, &SavedRule)> {
        self.by_chain.get(chain).into_iter().flatten().filter_map(|at| Some((*at, self.rules.get(*at)?)))
    }

    /// The rules of a chain, in order.
    pub fn rules_of(&self, chain: &str) -> impl Iterator<Item = &SavedRule> {
        self.using(chain).map(|(_, rule)| rule).filter(move |rule| rule.chain == chain)
    }

    /// A chain, if it is there.
    pub fn chain(&self, name: &str) -> Option<&SavedChain> {
        self.chains.iter().find(|chain| chain.name == name)
    }

    /// The chains that somebody made.
    pub fn own_chains(&self) -> impl Iterator<Item = &str> {
        self.chains.iter().filter(|chain| chain.policy.is_none()).map(|chain| chain.name.as_str())
    }

    /// Whether the chain is there and made by somebody.
    pub fn has_own_chain(&self, name: &str) -> bool {
        self.chain(name).is_some_and(|chain| chain.policy.is_none())
    }
}

impl Saved {
    /// Reads what an `iptables-save` printed.
    pub fn parse(text: &str) -> Saved {
        let mut saved = Saved::default();
        for line in text.lines() {
            let line = line.trim_end();
            if let Some(name) = line.strip_prefix('*') {
                saved.tables.push(SavedTable { name: name.to_owned(), ..SavedTable::default() });
            } else if line.starts_with("# Table `") {
                saved.unreadable.push(line.trim_start_matches("# ").to_owned());
            } else if let Some(table) = saved.tables.last_mut() {
                table.chains.extend(line.strip_prefix(':').and_then(chain));
                if let Some(rule) = rule(line) {
                    table.add(rule);
                }
            }
        }
        saved
    }

    /// A table, if it is there.
    pub fn table(&self, name: &str) -> Option<&SavedTable> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Whether there is nothing that was not there from the start.
    pub fn is_bare(&self) -> bool {
        self.lines().next().is_none() && self.unreadable.is_empty()
    }

    /// What somebody put there: rules, chains, and policies other than ACCEPT. A table that was only looked at
    /// has built-in chains, which change nothing.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.tables.iter().flat_map(|table| {
            let chains = table.chains.iter().filter(|chain| chain.policy.as_deref() != Some("ACCEPT"));
            let policy = |chain: &SavedChain| chain.policy.clone().unwrap_or_else(|| "-".to_owned());
            let chains = chains.map(move |chain| format!("*{} :{} {}", table.name, chain.name, policy(chain)));
            chains.chain(table.rules.iter().map(|rule| format!("*{} -A {}", table.name, rule.text)))
        })
    }
}

/// A line of a namespace's rules, as [`Saved::lines`] has them.
#[derive(Debug, Clone, PartialEq)]
pub enum SavedLine {
    /// A chain.
    Chain(SavedChain),
    /// A rule.
    Rule(SavedRule),
}

impl SavedLine {
    /// The chain or rule in a line, whatever family and table stand before it.
    pub fn read(line: &str) -> Option<SavedLine> {
        let is_start = |(at, _): &(usize, char)| line[*at..].starts_with(':') || line[*at..].starts_with("-A ");
        let (at, _) = line.char_indices().find(is_start)?;
        let line = &line[at..];
        line.strip_prefix(':').and_then(chain).map(SavedLine::Chain).or_else(|| rule(line).map(SavedLine::Rule))
    }
}

/// What follows the `:` of a chain's line.
fn chain(line: &str) -> Option<SavedChain> {
    let mut parts = line.split(' ');
    let (name, policy) = (parts.next()?.to_owned(), parts.next()?);
    let policy = (policy != "-").then(|| policy.to_owned());
    Some(SavedChain { name, policy, packets: parts.next().map_or(0, packets) })
}

/// The rule in a line, if it is one's.
fn rule(line: &str) -> Option<SavedRule> {
    if let Some(text) = line.strip_prefix("-A ") {
        return SavedRule::read(text, 0);
    }
    let (counters, text) = line.strip_prefix('[')?.split_once("] -A ")?;
    SavedRule::read(text, packets(counters))
}

/// The number of packets in `[packets:bytes]`.
fn packets(counters: &str) -> u64 {
    counters.trim_start_matches('[').split(':').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Tag {
        Tag::parse(text).unwrap()
    }

    #[test]
    fn only_what_somebody_put_there_counts() {
        let bare = "# Generated\n*nat\n:PREROUTING ACCEPT [3:120]\n:INPUT ACCEPT [0:0]\nCOMMIT\n# Completed\n";
        assert!(Saved::parse(bare).is_bare());
        let text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OWN - [0:0]\n-A INPUT -j OWN\nCOMMIT\n";
        let lines: Vec<String> = Saved::parse(text).lines().collect();
        assert_eq!(lines, ["*filter :FORWARD DROP", "*filter :OWN -", "*filter -A INPUT -j OWN"]);
    }

    #[test]
    fn a_tag_is_compared_whole_and_wherever_it_stands() {
        let text =
            "*nat\n-A A -m comment --comment \"rhailab:x:11\" -m comment --comment \"rhailab:x:2\" -g B\nCOMMIT\n";
        let saved = Saved::parse(text);
        let table = saved.table("nat").unwrap();
        let with = |text| table.tagged(&tag(text));
        assert_eq!((with("rhailab:x:11"), with("rhailab:x:2"), with("rhailab:x:1")), (&[0][..], &[0][..], &[][..]));
        let using = |chain| table.using(chain).count();
        assert_eq!((using("A"), using("B"), using("rhailab:x:2")), (1, 1, 0));
        assert_eq!(
            table.rules[0].words_without(&tag("rhailab:x:2")).join(" "),
            "-m comment --comment rhailab:x:11 -g B"
        );
    }

    #[test]
    fn a_line_is_read_behind_its_table() {
        let Some(SavedLine::Rule(rule)) = SavedLine::read("4 *nat -A OUT -m comment --comment rhailab:x:1 -j VIP")
        else {
            panic!()
        };
        assert_eq!((rule.tags, rule.spec.chain()), (vec![tag("rhailab:x:1")], Some("VIP")));
        assert!(matches!(SavedLine::read("6 *nat :VIP -"), Some(SavedLine::Chain(chain)) if chain.name == "VIP"));
        assert_eq!(SavedLine::read("4 *nat"), None);
    }

    #[test]
    fn counters_are_read() {
        let saved =
            Saved::parse("*filter\n:FORWARD DROP [7:420]\n[3:180] -A FORWARD -m comment --comment \"a b\" -j X\n");
        let table = saved.table("filter").unwrap();
        assert_eq!((table.chains[0].packets, table.rules[0].packets), (7, 3));
        assert_eq!(table.rules[0].text, "FORWARD -m comment --comment \"a b\" -j X");
        assert_eq!(table.rules[0].spec.conditions[0].of, Match::Comment("a b".into()));
    }
}
