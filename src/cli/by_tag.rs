//! `rhailab recover --by-tag`: removing what carries our marks although no journal speaks of it.

use super::args::OutputArgs;
use crate::kernel::Done;
use crate::kernel::linux::ledger::Ledger;
use crate::kernel::linux::marked::Found;
use crate::kernel::linux::spaces;
use crate::lab::registry::{Life, Mode, Registry};
use crate::lab::{Lab, Record, store};
use crate::model::change::Change;
use crate::model::error::{Class, OpError, OpResult, Site};
use crate::model::identity::Identity;
use crate::model::kind::Kind;
use crate::model::names::{LabName, Ns};
use crate::model::sysctl::SetSysctl;
use crate::output::Printing;
use crate::output::{changes, write_err};
use crate::session::failure::leftover_error;
use crate::session::lab::listen;
use crate::session::machine;
use crate::session::notice::{Notice, SharedSink};
use std::io::{IsTerminal, stdin};

/// In whose name it is done.
const NAME: &str = "by-tag";

/// Looks for marks, shows what bears them, and removes it if the user agrees; returns the exit code.
pub fn recover(registry: &Registry, yes: bool, output: OutputArgs, printing: Printing) -> OpResult<i32> {
    let name = LabName::new(NAME)?;
    let mut kernel = machine::linux_kernel(&name, registry)?;
    let refused = |refusal| machine::refused(&refusal);
    let mut found = kernel.find_marked().map_err(refused)?;
    found.extend(sysctls(&registry.dir(&name).ledger(&name)?).map_err(refused)?);
    let known = Known::read(registry)?;
    let found: Vec<(Record, Option<String>)> = found
        .into_iter()
        .filter(|found| !known.has(&found.change, &found.identity))
        .zip(1..)
        .map(|(found, n)| {
            let site = Site { source: "by tag".into(), line: 0, col: 0 };
            (Record { n, site, change: found.change, identity: found.identity }, found.lab)
        })
        .collect();
    if found.is_empty() {
        if !output.quiet && !output.json {
            write_err("Nothing carries a lab's mark that no journal speaks of.");
        }
        return Ok(0);
    }
    if !output.json {
        write_err(&listing(&found));
    }
    if !yes && !agreed()? {
        write_err("Nothing was removed.");
        return Ok(1);
    }
    let progress: SharedSink = output.progress(NAME, printing);
    let records = found.into_iter().map(|(record, _)| record).collect();
    let mut lab = Lab::resume(name, Box::new(kernel), None, records);
    listen(&mut lab, &progress);
    let left = lab.unwind();
    let result = if left.is_empty() { forget_unknown(registry).map(|()| 0) } else { Err(leftover_error(&left)) };
    let code = i32::from(result.is_err()) * Class::Leftover.exit_code();
    progress.borrow_mut().notice(&Notice::Ended { code, kept: false });
    result
}

/// Removes the folders of labs whose journals are gone: nothing of theirs is left.
fn forget_unknown(registry: &Registry) -> OpResult<()> {
    for dir in registry.list()? {
        let is_host = dir.info()?.is_some_and(|info| info.mode == Mode::Host && info.life() != Life::Running);
        if is_host
            && !dir.journal().exists()
            && let Some(lock) = dir.try_lock()?
        {
            lock.remove()?;
        }
    }
    Ok(())
}

/// Sysctls bear no mark, but it is on record elsewhere which labs set them.
fn sysctls(ledger: &Ledger) -> Done<Vec<Found>> {
    let orphans = ledger.lock()?.orphans(spaces::cookie()?)?;
    let found = orphans.into_iter().map(|(path, entry)| {
        let key = path.strip_prefix("/proc/sys").unwrap_or(&path).display().to_string();
        let change = Change::SetSysctl(SetSysctl { ns: Ns::Host, key, value: entry.value });
        Found { change, identity: Identity::WasText(entry.first), lab: None }
    });
    Ok(found.collect())
}

/// What was found, as the commands that remove it.
fn listing(found: &[(Record, Option<String>)]) -> String {
    let mut text = "These carry a lab's mark, and no journal here speaks of them:\n".to_owned();
    for (Record { change, identity, .. }, lab) in found {
        let lab = lab.as_ref().map_or_else(String::new, |lab| format!("   # of lab `{lab}`"));
        // The comments would double the lines' length, and the lab is named beside them.
        let is_tagged = matches!(identity, Identity::Rules { .. });
        let mut commands = change.undo_commands(if is_tagged { &Identity::Spec } else { identity });
        if let Some(process) = change.process() {
            let command = shell_words::join(&process.argv);
            commands = commands.into_iter().map(|kill| format!("{kill}   # {command}")).collect();
        }
        for (at, command) in commands.iter().enumerate() {
            text.push_str(&format!("  {command}{}\n", if at == 0 { &lab } else { "" }));
        }
    }
    text.push_str(&format!(
        "{} in all. If another state directory (RHAILAB_STATE_DIR) has labs on this machine, they may be theirs.",
        changes(found.len())
    ));
    text
}

/// Asks, where somebody can answer.
fn agreed() -> OpResult<bool> {
    if !stdin().is_terminal() {
        return Err(OpError::new("recover::unanswered", "Nobody can be asked whether to remove these.")
            .help("Say `--yes` to remove them, or run it in a terminal.")
            .class(Class::Usage));
    }
    eprint!("Remove them? [y/N] ");
    let mut answer = String::new();
    // No answer is none in the affirmative.
    let _ = stdin().read_line(&mut answer);
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// What the journals of all labs speak of.
struct Known(Vec<Record>);

impl Known {
    fn read(registry: &Registry) -> OpResult<Known> {
        let mut records = Vec::new();
        for dir in registry.list()? {
            records.extend(store::records(&dir.journal())?);
        }
        Ok(Known(records))
    }

    /// Whether a journal speaks of an object: by what identifies it, where that is unique, else by the change itself.
    fn has(&self, change: &Change, identity: &Identity) -> bool {
        self.0.iter().any(|record| match (&record.identity, identity) {
            (Identity::Netns { cookie: one }, Identity::Netns { cookie: other }) => one == other,
            (Identity::Link { mac: one, peer, .. }, Identity::Link { mac: other, .. }) => {
                one == other || peer.as_ref() == Some(other)
            }
            (Identity::Rules { tag: one, .. }, Identity::Rules { tag: other, .. })
            | (Identity::Process { mark: one, .. }, Identity::Process { mark: other, .. }) => one == other,
            (Identity::Spec, Identity::Spec) => record.change == *change,
            _ => false,
        })
    }
}
