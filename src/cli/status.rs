//! `rhailab status`: what stands of a lab, from its journal, checked against the kernel.

use super::Ended;
use super::completions;
use super::fail;
use crate::kernel::Kernel;
use crate::lab::registry::{LabDir, LabInfo, Life, Mode};
use crate::lab::{Made, Standing, store, survey};
use crate::model::change::Change;
use crate::model::error::OpResult;
use crate::output::Printing;
use crate::output::standing::stands;
use crate::output::style::{Ink, Style};
use crate::output::told;
use crate::sandbox::Terminal;
use crate::session::exec::{inside, standing};
use crate::session::machine;
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
pub fn status(args: &StatusArgs, printing: Printing) -> Ended {
    let (place, info) = standing(&args.lab)?;
    let records = store::records(&place.journal())?;
    let made = Made::of(records);
    // Looked at from here: inside, its process has another number.
    let life = info.life();
    let act = || match look(&place, (&info, life), &made, args, printing.stdout()) {
        Ok(code) => code,
        Err(error) => fail(&error.into(), printing),
    };
    Ok(inside(&info, Terminal::Shared, act)?)
}

fn look(place: &LabDir, (info, life): (&LabInfo, Life), made: &Made, args: &StatusArgs, style: Style) -> OpResult<i32> {
    let mut kernel = machine::kernel(&info.name, place, info.mode, true)?;
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
