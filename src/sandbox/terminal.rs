//! Whose the terminal's keys are: Ctrl-C goes to the process group in the foreground (tcsetpgrp(3)).

use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::unistd::{Pid, getpgrp, setpgid, tcgetpgrp, tcsetpgrp};
use std::fs::File;
use std::os::fd::AsRawFd;

mod request {
    use nix::libc;
    nix::ioctl_none_bad!(give_up, libc::TIOCNOTTY);
}

/// Makes our process group the one that the terminal's keys go to; without a terminal there is nothing to do.
pub fn take() {
    give(getpgrp());
}

/// Gives the terminal to another group of our session, if it is ours to give: in the background, it is the shell's.
pub fn pass(group: Pid) {
    if tcgetpgrp(std::io::stdin()) == Ok(getpgrp()) {
        give(group);
    }
}

fn give(group: Pid) {
    // A group in the background would be stopped for trying (tcsetpgrp(3)), and that only if SIGTTOU is not blocked.
    let mut set = SigSet::empty();
    set.add(Signal::SIGTTOU);
    if let Ok(before) = set.thread_swap_mask(SigmaskHow::SIG_BLOCK) {
        let _ = tcsetpgrp(std::io::stdin(), group);
        let _ = before.thread_set_mask();
    }
}

/// Makes this process lead a group of its own, which has a number in its pid namespace: a shell that we run puts the
/// terminal back to the group that had it. It must be its own: a pid namespace ends only when its pid 1 is the last to use
/// a number of it, be that for its group (zap_pid_ns_processes in kernel/pid_namespace.c).
pub fn own_group() -> nix::Result<()> {
    setpgid(Pid::from_raw(0), Pid::from_raw(0))
}

/// Leaves it to other threads to be stopped by SIGTSTP, with all of us, and returns what was blocked before. One that reads
/// lines and stops itself at Ctrl-Z must not run on until this one is stopped: it would set the terminal once more.
pub fn leave_stopping() -> nix::Result<SigSet> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGTSTP);
    set.thread_swap_mask(SigmaskHow::SIG_BLOCK)
}

/// Lets go of the terminal for good; nothing where there is none.
pub fn give_up() {
    let Ok(terminal) = File::open("/dev/tty") else { return };
    #[expect(unsafe_code, reason = "an ioctl is unsafe in itself")]
    // SAFETY: TIOCNOTTY takes no argument (ioctl_tty(2)). It fails only where there is nothing to give up.
    let _: nix::Result<libc::c_int> = unsafe { request::give_up(terminal.as_raw_fd()) };
}
