//! What iptables-save(8) prints, taken apart.

use super::words;

/// The tables of one family in one namespace.
#[derive(Debug, Default)]
pub(super) struct Saved {
    tables: Vec<SavedTable>,
    /// What iptables says it cannot show: tables that nft(8) put something into that iptables has no words for.
    pub(super) unreadable: Vec<String>,
}

/// One table.
#[derive(Debug, Default)]
pub(super) struct SavedTable {
    name: String,
    /// Chains with their policy; `-` for user-defined ones.
    chains: Vec<(String, String)>,
    /// Rules in order.
    pub(super) rules: Vec<SavedRule>,
}

/// One rule.
#[derive(Debug)]
pub(super) struct SavedRule {
    /// Its chain.
    pub(super) chain: String,
    /// What follows `-A CHAIN`, unquoted.
    words: Vec<String>,
    /// The line without its `-A `.
    pub(super) text: String,
}

impl SavedRule {
    /// The words that follow an option, wherever it occurs.
    fn after<'a>(&'a self, options: &'static [&'static str]) -> impl Iterator<Item = &'a str> {
        self.words.windows(2).filter(|pair| options.contains(&pair[0].as_str())).map(|pair| pair[1].as_str())
    }

    /// Whether it carries this comment.
    pub(super) fn has_comment(&self, comment: &str) -> bool {
        self.after(&["--comment"]).any(|text| text == comment)
    }

    /// Whether a lab's mark is on it: the lab that `tag` belongs to.
    pub(super) fn is_of_lab(&self, tag: &str) -> bool {
        self.after(&["--comment"]).any(|text| words::same_lab(text, tag))
    }

    /// Whether it sends packets to this chain.
    pub(super) fn jumps_to(&self, chain: &str) -> bool {
        self.after(&["-j", "-g"]).any(|target| target == chain)
    }
}

impl SavedTable {
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
                    let mut words = words::split(text);
                    if !words.is_empty() {
                        let chain = words.remove(0);
                        table.rules.push(SavedRule { chain, words, text: text.to_owned() });
                    }
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
        let rule = &saved.table("nat").unwrap().rules[0];
        assert!(
            rule.has_comment("rhailab:x:11") && rule.has_comment("rhailab:x:2") && !rule.has_comment("rhailab:x:1")
        );
        assert!(rule.jumps_to("B") && !rule.jumps_to("rhailab:x:2"));
    }
}
