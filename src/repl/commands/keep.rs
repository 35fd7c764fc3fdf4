//! Leaving a lab up that was made at the prompt.
//!
//! In a sandbox the lab's folder gets the new name and its journal is written anew; nothing in the network is touched. On
//! the machine everything carries the lab's name, by which what a crash left is found again, so that under another name it
//! is made again.

use crate::lab::registry::{LabDir, Mode};
use crate::lab::store::Journal;
use crate::lab::{Lab, Leftover, Neighbours, Record};
use crate::model::error::{Class, OpError, OpResult};
use crate::model::identity::Identity;
use crate::model::names::LabName;
use crate::repl::{Repl, usage};
use crate::session::Failure;
use crate::session::failure::leftover_error;
use crate::session::lab::listen;
use crate::session::machine;
use crate::session::name::lab_name;
use crate::session::notice::SharedSink;
use std::path::{Path, PathBuf};
use std::rc::Rc;

impl Repl<'_> {
    /// Has the lab stay when the prompt ends.
    pub(super) fn keep(&mut self, name: &str) -> Result<(), Failure> {
        let name = lab_name(name)?;
        if self.registered.info.kept {
            let message = format!("The lab is kept already, as `{}`.", self.registered.name());
            return Err(usage(message, "It stays when you leave.").into());
        }
        self.lab.borrow_mut().settle().map_err(|error| self.failure(error))?;
        let lost = if name == *self.registered.name() {
            Vec::new()
        } else if self.registered.info.mode == Mode::Sandbox {
            self.rename(&name)?;
            Vec::new()
        } else {
            self.make_again_as(&name)?
        };
        self.lab.borrow_mut().keep()?;
        self.registered.info.kept = true;
        self.registered.write()?;
        self.note(&format!("The lab stays as `{name}` when you leave."));
        if lost.is_empty() {
            return Ok(());
        }
        let error = OpError::new("keep::lost", format!("Not everything could be made again as `{name}`."));
        let mut error = error.class(Class::Leftover);
        error.0.leftovers = lost;
        Err(error.into())
    }

    fn rename(&mut self, name: &LabName) -> OpResult<()> {
        let old = self.registered.dir();
        let Some(lock) = self.registered.lock else { return Ok(()) };
        let lock = lock.rename(&self.registered.registry, name)?;
        let new = lock.dir().clone();
        self.registered.renamed = Some(lock);
        self.registered.info.name = name.clone();
        let records: Vec<Record> = self.lab.borrow().records().cloned().collect();
        let records = records.into_iter().map(|record| moved(record, &old.logs(), &new.logs())).collect();
        let journal = new.journal();
        std::fs::remove_file(&journal).map_err(|e| {
            OpError::new(
                "journal::io",
                format!("Cannot replace {}: {}.", journal.display(), crate::model::error::io_words(&e)),
            )
        })?;
        let journal = Journal::create(&journal, name, &self.recipe_name(), None)?;
        let kernel = machine::kernel(name, &new, Mode::Sandbox, true)?;
        let mut lab = Lab::resume(name.clone(), kernel, None, records);
        lab.rejournal(journal)?;
        self.take(lab);
        self.prompt.borrow_mut().renew(Some((&old.logs(), &new.logs())));
        Ok(())
    }

    /// Undoes everything and makes it again under another name; what could not be made again.
    fn make_again_as(&mut self, name: &LabName) -> OpResult<Vec<String>> {
        let lock = self.registered.registry.create(name)?;
        let dir: LabDir = lock.dir().clone();
        lock.write(&crate::lab::registry::LabInfo { name: name.clone(), ..self.registered.info.clone() })?;
        let journal = Journal::create(&dir.journal(), name, &self.recipe_name(), dir.durable(Mode::Host).as_deref())?;
        let kernel = machine::kernel(name, &dir, Mode::Host, true)?;
        let records: Vec<Record> = self.lab.borrow().records().cloned().collect();
        let left = self.lab.borrow_mut().unwind();
        if !left.is_empty() {
            lock.remove()?;
            return Err(leftover_error(&left));
        }
        let mut lab = Lab::new(name.clone(), kernel, Some(journal));
        lab.know(Neighbours::new(dir, self.registered.info.root));
        let lost = lab.remake(&records).iter().map(Leftover::describe_lost).collect();
        self.take(lab);
        self.registered.info.name = name.clone();
        self.registered.renamed = Some(lock);
        self.prompt.borrow_mut().renew(None);
        Ok(lost)
    }

    /// Goes on with another lab in the place of the one before.
    fn take(&self, mut lab: Lab) {
        lab.deny(&self.options.deny);
        let sink: SharedSink = Rc::clone(&self.progress) as SharedSink;
        listen(&mut lab, &sink);
        self.lab.replace(lab);
    }

    fn recipe_name(&self) -> String {
        self.registered.info.recipe.display().to_string()
    }
}

/// A change whose process logs to another folder now.
fn moved(mut record: Record, from: &Path, to: &Path) -> Record {
    if let Identity::Process { log, .. } = &mut record.identity
        && let Ok(name) = log.strip_prefix(from)
    {
        *log = PathBuf::from(to).join(name);
    }
    record
}
