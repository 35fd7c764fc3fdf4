//! Values as a person wants to see them: what a handle stands for, in a short table.

use super::Repl;
use crate::lab::Lab;
use crate::model::error::OpResult;
use crate::model::names::{IfName, Ns};
use crate::model::observe::{LinkInfo, Output, ProcState, Snapshot};
use crate::model::shell::line;
use crate::ops::{Process, Value, Vip};
use crate::output::style::{Ink, cut};
use crate::output::table::{new_table, print};
use crate::script::prompt::Shown;
use ipnet::IpNet;
use std::fmt::Display;
use std::time::Duration;

/// How many lines of a command's output are shown with its value, and how many items of a list.
const LINES: usize = 40;

/// A row of a table of facts.
type Facts = Vec<(&'static str, String)>;

impl Repl<'_> {
    /// A value as text.
    pub(super) fn present(&self, shown: &Shown) -> String {
        let Some(value) = &shown.value else { return shown.text.clone() };
        let mut lab = self.lab.borrow_mut();
        self.value(&mut lab, value).unwrap_or_else(|error| {
            // The object that the value names may be gone from the kernel; then the reason is shown beside the value.
            format!("{}   {}", shown.text, self.style().paint(Ink::Faint, &format!("# {error}")))
        })
    }

    fn value(&self, lab: &mut Lab, value: &Value) -> OpResult<String> {
        Ok(match value {
            Value::List(items) => return self.list(lab, items),
            Value::Map(entries) => {
                let rows = entries.iter().map(|(key, value)| format!("{key}: {}", brief(value)));
                rows.collect::<Vec<_>>().join("\n")
            }
            Value::Str(text) => format!("{text:?}"),
            Value::Output(output) => self.output(output),
            Value::Trace(trace) => trace.to_string(),
            Value::Pair(a, b) => {
                let links = [Value::Link(a.clone()), Value::Link(b.clone())];
                return self.list(lab, &links);
            }
            Value::Error(error) => {
                let help = error.0.help.as_ref().map_or_else(String::new, |help| format!("\n  help: {help}"));
                format!("{}: {error}{help}", error.0.code)
            }
            _ => match facts(lab, value)? {
                Some(facts) => self.lines(facts),
                None => brief(value),
            },
        })
    }

    /// Facts one below the other.
    fn lines(&self, facts: Facts) -> String {
        let facts: Facts = facts.into_iter().filter(|(_, text)| !text.is_empty()).collect();
        let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let room = self.style().width.saturating_sub(width + 2).max(20);
        let line = |(name, text): (&str, String)| {
            let name = self.style().paint(Ink::Faint, &format!("{name:width$}"));
            format!("{name}  {}", cut(&text.replace('\n', " "), room))
        };
        facts.into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// A table where all items are of one sort, else a line for each.
    fn list(&self, lab: &mut Lab, items: &[Value]) -> OpResult<String> {
        if items.is_empty() {
            return Ok("[]".to_owned());
        }
        let mut rows: Vec<Facts> = Vec::new();
        for item in items.iter().take(LINES) {
            match facts(lab, item)? {
                Some(facts) if rows.first().is_none_or(|first| heads(first) == heads(&facts)) => rows.push(facts),
                _ => return Ok(self.plain_list(items)),
            }
        }
        let used: Vec<usize> = (0..rows.first().map_or(0, Vec::len))
            .filter(|column| rows.iter().any(|row| row.get(*column).is_some_and(|(_, text)| !text.is_empty())))
            .collect();
        let mut table = new_table::<0>([]);
        let row = |facts: &Facts, pick: fn(&(&'static str, String)) -> String| -> Vec<String> {
            used.iter().filter_map(|column| facts.get(*column).map(pick)).collect()
        };
        if let Some(first) = rows.first() {
            table.set_header(row(first, |(name, _)| name.to_uppercase()));
        }
        for facts in &rows {
            table.add_row(row(facts, |(_, text)| text.clone()));
        }
        let width = self.style().width;
        let text = print(&table, self.style());
        let text = text.lines().map(|line| if self.style().color { line.to_owned() } else { cut(line, width) });
        Ok(format!("{}{}", text.collect::<Vec<_>>().join("\n"), rest(items.len())))
    }

    fn plain_list(&self, items: &[Value]) -> String {
        let texts: Vec<String> = items.iter().take(LINES).map(brief).collect();
        let line = format!("[{}]", texts.join(", "));
        if line.len() <= self.style().width && items.len() <= LINES {
            return line;
        }
        format!("{}{}", texts.join("\n"), rest(items.len()))
    }

    /// What a command printed, and how it ended if that was not well.
    fn output(&self, output: &Output) -> String {
        let mut text = last_lines(&output.stdout);
        if !output.stderr.trim().is_empty() {
            let error = last_lines(&output.stderr);
            let error: Vec<String> = error.lines().map(|line| self.style().paint(Ink::Undone, line)).collect();
            text = join(&text, &error.join("\n"));
        }
        let how = format!("# status {}, {}", output.status, time(output.time));
        let ink = if output.status == 0 { Ink::Faint } else { Ink::Bad };
        join(&text, &self.style().paint(ink, &how))
    }
}

fn rest(count: usize) -> String {
    if count > LINES { format!("\n… and {} more", count - LINES) } else { String::new() }
}

fn heads(facts: &Facts) -> Vec<&'static str> {
    facts.iter().map(|(name, _)| *name).collect()
}

fn join(one: &str, other: &str) -> String {
    if one.is_empty() { other.to_owned() } else { format!("{one}\n{other}") }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let skipped = lines.len().saturating_sub(LINES);
    let kept = lines.get(skipped..).unwrap_or_default().join("\n");
    if skipped == 0 { kept } else { format!("… {skipped} lines before these\n{kept}") }
}

/// A value in one line.
fn brief(value: &Value) -> String {
    let all = |items: &[Value]| items.iter().map(brief).collect::<Vec<_>>().join(", ");
    match value {
        Value::Unit => "()".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Str(text) => format!("{text:?}"),
        Value::Ns(ns) => format!("netns {ns}"),
        Value::Link(link) => format!("link {} in {}", link.place().name, link.place().ns),
        Value::Pair(a, b) => format!("veth pair {} and {}", a.place().name, b.place().name),
        Value::Process(process) => format!("process {}", process.name),
        Value::Rules(rules) => format!("rules {}", rules.what),
        Value::Vip(vip) => format!("vip {}", vip.endpoint),
        Value::Secret(secret) => format!("secret {}", secret.name()),
        Value::Output(output) => format!("output of status {}", output.status),
        Value::Trace(trace) => trace.question.clone(),
        Value::Reply(reply) => format!("reply after {}", time(reply.time)),
        Value::Error(error) => format!("error {}", error.0.code),
        Value::List(items) => format!("[{}]", all(items)),
        Value::Map(entries) => {
            let texts = entries.iter().map(|(key, value)| format!("{key}: {}", brief(value)));
            format!("#{{{}}}", texts.collect::<Vec<_>>().join(", "))
        }
        other => crate::script::values::text(other).unwrap_or_default(),
    }
}

/// What there is to know of something in the lab; none of a plain value.
fn facts(lab: &mut Lab, value: &Value) -> OpResult<Option<Facts>> {
    Ok(Some(match value {
        Value::Ns(ns) => netns(ns, &lab.network(ns)?),
        Value::Link(link) => {
            let place = link.place();
            self::link(lab, &place.ns, &place.name)?
        }
        Value::Vip(vip) => self::vip(lab, vip),
        Value::Process(process) => self::process(lab, process)?,
        Value::Subnet(net) => subnet(net),
        Value::Rules(rules) => {
            let stand = rules.changes.iter().filter(|n| lab.records().any(|record| record.n == **n)).count();
            let state = if stand == rules.changes.len() { "they stand" } else { "they were deleted" };
            vec![("rules", rules.what.clone()), ("ns", rules.ns.to_string()), ("state", state.to_owned())]
        }
        Value::Reply(reply) => vec![
            ("time", time(reply.time)),
            ("status", if reply.status == 0 { String::new() } else { reply.status.to_string() }),
            ("text", reply.text.trim_end().to_owned()),
        ],
        _ => return Ok(None),
    }))
}

fn all(items: impl IntoIterator<Item = impl Display>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(" ")
}

fn netns(ns: &Ns, network: &Snapshot) -> Facts {
    let links: Vec<&LinkInfo> = network.links.iter().filter(|link| link.name.as_str() != "lo").collect();
    vec![
        ("netns", ns.to_string()),
        ("interfaces", all(links.iter().map(|link| &link.name))),
        ("addresses", all(links.iter().flat_map(|link| &link.addrs))),
        ("routes", network.routes.len().to_string()),
    ]
}

fn link(lab: &mut Lab, ns: &Ns, name: &IfName) -> OpResult<Facts> {
    let info = lab.link(ns, name)?;
    let peer = lab.other_end(ns, name);
    let master = match info.master {
        Some(index) => lab.network(ns)?.links.iter().find(|link| link.index == index).map(|link| link.name.clone()),
        None => None,
    };
    Ok(vec![
        ("link", name.to_string()),
        ("ns", ns.to_string()),
        ("kind", info.kind),
        ("state", (if info.up { "up" } else { "down" }).to_owned()),
        ("addresses", all(&info.addrs)),
        ("mtu", info.mtu.to_string()),
        ("master", master.unwrap_or_default()),
        ("peer", peer.map_or_else(String::new, |(there, peer)| format!("{peer} in {there}"))),
        ("mac", info.mac.map_or_else(String::new, |mac| mac.to_string())),
    ])
}

fn vip(lab: &Lab, vip: &Vip) -> Facts {
    let made = lab.vip(&vip.ns, vip.endpoint.family(), &vip.name);
    let backends = made.map_or_else(|| "deleted".to_owned(), |(_, made)| all(&made.backends));
    vec![
        ("vip", vip.endpoint.to_string()),
        ("ns", vip.ns.to_string()),
        ("backends", backends),
        ("name", vip.name.to_string()),
    ]
}

fn process(lab: &mut Lab, process: &Process) -> OpResult<Facts> {
    let state = match lab.process(&process.identity)? {
        ProcState::Running => "running".to_owned(),
        ProcState::Ended(Some(status)) => format!("ended with status {status}"),
        ProcState::Ended(None) => "ended".to_owned(),
    };
    let command = lab.record(process.change).and_then(|record| record.change.process());
    let command = command.map(|started| line(&started.argv));
    let (pid, log) = process.pid_and_log();
    Ok(vec![
        ("process", process.name.clone()),
        ("ns", process.ns.to_string()),
        ("pid", pid.to_string()),
        ("state", state),
        ("command", command.unwrap_or_default()),
        ("log", log.display().to_string()),
    ])
}

fn subnet(net: &IpNet) -> Facts {
    let hosts = match (net, u32::from(net.max_prefix_len() - net.prefix_len())) {
        (IpNet::V4(_), bits @ 2..) => ((1_u64 << bits) - 2).to_string(),
        (_, bits) if bits < 64 => (1_u64 << bits).to_string(),
        (_, bits) => format!("2^{bits}"),
    };
    let mut some = net.hosts();
    let first = some.next().map_or_else(String::new, |first| first.to_string());
    let last = match net {
        IpNet::V4(net) if net.prefix_len() < 31 => {
            std::net::Ipv4Addr::from(u32::from(net.broadcast()).saturating_sub(1)).to_string()
        }
        other => other.broadcast().to_string(),
    };
    vec![("subnet", net.to_string()), ("hosts", hosts), ("first", first), ("last", last)]
}

fn time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{:.1} ms", time.as_secs_f64() * 1e3)
    } else {
        format!("{:.2} s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(facts: &Facts, name: &str) -> String {
        facts.iter().find(|(other, _)| *other == name).map(|(_, text)| text.clone()).unwrap()
    }

    #[test]
    fn a_subnet_is_told_by_its_ends() {
        let of = |text: &str| subnet(&text.parse().unwrap());
        let net = of("10.0.0.0/24");
        assert_eq!([fact(&net, "hosts"), fact(&net, "first"), fact(&net, "last")], ["254", "10.0.0.1", "10.0.0.254"]);
        let pair = of("10.0.0.0/31");
        assert_eq!([fact(&pair, "hosts"), fact(&pair, "first"), fact(&pair, "last")], ["2", "10.0.0.0", "10.0.0.1"]);
        assert_eq!(fact(&of("0.0.0.0/0"), "hosts"), "4294967294");
        assert_eq!(fact(&of("fd00::/64"), "hosts"), "2^64");
    }

    #[test]
    fn of_a_long_output_the_end_is_shown() {
        let text = (0..50).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
        let shown = last_lines(&text);
        assert!(shown.starts_with("… 10 lines before these\n10\n") && shown.ends_with("\n49"), "{shown}");
        assert_eq!(last_lines("a\nb\n"), "a\nb");
    }
}
