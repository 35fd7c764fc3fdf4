//! The stop flag that Ctrl-C sets. Everything that can take long looks at it: script loops through
//! [`pending`], waits by polling [`wake_fd`] beside what they wait for, which is what [`wait`],
//! [`wait_readable`], [`wait_writable`] and [`sleep`] do.

use crate::kernel::{Done, Refusal, Why};
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::time::TimeSpec;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The signals that ask us to stop: Ctrl-C, `kill`, a closed terminal.
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// `WAKE` before [`install`].
const NO_FD: i32 = -1;

// Atomics, because a signal handler may touch nothing else (signal-safety(7)).
static STOP: AtomicBool = AtomicBool::new(false);
static TIMES: AtomicU32 = AtomicU32::new(0);
static LAST: AtomicI32 = AtomicI32::new(0);
static WAKE: AtomicI32 = AtomicI32::new(NO_FD);
static ALOUD: AtomicBool = AtomicBool::new(false);
static READER: AtomicU64 = AtomicU64::new(0);

/// Whether the user asked to stop.
pub fn pending() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// How many signals asked us to stop since [`install`]; [`clear`] does not reset it, so that a second Ctrl-C can
/// be told from the first.
pub fn times() -> u32 {
    TIMES.load(Ordering::Relaxed)
}

/// Whether the user asked more than once: then nothing that the teardown asks to end is waited for.
pub fn hurried() -> bool {
    times() > 1
}

/// The signal that asked last.
pub fn signal() -> Option<Signal> {
    Signal::try_from(LAST.load(Ordering::Relaxed)).ok()
}

/// Its name, such as `SIGINT`.
pub fn signal_name() -> Option<&'static str> {
    signal().map(Signal::as_str)
}

/// Asks everything to stop.
pub fn raise() {
    STOP.store(true, Ordering::Relaxed);
    if let Some(wake) = wake_fd() {
        // The only failure is a full counter (EAGAIN), and then the descriptor is readable already.
        let _ = nix::unistd::write(wake, &1u64.to_ne_bytes());
    }
}

/// Asks again as a signal has asked before that was [forgotten](forget) for a while.
pub fn raise_again(signal: Signal) {
    LAST.store(signal as i32, Ordering::Relaxed);
    raise();
}

/// Takes the request back, so that the teardown is not stopped by what started it.
pub fn clear() {
    // In this order: a signal in between leaves the flag set, which every wait looks at before it sleeps.
    STOP.store(false, Ordering::Relaxed);
    drain();
}

/// Takes every request back, also those that were heeded: what comes now is something new, which nobody has asked to
/// stop.
pub fn forget() {
    TIMES.store(0, Ordering::Relaxed);
    clear();
}

/// While it lives, a request to end (SIGTERM, SIGHUP) also reaches the thread that has it as a Ctrl-C does, which who
/// reads lines from a terminal handles.
#[derive(Debug)]
pub struct Aloud(PhantomData<*const ()>);

impl Aloud {
    /// From now on.
    pub fn begin() -> Aloud {
        #[allow(unsafe_code)]
        // SAFETY: has no preconditions.
        READER.store(unsafe { libc::pthread_self() }, Ordering::Relaxed);
        ALOUD.store(true, Ordering::Relaxed);
        Aloud(PhantomData)
    }
}

impl Drop for Aloud {
    fn drop(&mut self) {
        ALOUD.store(false, Ordering::Relaxed);
    }
}

/// Whether it was asked for more than that what is under way be stopped: for the end of everything.
pub fn is_final() -> bool {
    pending() && matches!(signal(), Some(Signal::SIGTERM | Signal::SIGHUP))
}

fn drain() {
    if let Some(wake) = wake_fd() {
        // EAGAIN says that there was nothing to drain.
        let _ = nix::unistd::read(wake, &mut [0; 8]);
    }
}

/// A descriptor that becomes readable when [`raise`] is called; none before [`install`].
pub fn wake_fd() -> Option<BorrowedFd<'static>> {
    let fd = WAKE.load(Ordering::Acquire);
    #[allow(unsafe_code)]
    // SAFETY: `install` stores a descriptor that it leaks, so it stays open for ever.
    (fd != NO_FD).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
}

/// Makes SIGINT, SIGTERM and SIGHUP call [`raise`]. A signal that was ignored when we were started stays ignored,
/// as nohup(1) and background jobs rely on.
pub fn install() -> Done<()> {
    if wake_fd().is_some() {
        return Ok(());
    }
    let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
        .map_err(|e| Refusal::errno("eventfd", e as i32))?;
    WAKE.store(OwnedFd::from(wake).into_raw_fd(), Ordering::Release);
    // SA_RESTART spares code that does not expect EINTR; our own waits poll, which is never restarted (signal(7)).
    let ours = SigAction::new(SigHandler::Handler(on_signal), SaFlags::SA_RESTART, SigSet::empty());
    for signal in SIGNALS {
        let before = set_action(signal, &ours)?;
        if matches!(before.handler(), SigHandler::SigIgn) {
            set_action(signal, &before)?;
        }
    }
    Ok(())
}

