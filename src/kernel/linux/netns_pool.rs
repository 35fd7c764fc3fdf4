//! Namespaces made ahead, by a thread beside other work: to make one and to set it up takes as long as to link it, and the
//! next is likely to be like the last.
//!
//! Nobody can see one before it is named, and it ends when it is let go. There are two in reserve, so that they are made while
//! nothing is linked yet: the kernel does much of both under one lock.

use super::netns_setup::set_up;
use super::spaces::{Fresh, Spaces};
use super::sysctl::Preset;
use crate::kernel::Task;
use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// How many are kept ready.
const RESERVE: usize = 2;

/// Where they are made.
pub struct NetnsPool {
    sysctls: Vec<(String, String)>,
    mark: String,
    shared: Arc<Shared>,
}

/// Where those that are ready are taken from.
#[derive(Default)]
struct Shared {
    inside: Mutex<Inside>,
    changed: Condvar,
}

#[derive(Default)]
struct Inside {
    ready: VecDeque<Fresh>,
    /// How many were begun.
    begun: usize,
    /// How many will be wanted in all, once that is known.
    wanted: Option<usize>,
    /// No more will be made.
    is_over: bool,
    /// What is done then.
    tasks: Vec<Task>,
}

impl Inside {
    /// Whether no other will be wanted.
    fn is_enough(&self) -> bool {
        self.is_over || self.wanted.is_some_and(|wanted| self.begun >= wanted)
    }

    fn is_full(&self) -> bool {
        self.ready.len() >= RESERVE
    }
}

impl Shared {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, inside: MutexGuard<'s, Inside>) -> MutexGuard<'s, Inside> {
        self.changed.wait(inside).unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one after the other, as long as they may be wanted.
    fn fill(&self, make: impl Fn() -> Option<Fresh>) {
        loop {
            let mut inside = self.inside();
            while inside.is_full() && !inside.is_enough() {
                inside = self.wait(inside);
            }
            if inside.is_enough() {
                break;
            }
            inside.begun += 1;
            drop(inside);
            // One takes half a millisecond in the kernel, without a pause. If what the first change waits for has come to be
            // on this thread's processor, it goes first.
            thread::yield_now();
            // An error is left to whoever wants a namespace then, and meets it too.
            let Some(fresh) = make() else { break };
            self.inside().ready.push_back(fresh);
            self.changed.notify_all();
        }
        let tasks = {
            let mut inside = self.inside();
            inside.is_over = true;
            mem::take(&mut inside.tasks)
        };
        self.changed.notify_all();
        for task in tasks {
            task();
        }
    }
}

impl NetnsPool {
    /// Begins to make namespaces with these sysctls, and with a mark on their `lo`; so many in all, if that is known, and
    /// nothing where there can be no thread.
    pub fn open(sysctls: &[(String, String)], mark: &str, count: Option<usize>) -> Option<NetnsPool> {
        let pool = NetnsPool { sysctls: sysctls.to_vec(), mark: mark.to_owned(), shared: Arc::default() };
        pool.limit(count);
        let (all, mark, filled) = (sysctls.to_vec(), mark.to_owned(), Arc::clone(&pool.shared));
        let work = move || {
            let means = Spaces::new().and_then(|spaces| Ok((spaces, Preset::new(&all)?)));
            filled.fill(|| {
                let (spaces, sysctls) = means.as_ref().ok()?;
                spaces.inside_new(|| set_up(sysctls, Some(&mark))).ok()
            });
        };
        let thread = thread::Builder::new().name("netns-pool".into()).spawn(work);
        thread.ok().map(|_| pool)
    }

    /// Says how many will be wanted in all, where that is known.
    pub fn limit(&self, count: Option<usize>) {
        if count.is_some() {
            self.shared.inside().wanted = count;
            self.shared.changed.notify_all();
        }
    }

    /// Has this done where they are made, when no more will be.
    pub fn afterwards(&self, task: Task) {
        let mut inside = self.shared.inside();
        if inside.is_over {
            drop(inside);
            task();
        } else {
            inside.tasks.push(task);
        }
    }

    /// One with just these sysctls, if they are what is made here.
    pub fn take(&self, sysctls: &[(String, String)]) -> Option<Fresh> {
        if self.sysctls != sysctls {
            return None;
        }
        let mut inside = self.shared.inside();
        loop {
            if let Some(fresh) = inside.ready.pop_front() {
                self.shared.changed.notify_all();
                return Some(fresh);
            }
            if inside.is_over {
                return None;
            }
            inside = self.shared.wait(inside);
        }
    }
}

impl fmt::Debug for NetnsPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetnsPool").field("mark", &self.mark).finish_non_exhaustive()
    }
}

impl Drop for NetnsPool {
    /// Lets go of those that nobody has taken.
    fn drop(&mut self) {
        let mut inside = self.shared.inside();
        inside.is_over = true;
        inside.ready.clear();
        self.shared.changed.notify_all();
    }
}
