//! Medians, ratios and goals, as Markdown.

use crate::schedule::Set;
use crate::tool::Tool;
use rhailab_bench::lab::Lab;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Everything that was measured, one object per run.
#[derive(Default)]
pub struct Rows(pub Vec<Value>);

impl Rows {
    /// The median of a figure over the runs of a tool, and how many there were.
    fn median(&self, lab: Lab, tool: Tool, figure: &str) -> Option<f64> {
        let mut values: Vec<f64> = self.of(lab, tool).filter_map(|row| row[figure].as_f64()).collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
        Some(f64::midpoint(*low, *high))
    }

    fn of(&self, lab: Lab, tool: Tool) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |row| {
            row["lab"] == json!(lab.kind()) && row["n"] == json!(lab.size()) && row["tool"] == json!(tool.word())
        })
    }

    fn ratio(&self, lab: Lab, figure: &str, tool: Tool, base: Tool) -> Option<f64> {
        Some(self.median(lab, tool, figure)? / self.median(lab, base, figure)?)
    }

    /// Whether any run failed.
    pub fn any_failed(&self) -> bool {
        self.0.iter().any(|row| !row["error"].is_null())
    }
}

/// The tables of all sets and the goals.
pub fn markdown(sets: &[Set], rows: &Rows) -> String {
    let mut text = String::new();
    for set in sets {
        table(&mut text, set, rows);
    }
    goals(&mut text, rows);
    text
}

fn table(text: &mut String, set: &Set, rows: &Rows) {
    let started = set.lab == Lab::First;
    let first = if started { " first change ms | × |" } else { "" };
    let rule = if started { "---:|---:|" } else { "" };
    let _ = writeln!(text, "## {}\n", capital(&set.lab.to_string()));
    let _ = writeln!(
        text,
        "| tool |{first} up ms | × | CPU ms | peak MiB | down ms | × | CPU ms | all gone ms | runs |\n\
         |---|{rule}---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    );
    for &tool in &set.tools {
        let runs = rows.of(set.lab, tool).count();
        if runs == 0 {
            continue;
        }
        if let Some(error) = rows.of(set.lab, tool).find_map(|row| row["error"].as_str()) {
            let _ = writeln!(text, "| {tool} | failed: {} |", error.replace('\n', " "));
            continue;
        }
        let cell = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.1}"));
        let median = |figure: &str| cell(rows.median(set.lab, tool, figure));
        let times = |figure: &str| {
            rows.ratio(set.lab, figure, tool, set.base).map_or("–".into(), |ratio| format!("{ratio:.2}"))
        };
        let mut cells = Vec::new();
        if started {
            cells.extend([median("first_ms"), times("first_ms")]);
        }
        cells.extend([median("up_ms"), times("up_ms"), median("up_cpu_ms"), median("up_peak_mib")]);
        cells.extend([median("down_ms"), times("down_ms"), median("down_cpu_ms"), median("gone_ms"), runs.to_string()]);
        let _ = writeln!(text, "| {tool} | {} |", cells.join(" | "));
    }
    text.push('\n');
}

fn goals(text: &mut String, rows: &Rows) {
    let (article, star, large, vips) = (Lab::Article, Lab::Star(100), Lab::Star(1000), Lab::Vips(100));
    let slower = |figure, lab, base| rows.ratio(lab, figure, Tool::Ours, base);
    let list = [
        ("article up / raw", slower("up_ms", article, Tool::Raw), "at most", 1.7),
        ("article up, shell / ours", rows.ratio(article, "up_ms", Tool::Shell, Tool::Ours), "at least", 12.0),
        ("star of 100 up / raw", slower("up_ms", star, Tool::Raw), "at most", 1.3),
        ("star of 1000 up / raw", slower("up_ms", large, Tool::Raw), "at most", 1.3),
        ("star of 1000 down / raw", slower("down_ms", large, Tool::Raw), "at most", 1.3),
        ("100 virtual IPs up / one restore", slower("up_ms", vips, Tool::Batch), "at most", 1.5),
        ("100 virtual IPs down / one restore", slower("down_ms", vips, Tool::Batch), "at most", 1.5),
        ("start-up to the first change, ms", rows.median(Lab::First, Tool::Ours, "first_ms"), "below", 5.0),
        ("peak memory at 1000 namespaces, MiB", rows.median(large, Tool::Ours, "up_peak_mib"), "below", 20.0),
    ];
    text.push_str("## Goals\n\n| figure | measured | goal | met |\n|---|---:|---:|---|\n");
    for (what, measured, bound, goal) in list {
        let (measured, met) = match measured {
            None => ("–".into(), "–"),
            Some(value) => {
                let met = if bound == "at least" { value >= goal } else { value <= goal };
                (format!("{value:.2}"), if met { "yes" } else { "**no**" })
            }
        };
        let _ = writeln!(text, "| {what} | {measured} | {bound} {goal} | {met} |");
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
