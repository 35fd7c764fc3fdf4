//! The lab of a session: a new one under a name that we have, or one that stands, as its journal left it.

use super::enter::Here;
use super::machine::{kernel, root_netns};
use super::notice::{Notice, SharedSink};
use super::rehearsal::Rehearsal;
use crate::kernel::Kernel;
use crate::lab::registry::{LabDir, LabInfo, Mode};
use crate::lab::store::Journal;
use crate::lab::{Lab, Neighbours, Record};
use crate::model::baseline::baseline;
use crate::model::error::OpResult;
use std::path::Path;
use std::rc::Rc;

/// A new lab, before anything of it is made.
pub struct NewLab {
    kernel: Box<dyn Kernel + Send>,
    /// None for a sandbox that ends with its process: the kernel itself undoes all of it.
    journal: Option<Journal>,
    info: LabInfo,
}

impl NewLab {
    /// What a lab needs. `stays` says that it may outlive the session.
    pub fn prepare(here: &Here<'_>, recipe: &Path, params: Vec<(String, String)>, stays: bool) -> OpResult<NewLab> {
        let dir = here.lock.dir();
        let is_host = here.mode == Mode::Host;
        let root = if is_host { Some(root_netns()?) } else { None };
        let info = LabInfo { holder: Some(here.holder), root, ..LabInfo::new(dir.name(), here.mode, recipe, params) };
        let mut kernel = kernel(dir.name(), dir, here.mode, stays)?;
        // Hardly a lab has none.
        kernel.expect_netns(&baseline(), None);
        let files = dir.durable(here.mode);
        let create = || Journal::create(&dir.journal(), dir.name(), &recipe.to_string_lossy(), files.as_deref());
        let journal = if stays || is_host { Some(create()?) } else { None };
        Ok(NewLab { kernel, journal, info })
    }

    /// Has what its rehearsal has shown to be needed got ready.
    pub fn expect(&mut self, rehearsal: &Rehearsal) -> OpResult<()> {
        self.kernel.expect_netns(&baseline(), rehearsal.spaces());
        if let Some(journal) = self.journal.as_mut().filter(|_| rehearsal.has_files()) {
            journal.expect_files()?.into_iter().for_each(|task| self.kernel.afterwards(task));
        }
        if rehearsal.has_rules() {
            self.kernel.expect_rules();
        }
        Ok(())
    }

    /// The lab, and what is on record about it from now on. From here on it can be made.
    pub fn begin(self, here: &Here<'_>, sink: &SharedSink) -> OpResult<(Lab, LabInfo)> {
        here.lock.write(&self.info)?;
        let mut lab = Lab::new(self.info.name.clone(), self.kernel, self.journal);
        if here.mode == Mode::Host {
            lab.know(Neighbours::new(here.lock.dir().clone(), self.info.root));
        }
        listen(&mut lab, sink);
        Ok((lab, self.info))
    }
}

/// The journal of a lab, to go on writing it.
pub fn open_journal(dir: &LabDir, info: &LabInfo) -> OpResult<Journal> {
    Journal::open(&dir.journal(), dir.durable(info.mode).as_deref())
}

/// A lab as its journal left it, with these changes, for going on with it or taking it down.
pub fn resume(dir: &LabDir, info: &LabInfo, journal: Journal, records: Vec<Record>) -> OpResult<Lab> {
    let mut lab = Lab::resume(info.name.clone(), kernel(&info.name, dir, info.mode, true)?, Some(journal), records);
    if info.mode == Mode::Host {
        lab.know(Neighbours::new(dir.clone(), info.root));
    }
    Ok(lab)
}

/// Has everything that happens in a lab told to a sink.
pub fn listen(lab: &mut Lab, sink: &SharedSink) {
    let sink = Rc::clone(sink);
    lab.listen(Box::new(move |event| sink.borrow_mut().notice(&Notice::Lab(event))));
}
