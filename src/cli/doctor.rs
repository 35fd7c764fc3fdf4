//! `rhailab doctor`: what this machine can do for labs, or for one recipe, and how to mend what it cannot.
//!
//! Facts are gathered by [`lab::machine`](crate::lab::machine), which judges nothing; the modules here judge them, and
//! look at nothing.

mod finding;
mod host;
mod machine;
mod needs;
mod recipe;
mod show;
#[cfg(test)]
mod tests;

use super::Ended;
use super::args::{GivenArgs, RecipeArgs, default_name};
use super::recipe_help;
use crate::kernel::linux::netfilter::inventory::Tool;
use crate::lab::machine::{MachineFacts, examine, iptables, manager, try_sandbox};
use crate::model::error::{Class, OpResult};
use crate::output::Printing;
use crate::output::style::Style;
use crate::output::told;
use crate::sandbox::UserNsSettings;
use crate::session::Failure;
use crate::session::LoadedRecipe;
use crate::session::rehearsal::rehearse;
use clap::Args;
use finding::{MachineFinding, Rating};
use needs::{Needs, basics};
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::rc::Rc;

/// Say what this machine can do for labs, or for one recipe, and how to mend what it cannot
#[derive(Debug, Args)]
#[command(disable_help_flag = true, override_usage = "rhailab doctor [OPTIONS] [RECIPE]")]
pub struct DoctorArgs {
    /// A recipe, to look at what it needs; - for standard input
    #[arg(value_name = "RECIPE")]
    recipe: Option<PathBuf>,
    #[command(flatten)]
    given: GivenArgs,
    /// Judge for labs that act on this machine instead of a sandbox, too
    #[arg(long)]
    host: bool,
    /// Show only what is not as it should be
    #[arg(short, long)]
    quiet: bool,
    /// Print a JSON object for each check, one per line
    #[arg(long)]
    pub(super) json: bool,
}

/// `doctor`. The exit code is 3 if labs, or the recipe, cannot run here.
pub fn doctor(args: &DoctorArgs, printing: Printing) -> Ended {
    let recipe = RecipeArgs { recipe: args.recipe.clone(), given: args.given.clone() };
    if recipe.given.help {
        return recipe_help::show("doctor", &recipe, printing);
    }
    let mut findings = Vec::new();
    let needs = match &args.recipe {
        Some(_) => Some(rehearsed(&recipe, &mut findings)?),
        None => None,
    };
    let path = recipe.path().ok().map(|path| path.display().to_string());
    let findings = [judged(args.host, needs.as_ref().zip(path.as_deref()))?, findings].concat();
    print(&findings, path.as_deref(), args, printing.stdout())?;
    let fails = findings.iter().any(|finding| finding.verdict == Rating::Failure);
    Ok(if fails { Class::Machine.exit_code() } else { 0 })
}

/// What the recipe needs, found out by a rehearsal. One that ends early is a finding: it rests on made-up observations.
fn rehearsed(recipe: &RecipeArgs, findings: &mut Vec<MachineFinding>) -> Result<Needs, Failure> {
    let input = recipe.input()?;
    let loaded = LoadedRecipe::load(&default_name(&input.recipe)?, &input, Rc::new(|_| {}))?;
    let (steps, result) = rehearse(&loaded);
    if let Err(trouble) = result {
        if trouble.error.0.class == Class::Usage {
            return Err(trouble);
        }
        let found = format!("its rehearsal ends early: {}", trouble.error);
        let means = "What comes after that was not looked at. A real run may go on, for a rehearsal makes up what commands \
                     and probes answer; `rhailab plan` shows the error in full.";
        let finding = MachineFinding::new("recipe", Rating::Unknown, found, means);
        findings.push(match &trouble.error.0.site {
            Some(site) => finding.at(site),
            None => finding,
        });
    }
    let params = loaded.values();
    Ok(Needs { params, ..Needs::of(&steps, &loaded.programs())? })
}

/// Gathers the facts and judges them.
fn judged(host: bool, recipe: Option<(&Needs, &str)>) -> OpResult<Vec<MachineFinding>> {
    let basics = basics()?;
    let needs = recipe.map(|(needs, _)| needs);
    let own = needs.iter().flat_map(|needs| &needs.all);
    let attempts: Vec<_> = basics.iter().chain(own).map(|need| need.attempt.clone()).collect();
    let facts = examine(&attempts);
    let mut findings = general(&facts, &basics);
    findings.extend(host::all(&facts, host, needs));
    if let Some((needs, path)) = recipe {
        let tried = facts.sandbox.as_ref().ok().map(|tried| tried.after(basics.len()));
        findings.extend(recipe::needs(needs, tried.as_ref(), facts.manager));
        if let Ok(network) = &facts.network {
            findings.extend(recipe::clashes(needs, network, host, path));
        }
    }
    Ok(findings)
}

fn general(facts: &MachineFacts, basics: &[needs::Requirement]) -> Vec<MachineFinding> {
    let mut findings = vec![machine::sandbox(&facts.sandbox, &facts.settings)];
    findings.extend(machine::users(facts));
    findings.push(machine::ids(facts));
    findings.extend(machine::kernel(&facts.sandbox, basics));
    findings.extend(programs(&facts.tools, facts.manager));
    findings.push(machine::state(&facts.state));
    findings
}

fn programs(tools: &Result<Vec<Tool>, String>, manager: Option<&'static str>) -> Vec<MachineFinding> {
    match tools {
        Ok(tools) => tools.iter().map(|tool| machine::tool(tool, manager)).collect(),
        Err(why) => vec![MachineFinding::new("iptables", Rating::Warning, why, "Firewall and NAT rules need it.")],
    }
}

/// The checks that are quick and matter to everybody, as text, and whether labs can run.
pub fn brief(style: Style) -> (String, bool) {
    let sandbox = machine::sandbox(&try_sandbox(&[]), &UserNsSettings::read());
    let can_run = sandbox.verdict != Rating::Failure;
    let findings = [vec![sandbox], programs(&iptables(), manager())].concat();
    (show::text(&findings, style), can_run)
}

fn print(findings: &[MachineFinding], recipe: Option<&str>, args: &DoctorArgs, style: Style) -> OpResult<()> {
    let shown: Vec<MachineFinding> =
        findings.iter().filter(|finding| !args.quiet || finding.verdict != Rating::Ok).cloned().collect();
    let mut text = String::new();
    if args.json {
        for finding in &shown {
            text.push_str(&serde_json::to_string(finding).unwrap_or_default());
            text.push('\n');
        }
    } else {
        text.push_str(&show::text(&shown, style));
        if !args.quiet {
            text.push_str(&format!("\n{}\n", machine::summary(findings, recipe, args.host)));
        }
    }
    told(write!(stdout(), "{text}"))
}
