//! Findings for people: a line for each, and below it what it means and what mends it.

use super::finding::{MachineFinding, Rating};
use crate::output::place;
use crate::output::style::{Ink, Style, wrap};

/// How wide verdicts are.
const VERDICT: usize = 7;

/// The findings as text.
pub fn text(findings: &[MachineFinding], style: Style) -> String {
    let name = findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    findings.iter().map(|finding| entry(finding, name, style)).collect()
}

fn entry(finding: &MachineFinding, name: usize, style: Style) -> String {
    let MachineFinding { check, verdict, found, means, mend, site } = finding;
    let ink = match verdict {
        Rating::Ok => Ink::Made,
        Rating::Note | Rating::Unknown => Ink::Strong,
        Rating::Warning => Ink::Undone,
        Rating::Failure => Ink::Bad,
    };
    let indent = 2 + VERDICT + 2 + name + 2;
    let width = style.width.saturating_sub(indent);
    let site = site.as_ref().map_or_else(String::new, |site| format!(" ({})", place(site)));
    let mut lines: Vec<String> = wrap(&format!("{found}{site}"), width);
    let first = if lines.is_empty() { String::new() } else { lines.remove(0) };
    let word = style.paint(ink, &format!("{:VERDICT$}", verdict.as_str()));
    let mut text = format!("  {word}  {check:name$}  {first}\n");
    let mut add = |line: &str| text.push_str(&format!("{:indent$}{line}\n", ""));
    for line in lines {
        add(&line);
    }
    for line in wrap(means, width) {
        add(&style.paint(Ink::Faint, &line));
    }
    // Never broken: it is there to be copied.
    for command in mend {
        add(&format!("{} {}", style.paint(Ink::Faint, "$"), style.paint(Ink::Strong, command)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_fits_the_terminal_and_its_command_stays_whole() {
        let mend = "sudo sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.ip_forward=1";
        let means = "With --host, a lab whose packets come and go by different ways loses them.";
        let bad = MachineFinding::new("rp-filter", Rating::Note, "strict", means).mend(mend.to_owned());
        let style = Style { color: false, width: 50, is_terminal: true, unicode: true };
        let text = text(&[MachineFinding::ok("state", "labs are kept in /var/lib/rhailab"), bad], style);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "  ok       state      labs are kept in");
        assert_eq!(lines[1], "                      /var/lib/rhailab");
        assert_eq!(lines[2], "  note     rp-filter  strict");
        assert_eq!(lines.last().unwrap().trim(), format!("$ {mend}"));
        assert!(lines.iter().all(|line| line.len() <= 50 || line.contains('$')), "{text}");
    }
}
