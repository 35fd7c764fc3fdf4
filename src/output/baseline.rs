//! The settings that every new namespace gets, spelled out once: they are ten words in every `ip netns add`.

/// Those settings, once they were spelled out.
#[derive(Debug, Default)]
pub struct Baseline(Option<String>);

impl Baseline {
    /// The command with those settings as `$baseline`; `say` gets the line that defines it, the first time.
    pub fn shorten(&mut self, command: &str, say: impl FnOnce(&str)) -> String {
        let Some((before, words)) = command.split_once(" sysctl -qew ") else { return command.to_owned() };
        let known = self.0.get_or_insert_with(|| {
            say(&format!("  baseline=\"{words}\""));
            words.to_owned()
        });
        if *known == words { format!("{before} sysctl -qew $baseline") } else { command.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_namespaces_settings_are_the_baseline() {
        let mut baseline = Baseline::default();
        let mut said = Vec::new();
        let mut shorten = |command: &str| baseline.shorten(command, |line| said.push(line.to_owned()));
        assert_eq!(shorten("ip netns add a"), "ip netns add a");
        assert_eq!(shorten("ip netns exec a sysctl -qew x=1 y=2"), "ip netns exec a sysctl -qew $baseline");
        assert_eq!(shorten("ip netns exec b sysctl -qew x=1 y=2"), "ip netns exec b sysctl -qew $baseline");
        assert_eq!(shorten("ip netns exec b sysctl -qew x=2"), "ip netns exec b sysctl -qew x=2");
        assert_eq!(said, ["  baseline=\"x=1 y=2\""]);
    }
}
