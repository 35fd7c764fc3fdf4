//! A process that outlives us by a moment, to see that what we made is undone should we be killed.
//!
//! Until then it is our own memory on another stack: a copy would take half a millisecond, and more for the pages that are
//! copied when we go on. A thread of ours that has nothing else to do lends it its place in the C library, and sleeps for
//! the rest of our life. (With `CLONE_VFORK` the kernel would see to that, but then Ctrl-Z and debuggers would wait for that
//! thread in vain.) When we have been killed, it becomes this program anew, which knows nothing but what is on record.
//!
//! Before Linux 5.16 a signal that dumps core, such as SIGQUIT or SIGABRT, ends all processes that share a memory; then
//! `recover` is left. So it is where the memory runs out, and we are what the kernel picks to be killed.

use super::child::{close_all_but, exit};
use super::launch::STACK;
use super::pidfd::PidFd;
use super::strings::{Strings, c_string, env_strings, environment};
use crate::kernel::{Done, Refusal, interrupt};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::sys::stat::Mode;
use nix::unistd::{self, getpid};
use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// The signals by which a user or the system asks a run to end. The run obeys; who watches over it must not.
const REQUESTS: [Signal; 4] = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP];

/// How long it may take to stand, which is a matter of microseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it stays when we have ended in order, in milliseconds: a thread that was woken has its turn by then.
const AFTER_YOU: u8 = 1;

/// What tells a run's guardian from the run itself in `ps`.
const NAME: &CStr = c"rhailab-guard";

/// Somebody who watches over this process until its end.
#[derive(Debug)]
pub struct Guardian(Arc<Pact>);

/// The place of one who was not found yet.
#[derive(Debug)]
pub struct Vacancy(Arc<Pact>);

/// What both sides know.
#[derive(Debug)]
struct Pact {
    /// Readable once the guardian stands, or cannot.
    settled: EventFd,
    /// Why none was posted.
    refused: OnceLock<Refusal>,
    /// Why the one that was posted cannot stand; 0 where it can. (It may not allocate, so that a number has to do.)
    errno: AtomicI32,
    /// Whether we have ended in order, so that it has nothing to do.
    discharged: AtomicBool,
}

/// What the guardian needs, made beforehand: it may neither allocate nor take a lock.
struct Post {
    us: PidFd,
    program: OwnedFd,
    argv: Strings,
    env: Strings,
    pact: Arc<Pact>,
}

impl Guardian {
    /// Somebody who is to be [posted](Vacancy::fill), and where.
    pub fn wanted() -> Done<(Guardian, Vacancy)> {
        let settled = EventFd::from_flags(EfdFlags::EFD_CLOEXEC).map_err(refuse("eventfd"))?;
        let (refused, errno, discharged) = (OnceLock::new(), AtomicI32::new(0), AtomicBool::new(false));
        let pact = Arc::new(Pact { settled, refused, errno, discharged });
        Ok((Guardian(Arc::clone(&pact)), Vacancy(pact)))
    }

    /// Waits until it stands, before what it is there for.
    pub fn stands(&self) -> Done<()> {
        let mut settled = [PollFd::new(self.0.settled.as_fd(), PollFlags::POLLIN)];
        let settled = interrupt::wait_through(&mut settled, Some(Instant::now() + PATIENCE))?;
        if let Some(refusal) = self.0.refused.get() {
            return Err(refusal.clone());
        }
        match self.0.errno.load(Ordering::Acquire) {
            0 if settled => Ok(()),
            // Somebody has killed it.
            0 => Err(refuse("clone")(Errno::ESRCH)),
            errno => Err(Refusal::errno("clone", errno)),
        }
    }
}

impl Vacancy {
    /// Has this program called with these arguments as soon as we have ended, unless the [`Guardian`] was dropped before.
    /// What it says goes to our standard error; neither Ctrl-C nor the end of our terminal reaches it. It has this thread's
    /// place from then on: only where there can be no guardian, this returns.
    pub fn fill(self, args: &[&str]) {
        let Err(refusal) = Post::new(args, Arc::clone(&self.0)).and_then(|post| post.lend());
        // Nobody else sets it.
        let _ = self.0.refused.set(refusal);
        self.0.tell();
    }
}

impl Drop for Guardian {
    /// Tells it that we end in order. (What it would do otherwise comes to the same, but takes longer.)
    fn drop(&mut self) {
        if thread::panicking() {
            // Who would wait for this thread sleeps for good.
            std::process::exit(101);
        }
        self.0.discharged.store(true, Ordering::Release);
    }
}

