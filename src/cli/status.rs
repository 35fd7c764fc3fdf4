//! `rhailab status`: what stands of a lab, from its journal, checked against the kernel.

use super::args::Context;
use super::completions;
use super::engine::{self, Ended};
use super::exec::{inside, standing};
use super::ls::{new_table, print};
use super::progress::place as at;
use super::style::{Ink, Style};
use super::{fail, told};
use crate::kernel::Kernel;
use crate::lab::registry::{LabDir, LabInfo, Life, Mode};
use crate::lab::{Made, Record, Standing, store, survey};
use crate::model::change::{Change, Identity};
use crate::model::error::{OpError, OpResult};
use crate::model::kind::Kind;
use crate::model::process::Start;
use crate::model::shell::line;
use crate::sandbox::Terminal;
use clap::Args;
use serde::Serialize;
use std::io::{Write, stdout};

/// Show what stands of a lab, checked against the kernel
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The lab
    #[arg(value_name = "LAB", add = completions::labs())]
    lab: String,
    /// Say nothing; the exit code tells
    #[arg(short, long)]
    quiet: bool,
    /// Print JSON: an object for the lab, then one for each change, one per line
    #[arg(long, conflicts_with = "quiet")]
    pub(super) json: bool,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Lab {
        #[serde(flatten)]
        info: &'a LabInfo,
        life: Life,
    },
    Change {
        n: u64,
        site: &'a crate::model::error::Site,
        change: &'a Change,
        stands: bool,
        superseded: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<&'a str>,
    },
}

/// `status`. The exit code is 1 if a change does not stand any more.
pub fn status(args: &StatusArgs, context: Context) -> Ended {
    let (place, info) = standing(&args.lab)?;
    let journal = place.journal();
    let records = if journal.exists() { store::read(&journal)?.records() } else { Vec::new() };
    let made = Made::of(records);
    // Looked at from here: inside, its process has another number.
    let life = info.life();
    let act = || match look(&place, (&info, life), &made, args, context.stdout()) {
        Ok(code) => code,
        Err(error) => fail(&error.into(), context),
    };
    Ok(inside(&info, Terminal::Shared, act)?)
}

fn look(place: &LabDir, (info, life): (&LabInfo, Life), made: &Made, args: &StatusArgs, style: Style) -> OpResult<i32> {
    let mut kernel = engine::kernel(&info.name, place, info.mode, true)?;
    let standing = survey(&mut *kernel, made);
    let text = if args.quiet {
        String::new()
    } else if args.json {
        as_json((info, life), made, &standing)
    } else {
        as_text((info, life), place.journal().exists(), made, &standing, &mut *kernel, style)?
    };
    told(write!(stdout(), "{text}"))?;
    Ok(i32::from(standing.iter().any(|standing| matches!(standing, Standing::No(_)))))
}

fn as_json((info, life): (&LabInfo, Life), made: &Made, standing: &[Standing]) -> String {
    let mut lines = vec![Line::Lab { info, life }];
    lines.extend(made.records().zip(standing).map(|(record, standing)| Line::Change {
        n: record.n,
        site: &record.site,
        change: &record.change,
        stands: *standing == Standing::Yes,
        superseded: *standing == Standing::Superseded,
        why: match standing {
            Standing::No(why) => Some(why),
            _ => None,
        },
    }));
    lines.iter().map(|line| serde_json::to_string(line).unwrap_or_default() + "\n").collect()
}

fn as_text(
    (info, life): (&LabInfo, Life),
    has_journal: bool,
    made: &Made,
    standing: &[Standing],
    kernel: &mut dyn Kernel,
    style: Style,
) -> OpResult<String> {
    let mut text = heading(info, life, style);
    if !has_journal {
        text.push_str("Its recipe is running, without a journal; it will be taken down at the end.\n");
        return Ok(text);
    }
    text.push_str(&stands(made, standing, kernel, style)?);
    Ok(text)
}

