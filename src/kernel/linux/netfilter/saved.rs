//! What iptables-save(8) prints, taken apart.

use super::words;
use std::collections::HashMap;

/// The tables of one family in one namespace.
#[derive(Debug, Default)]
pub(super) struct Saved {
    tables: Vec<SavedTable>,
    /// What iptables says it cannot show: tables that nft(8) put something into that iptables has no words for.
    pub(super) unreadable: Vec<String>,
}

/// One table, indexed, because a lab can have as many rules as changes to look up.
#[derive(Debug, Default)]
pub(super) struct SavedTable {
    name: String,
    /// Chains with their policy; `-` for user-defined ones.
    chains: Vec<(String, String)>,
    /// Rules in order.
    pub(super) rules: Vec<SavedRule>,
    by_comment: HashMap<String, Vec<usize>>,
    by_chain: HashMap<String, Vec<usize>>,
}

/// One rule.
#[derive(Debug)]
pub(super) struct SavedRule {
    /// Its chain.
    pub(super) chain: String,
    /// The line without its `-A `.
    pub(super) text: String,
    comments: Vec<String>,
}

impl SavedRule {
    /// Whether a lab's mark is on it: the lab that `tag` belongs to.
    pub(super) fn is_of_lab(&self, tag: &str) -> bool {
        self.comments.iter().any(|text| words::same_lab(text, tag))
    }

    /// The tag of the change that made it, if one of a lab did.
    pub(super) fn tag(&self) -> Option<&str> {
        let is_tag = |text: &&String| text.starts_with("rhailab:") && text.matches(':').count() == 2;
        self.comments.iter().find(is_tag).map(String::as_str)
    }

    /// Its words behind the chain's name, without the comment that is this tag.
    pub(super) fn words_without(&self, tag: &str) -> Vec<String> {
        let mut words = words::split(&self.text).split_off(1);
        let comment = ["-m", "comment", "--comment", tag];
        if let Some(at) = words.windows(4).position(|four| four == comment) {
            words.drain(at..at + 4);
        }
        words
    }
}

impl SavedTable {
    /// Takes in a rule: what follows `-A `.
    fn add(&mut self, text: &str) {
        let words = words::split(text);
        let Some(chain) = words.first() else { return };
        let after = |options: &'static [&str]| {
            let pairs = words.windows(2).filter(|pair| options.contains(&pair[0].as_str()));
            pairs.map(|pair| pair[1].clone()).collect::<Vec<String>>()
        };
        let (at, comments) = (self.rules.len(), after(&["--comment"]));
        for comment in &comments {
            self.by_comment.entry(comment.clone()).or_default().push(at);
        }
        for chain in after(&["-j", "-g"]).into_iter().chain([chain.clone()]) {
            self.by_chain.entry(chain).or_default().push(at);
        }
        self.rules.push(SavedRule { chain: chain.clone(), text: text.to_owned(), comments });
    }

    /// The rules that carry this comment, as indices.
    pub(super) fn with_comment(&self, comment: &str) -> &[usize] {
        self.by_comment.get(comment).map_or(&[], Vec::as_slice)
    }

    /// The rules in a chain and those that send packets to it, with their indices.
    pub(super) fn using(&self, chain: &str) -> impl Iterator<Item = (usize, &SavedRule)> {
        self.by_chain.get(chain).into_iter().flatten().filter_map(|at| Some((*at, self.rules.get(*at)?)))
    }

    /// The chains that somebody made.
    pub(super) fn own_chains(&self) -> impl Iterator<Item = &str> {
        self.chains.iter().filter(|(_, policy)| policy == "-").map(|(name, _)| name.as_str())
    }

    /// Whether the chain is there and made by somebody.
    pub(super) fn has_own_chain(&self, chain: &str) -> bool {
        self.chains.iter().any(|(name, policy)| name == chain && policy == "-")
    }

    /// Whether the chain is there and the kernel's.
    pub(super) fn has_built_in_chain(&self, chain: &str) -> bool {
        self.chains.iter().any(|(name, policy)| name == chain && policy != "-")
    }
}

impl Saved {
    /// Reads what an `iptables-save` printed.
    pub(super) fn parse(text: &str) -> Saved {
        let mut saved = Saved::default();
        for line in text.lines() {
            let line = line.trim_end();
            if let Some(name) = line.strip_prefix('*') {
                saved.tables.push(SavedTable { name: name.to_owned(), ..SavedTable::default() });
            } else if line.starts_with("# Table `") {
                saved.unreadable.push(line.trim_start_matches("# ").to_owned());
            } else if let Some(table) = saved.tables.last_mut() {
                if let Some(chain) = line.strip_prefix(':') {
                    let mut parts = chain.split(' ');
                    if let (Some(name), Some(policy)) = (parts.next(), parts.next()) {
                        table.chains.push((name.to_owned(), policy.to_owned()));
                    }
                } else if let Some(text) = line.strip_prefix("-A ") {
                    table.add(text);
                }
            }
        }
        saved
    }

    /// A table, if it is there.
    pub(super) fn table(&self, name: &str) -> Option<&SavedTable> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// Whether there is nothing that was not there from the start.
    pub(super) fn is_bare(&self) -> bool {
        self.lines().next().is_none() && self.unreadable.is_empty()
    }

    /// What somebody put there: rules, chains, and policies other than ACCEPT. A table that was only looked at
    /// has built-in chains, which change nothing.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.tables.iter().flat_map(|table| {
            let chains = table.chains.iter().filter(|(_, policy)| policy != "ACCEPT");
            let chains = chains.map(|(name, policy)| format!("*{} :{name} {policy}", table.name));
            chains.chain(table.rules.iter().map(|rule| format!("*{} -A {}", table.name, rule.text)))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_somebody_put_there_counts() {
        let bare = "# Generated\n*nat\n:PREROUTING ACCEPT [3:120]\n:INPUT ACCEPT [0:0]\nCOMMIT\n# Completed\n";
        assert!(Saved::parse(bare).is_bare());
        let text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OWN - [0:0]\n-A INPUT -j OWN\nCOMMIT\n";
        let lines: Vec<String> = Saved::parse(text).lines().collect();
        assert_eq!(lines, ["*filter :FORWARD DROP", "*filter :OWN -", "*filter -A INPUT -j OWN"]);
    }

    #[test]
    fn a_comment_is_compared_whole_and_wherever_it_stands() {
        let text =
            "*nat\n-A A -m comment --comment \"rhailab:x:11\" -m comment --comment \"rhailab:x:2\" -g B\nCOMMIT\n";
        let saved = Saved::parse(text);
        let table = saved.table("nat").unwrap();
        let with = |comment| table.with_comment(comment);
        assert_eq!((with("rhailab:x:11"), with("rhailab:x:2"), with("rhailab:x:1")), (&[0][..], &[0][..], &[][..]));
        let using = |chain| table.using(chain).count();
        assert_eq!((using("A"), using("B"), using("rhailab:x:2")), (1, 1, 0));
    }
}
