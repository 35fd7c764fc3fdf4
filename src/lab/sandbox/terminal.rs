//! Whose the terminal's keys are: Ctrl-C goes to the process group in the foreground (tcsetpgrp(3)).

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, getpgrp, pause, setpgid, tcsetpgrp};

/// Makes our process group the one that the terminal's keys go to; without a terminal there is nothing to do.
pub fn take() {
    // A group in the background would be stopped for trying (tcsetpgrp(3)), and that only if SIGTTOU is not blocked.
    let mut set = SigSet::empty();
    set.add(Signal::SIGTTOU);
    if let Ok(before) = set.thread_swap_mask(SigmaskHow::SIG_BLOCK) {
        let _ = tcsetpgrp(std::io::stdin(), getpgrp());
        let _ = before.thread_set_mask();
    }
}

/// Moves this process to a process group that has a number in its pid namespace, which a shell needs that it runs: the
/// shell puts the terminal back to the group that had it. The group is not led by this process, because the leader of
/// one cannot begin a session of its own (setsid(2)), as the holder of a lab that stays does. To be called while this
/// process has one thread.
pub fn own_group() -> nix::Result<()> {
    #[expect(unsafe_code, reason = "fork(2) is unsafe in itself")]
    // SAFETY: we have one thread only, and the child makes nothing but one system call.
    match unsafe { fork() }? {
        ForkResult::Child => loop {
            pause();
        },
        ForkResult::Parent { child } => {
            let moved = setpgid(child, child).and_then(|()| setpgid(Pid::from_raw(0), child));
            // A group lasts as long as somebody is in it; its leader is not needed.
            kill(child, Signal::SIGKILL)?;
            while waitpid(child, None) == Err(Errno::EINTR) {}
            moved
        }
    }
}
