//! What a process does that is to outlive the one that started it.

use crate::kernel::{Done, Refusal};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd;
use std::ffi::CStr;

/// The signals by which a user, a terminal or the system asks processes to end or to stop. Who watches over a run must not
/// heed them.
const REQUESTS: [Signal; 7] = [
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGTSTP,
    // Of a background process that writes to a terminal which forbids that (`stty tostop`).
    Signal::SIGTTOU,
    // The terminal may be gone when there is something to say.
    Signal::SIGPIPE,
];

/// What tells a run's guard from the run itself in `ps`.
const NAME: &CStr = c"rhailab-guard";

/// Cuts what ties this process to the user, to a folder and to its parent's name.
pub fn stay_behind() -> Done<()> {
    let refuse = |call: &'static str| move |errno: Errno| Refusal::errno(call, errno as i32);
    for request in REQUESTS {
        #[allow(unsafe_code)]
        // SAFETY: no handler is installed.
        unsafe { signal(request, SigHandler::SigIgn) }.map_err(refuse("signal"))?;
    }
    prctl::set_name(NAME).map_err(refuse("prctl"))?;
    unistd::chdir("/").map_err(refuse("chdir /"))
}
