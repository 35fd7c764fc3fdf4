//! Namespaces made ahead, by a thread beside other work: to make one and to set it up takes as long as to link it, and the
//! next is likely to be like the last.
//!
//! There is never more than one in reserve. Nobody can see it before it is named, and it ends when it is let go.

use super::netns::furnish;
use super::spaces::{Fresh, Spaces};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// Where they are made.
#[derive(Debug)]
pub struct Nursery {
    sysctls: Vec<(String, String)>,
    made: Receiver<Fresh>,
}

impl Nursery {
    /// Begins to make one with these sysctls, and with a mark on its `lo`; nothing where there can be no thread.
    pub fn open(sysctls: &[(String, String)], mark: &str) -> Option<Nursery> {
        let (send, made) = sync_channel(0);
        let (all, mark) = (sysctls.to_vec(), mark.to_owned());
        let work = move || {
            let Ok(spaces) = Spaces::new() else { return };
            // An error is left to whoever wants a namespace then, and meets it too.
            while let Ok(fresh) = spaces.inside_new(|| furnish(&all, Some(&mark))) {
                if send.send(fresh).is_err() {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name("nursery".into()).spawn(work);
        thread.ok().map(|_| Nursery { sysctls: sysctls.to_vec(), made })
    }

    /// One with just these sysctls, if they are what is made here.
    pub fn take(&self, sysctls: &[(String, String)]) -> Option<Fresh> {
        (self.sysctls == sysctls).then(|| self.made.recv().ok()).flatten()
    }
}
