//! Waits that somebody else causes: the lock of the legacy tables. A test binary of its own, because the stop flag
//! is the process's.

#![allow(clippy::unwrap_used)]

#[path = "kernel_netfilter/support.rs"]
mod support;

use nix::fcntl::{Flock, FlockArg};
use rhailab::kernel::linux::netfilter::Backend;
use rhailab::kernel::{Undone, Why, interrupt};
use rhailab::model::family::Family;
use rhailab::model::rules::Table;
use std::fs::File;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};
use support::{Lab, append, sandbox};

fn lock() -> Flock<File> {
    let file = File::create("/run/xtables.lock").unwrap();
    Flock::lock(file, FlockArg::LockExclusive).unwrap()
}

#[test]
fn a_held_lock_ends_in_an_error_and_ctrl_c_ends_the_wait() {
    if !sandbox() {
        return;
    }
    let mut lab = Lab::new(Family::V4, Backend::Legacy);
    lab.apply(Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
    let before = lab.rules();

    let held = lock();
    let started = Instant::now();
    let refusal = lab.apply(Table::Filter, vec![append("INPUT", "-i one -j ACCEPT")]).unwrap_err();
    assert_eq!(refusal.why, Why::Tool(4), "{refusal}");
    assert!(refusal.words.contains("xtables lock"), "{refusal}");
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    drop(held);
    assert_eq!(lab.rules(), before);

    let held = lock();
    let user = spawn(|| {
        sleep(Duration::from_millis(300));
        interrupt::raise();
        // Let go only later: what the interrupt leaves behind must wait for the lock too.
        sleep(Duration::from_secs(1));
        drop(held);
    });
    let started = Instant::now();
    let refusal = lab.apply(Table::Filter, vec![append("INPUT", "-i two -j ACCEPT")]).unwrap_err();
    assert_eq!(refusal.why, Why::Interrupted, "{refusal}");
    assert_eq!(refusal.words, "", "nothing is left to tell of");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    user.join().unwrap();
    assert_eq!(lab.rules(), before);

    // The flag does not stop what undoes.
    assert_eq!(lab.undo(&[1]), [Ok(Undone::Yes)]);
    interrupt::clear();
    lab.apply(Table::Filter, vec![append("INPUT", "-i three -j ACCEPT")]).unwrap();
}