/// What stands of a lab, and what does not.
pub(crate) fn stands(made: &Made, standing: &[Standing], kernel: &mut dyn Kernel, style: Style) -> OpResult<String> {
    let mut text = String::new();
    let gone: Vec<(&Record, &str)> = made
        .records()
        .zip(standing)
        .filter_map(|(record, standing)| match standing {
            Standing::No(why) => Some((record, why.as_str())),
            _ => None,
        })
        .collect();
    text.push_str(&network(made, kernel, style)?);
    text.push_str(&processes(made, standing, style));
    let all = made.records().len();
    if gone.is_empty() {
        let stand = match all {
            0 => "It has made no changes.".to_owned(),
            1 => "Its one change stands.".to_owned(),
            all => format!("All of its {all} changes stand."),
        };
        text.push_str(&format!("\n{}\n", style.paint(Ink::Made, &stand)));
        return Ok(text);
    }
    let count = match (gone.len(), all) {
        (_, 1) => "Its one change does not stand:".to_owned(),
        (1, all) => format!("One of its {all} changes does not stand:"),
        (gone, all) => format!("{gone} of its {all} changes do not stand:"),
    };
    text.push_str(&format!("\n{}\n", style.paint(Ink::Bad, &count)));
    for (record, why) in gone {
        let command = record.change.commands().join("; ");
        text.push_str(&format!(
            "  {command}   {}\n",
            style.paint(Ink::Faint, &format!("# {}: {why}", at(&record.site)))
        ));
    }
    Ok(text)
}

fn heading(info: &LabInfo, life: Life, style: Style) -> String {
    let state = match life {
        Life::Up => "is up",
        Life::Running => "is running",
        Life::Dead => "is dead",
    };
    let place = match (info.mode, info.holder) {
        (Mode::Sandbox, Some(holder)) => format!("in a sandbox (process {})", holder.pid),
        (Mode::Sandbox, None) => "in a sandbox".to_owned(),
        (Mode::Host, _) => "on this machine".to_owned(),
    };
    let mut text =
        format!("{} {state} since {}, {place}.\n", style.paint(Ink::Strong, info.name.as_str()), info.started);
    text.push_str(&format!("Recipe: {}", info.recipe.display()));
    for (name, value) in &info.params {
        text.push_str(&format!(" {name}={value}"));
    }
    text + "\n"
}

/// The interfaces of every namespace that the lab touched.
fn network(made: &Made, kernel: &mut dyn Kernel, style: Style) -> OpResult<String> {
    let mut table = new_table(["NAMESPACE", "INTERFACE", "KIND", "STATE", "ADDRESSES"]);
    let mut rows = 0;
    for ns in made.state().spaces() {
        // One that is gone is reported with the changes that do not stand.
        if !kernel.netns_exists(ns).unwrap_or(false) {
            continue;
        }
        let links = kernel
            .network(ns)
            .map_err(|refusal| OpError::new("status::read", format!("Cannot read {ns}: {refusal}.")))?;
        for link in links.links.iter().filter(|link| link.name.as_str() != "lo") {
            let addrs: Vec<String> = link.addrs.iter().map(ToString::to_string).collect();
            let state = if link.up { "up" } else { "down" };
            table.add_row([ns.to_string(), link.name.clone(), link.kind.clone(), state.to_owned(), addrs.join(" ")]);
            rows += 1;
        }
    }
    Ok(if rows == 0 { String::new() } else { format!("\n{}\n", print(&table, style)) })
}

fn processes(made: &Made, standing: &[Standing], style: Style) -> String {
    let mut table = new_table(["PROCESS", "NAMESPACE", "PID", "STATE", "COMMAND"]);
    let mut rows = 0;
    for (record, standing) in made.records().zip(standing) {
        let (Change::Start(Start { ns, process }), Identity::Process { pid, .. }) = (&record.change, &record.identity)
        else {
            continue;
        };
        let state = match standing {
            Standing::No(why) => why.as_str(),
            _ => "running",
        };
        table.add_row([&process.name, &ns.to_string(), &pid.to_string(), state, &line(&process.argv)]);
        rows += 1;
    }
    if rows == 0 { String::new() } else { format!("\n{}\n", print(&table, style)) }
}
