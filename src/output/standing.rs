//! What stands of a lab, as tables.

use super::place as at;
use super::style::{Ink, Style};
use super::table::{new_table, print};
use crate::kernel::Kernel;
use crate::lab::{Made, Record, Standing};
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::identity::Identity;
use crate::model::kind::Kind;
use crate::model::process::Start;
use crate::model::shell::line;

/// What stands of a lab, and what does not.
pub fn stands(made: &Made, standing: &[Standing], kernel: &mut dyn Kernel, style: Style) -> OpResult<String> {
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
