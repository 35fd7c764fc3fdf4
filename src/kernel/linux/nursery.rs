//! Namespaces made ahead, by a thread beside other work: to make one and to set it up takes as long as to link it, and the
//! next is likely to be like the last.
//!
//! There is never more than one in reserve. Nobody can see it before it is named, and it ends when it is let go.

use super::netns::furnish;
use super::spaces::{Fresh, Spaces};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// Where they are made.
#[derive(Debug)]
pub struct Nursery {
    sysctls: Vec<(String, String)>,
    made: Receiver<Fresh>,
    /// How many are made in all.
    limit: Arc<AtomicUsize>,
}

impl Nursery {
    /// Begins to make one with these sysctls, and with a mark on its `lo`, and then one for each that is taken; nothing
    /// where there can be no thread.
    pub fn open(sysctls: &[(String, String)], mark: &str) -> Option<Nursery> {
        let (send, made) = sync_channel(0);
        let limit = Arc::new(AtomicUsize::new(usize::MAX));
        let (all, mark, end) = (sysctls.to_vec(), mark.to_owned(), Arc::clone(&limit));
        let work = move || {
            let Ok(spaces) = Spaces::new() else { return };
            for n in 0.. {
                if n >= end.load(Ordering::Relaxed) {
                    break;
                }
                // An error is left to whoever wants a namespace then, and meets it too.
                let Ok(fresh) = spaces.inside_new(|| furnish(&all, Some(&mark))) else { break };
                if send.send(fresh).is_err() {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name("nursery".into()).spawn(work);
        thread.ok().map(|_| Nursery { sysctls: sysctls.to_vec(), made, limit })
    }

    /// Says how many will be wanted in all.
    pub fn limit(&self, count: usize) {
        self.limit.store(count, Ordering::Relaxed);
    }

    /// One with just these sysctls, if they are what is made here.
    pub fn take(&self, sysctls: &[(String, String)]) -> Option<Fresh> {
        (self.sysctls == sysctls).then(|| self.made.recv().ok()).flatten()
    }
}