impl Pact {
    fn settle(&self, done: nix::Result<()>) {
        self.errno.store(done.map_or_else(|errno| errno as i32, |()| 0), Ordering::Release);
        self.tell();
    }

    fn tell(&self) {
        // It fails for a full counter only.
        let _ = self.settled.write(1);
    }
}

impl Post {
    fn new(args: &[&str], pact: Arc<Pact>) -> Done<Post> {
        let us = PidFd::open(getpid().as_raw()).map_err(refuse("pidfd_open"))?;
        // By descriptor: the file may have been replaced by then.
        let program = open("/proc/self/exe", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty());
        let program = program.map_err(refuse("open /proc/self/exe"))?;
        let words: Vec<CString> = ["rhailab"].iter().chain(args).map(c_string).collect::<Done<_>>()?;
        let env = env_strings(&environment(&[])?)?;
        Ok(Post { us, program, argv: Strings::new(words), env, pact })
    }

    /// Makes the guardian, which has this thread's place from then on.
    fn lend(&self) -> Done<Infallible> {
        // No handler may run in the guardian, nor on a thread whose place is lent.
        SigSet::all().thread_set_mask().map_err(refuse("block signals"))?;
        // The C library's own function: nix's leaves the child with a pointer into a frame that is gone when it returns.
        let mut stack = vec![0_u128; STACK / size_of::<u128>()];
        let (top, us) = (stack.as_mut_ptr_range().end.cast(), std::ptr::from_ref(self).cast_mut().cast());
        #[allow(unsafe_code)]
        // SAFETY: it has a stack of its own, and all that it reads is this thread's, which never returns from here.
        let made = unsafe { libc::clone(live, top, libc::CLONE_VM | libc::SIGCHLD, us) };
        Errno::result(made).map_err(refuse("clone"))?;
        loop {
            thread::park();
        }
    }

    /// The guardian's life.
    fn watch(&self) -> ! {
        let retired = self.retire();
        self.pact.settle(retired);
        if retired.is_err() {
            exit(1);
        }
        let mut us = [PollFd::new(self.us.as_fd(), PollFlags::POLLIN)];
        while poll(&mut us, PollTimeout::NONE) == Err(Errno::EINTR) {}
        if !self.pact.discharged.load(Ordering::Acquire) {
            let program = self.program.as_raw_fd();
            #[allow(unsafe_code)]
            // SAFETY: null-terminated arrays of NUL-terminated strings, alive in `self`. By number, because musl lacks it.
            unsafe {
                let (argv, env) = (self.argv.as_ptr(), self.env.as_ptr());
                libc::syscall(libc::SYS_execveat, program, c"".as_ptr(), argv, env, libc::AT_EMPTY_PATH);
            }
        }
        // To let go of our memory takes longer than most changes, and whoever waits for us would wait for that too, on the same
        // processor. So they go first.
        let _ = poll(&mut [], AFTER_YOU);
        exit(0)
    }

    /// Cuts what ties it to us.
    fn retire(&self) -> nix::Result<()> {
        unistd::setsid()?;
        for request in REQUESTS {
            #[allow(unsafe_code)]
            // SAFETY: no handler is installed.
            unsafe { signal(request, SigHandler::SigIgn) }?;
        }
        SigSet::empty().thread_set_mask()?;
        prctl::set_name(NAME)?;
        let null = open("/dev/null", OFlag::O_RDWR, Mode::empty())?;
        unistd::dup2_stdin(&null)?;
        unistd::dup2_stdout(&null)?;
        drop(null);
        // Among the others is the lock of the lab, which is to be free as soon as its run has ended.
        let mut keep = [self.us.as_fd().as_raw_fd(), self.program.as_raw_fd(), self.pact.settled.as_fd().as_raw_fd()];
        keep.sort_unstable();
        close_all_but(&keep)?;
        unistd::chdir("/")
    }
}

extern "C" fn live(post: *mut libc::c_void) -> libc::c_int {
    #[allow(unsafe_code)]
    // SAFETY: `lend` gave us its own.
    let post = unsafe { &*post.cast::<Post>() };
    post.watch()
}

/// Takes a guardian's name, for who has become this program anew.
pub fn take_name() -> Done<()> {
    prctl::set_name(NAME).map_err(refuse("prctl"))
}

fn refuse(call: &'static str) -> impl Fn(Errno) -> Refusal {
    move |errno| Refusal::errno(call, errno as i32)
}