extern "C" fn on_signal(signal: libc::c_int) {
    let errno = Errno::last_raw();
    TIMES.fetch_add(1, Ordering::Relaxed);
    let is_echo = signal == libc::SIGINT && ALOUD.load(Ordering::Relaxed) && pending();
    if !is_echo {
        LAST.store(signal, Ordering::Relaxed);
    }
    raise();
    if signal != libc::SIGINT && ALOUD.load(Ordering::Relaxed) {
        #[allow(unsafe_code)]
        // SAFETY: pthread_kill(3) is among what a signal handler may call (signal-safety(7)), and the thread is there, as
        // it holds an `Aloud`. To that thread and no other: it waits in read(2), which has to be broken off.
        let _ = unsafe { libc::pthread_kill(READER.load(Ordering::Relaxed), libc::SIGINT) };
    }
    Errno::set_raw(errno);
}

/// Sets what a signal does, and returns what it did.
pub(super) fn set_action(signal: Signal, action: &SigAction) -> Done<SigAction> {
    #[allow(unsafe_code)]
    // SAFETY: the only handler ever passed is `on_signal`, which is async-signal-safe; the others are SIG_DFL and
    // SIG_IGN.
    unsafe { sigaction(signal, action) }.map_err(|e| Refusal::errno(format!("sigaction {signal}"), e as i32))
}

/// Refuses if the user asked to stop.
pub fn check() -> Done<()> {
    if pending() { Err(refusal()) } else { Ok(()) }
}

/// The refusal of whatever was stopped.
pub fn refusal() -> Refusal {
    Refusal::new(Why::Interrupted, "wait", signal().map_or("", Signal::as_str))
}

/// Waits until a descriptor is ready or the deadline has passed, and says whether one is ready; refuses as soon as
/// the user asks to stop. No deadline means for ever.
pub fn wait(fds: &mut Vec<PollFd<'_>>, deadline: Option<Instant>) -> Done<bool> {
    let wake = wake_fd();
    let count = fds.len();
    fds.extend(wake.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
    let result = loop {
        if let Err(refusal) = check() {
            break Err(refusal);
        }
        match poll(fds, deadline) {
            // A signal that is not among ours, or one that set the flag.
            Err(Errno::EINTR) => {}
            Err(errno) => break Err(Refusal::errno("poll", errno as i32)),
            Ok(0) => break Ok(false),
            Ok(_) if fds.iter().take(count).any(is_ready) => break Ok(true),
            // Only the wake descriptor. Without the flag it is a signal whose request `clear` took back before it
            // had written, on another thread.
            Ok(_) if !pending() => drain(),
            Ok(_) => {}
        }
    };
    fds.truncate(count);
    result
}

/// Waits like [`wait`], but goes on when the user asks to stop: for short waits of the teardown.
pub(super) fn wait_through(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> Done<bool> {
    loop {
        match poll(fds, deadline) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Refusal::errno("poll", errno as i32)),
            Ok(ready) => return Ok(ready > 0),
        }
    }
}

/// Waits like [`wait_through`], but not while the user is in a [hurry](hurried).
pub(super) fn wait_unhurried(fds: &mut Vec<PollFd<'_>>, deadline: Option<Instant>) -> Done<bool> {
    let count = fds.len();
    fds.extend(wake_fd().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
    let result = loop {
        let deadline = if hurried() { Some(Instant::now()) } else { deadline };
        match poll(fds, deadline) {
            Err(Errno::EINTR) => {}
            Err(errno) => break Err(Refusal::errno("poll", errno as i32)),
            Ok(0) => break Ok(false),
            Ok(_) if fds.iter().take(count).any(is_ready) => break Ok(true),
            Ok(_) if hurried() => break Ok(false),
            // The first signal; the flag stays, and that is what every other wait looks at before it sleeps.
            Ok(_) => drain(),
        }
    };
    fds.truncate(count);
    result
}

fn poll(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> nix::Result<i32> {
    let left = deadline.map(|at| TimeSpec::from(at.saturating_duration_since(Instant::now())));
    ppoll(fds, left, None)
}

/// Whether the last poll found anything on a descriptor, be it an error.
pub fn is_ready(fd: &PollFd<'_>) -> bool {
    fd.any().unwrap_or(true)
}

/// Waits until a descriptor can be read, as [`wait`] does.
pub fn wait_readable(fd: impl AsFd, deadline: Option<Instant>) -> Done<bool> {
    wait(&mut vec![PollFd::new(fd.as_fd(), PollFlags::POLLIN)], deadline)
}

/// Waits until a descriptor can be written, as [`wait`] does.
pub fn wait_writable(fd: impl AsFd, deadline: Option<Instant>) -> Done<bool> {
    wait(&mut vec![PollFd::new(fd.as_fd(), PollFlags::POLLOUT)], deadline)
}

/// Waits for a time, unless the user asks to stop.
pub fn sleep(time: Duration) -> Done<()> {
    // A time too long for an `Instant` is for ever.
    wait(&mut Vec::new(), Instant::now().checked_add(time)).map(|_| ())
}
