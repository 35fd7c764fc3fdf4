//! The kernel of this machine, as sessions use it.

use crate::kernel::linux::spaces;
use crate::kernel::linux::{LinuxKernel, Setup};
use crate::kernel::{Kernel, Refusal, interrupt};
use crate::lab::registry::{LabDir, Mode, Registry};
use crate::model::error::{OpError, OpResult};
use crate::model::names::LabName;

/// Where the files are that processes of a namespace find in `/etc` (ip-netns(8)).
pub const ETC_NETNS: &str = "/etc/netns";

/// The kernel of this machine, for a lab. `persistent` says that processes outlive the caller.
pub fn kernel(lab: &LabName, dir: &LabDir, mode: Mode, persistent: bool) -> OpResult<Box<dyn Kernel + Send>> {
    let (lab, log_dir, etc_netns) = (lab.clone(), dir.logs(), ETC_NETNS.into());
    // A sandbox is one lab's alone.
    let ledger = if mode == Mode::Host { Some(dir.ledger(&lab)?) } else { None };
    let setup = Setup { lab, log_dir, etc_netns, persistent, ledger, sandboxed: mode != Mode::Host };
    Ok(Box::new(LinuxKernel::new(setup).map_err(|refusal| refused(&refusal))?))
}

/// The kernel of this machine, for looking at it as a whole.
pub fn linux_kernel(lab: &LabName, registry: &Registry) -> OpResult<LinuxKernel> {
    let log_dir = registry.dir(lab).logs();
    let (lab, etc_netns) = (lab.clone(), ETC_NETNS.into());
    let setup = Setup { lab, log_dir, etc_netns, persistent: false, ledger: None, sandboxed: false };
    LinuxKernel::new(setup).map_err(|refusal| refused(&refusal))
}

/// The cookie of this process's network namespace, which is the root of a lab on the machine.
pub fn root_netns() -> OpResult<u64> {
    spaces::cookie().map_err(|refusal| refused(&refusal))
}

/// A process in the network namespace with this cookie, if there is one.
pub fn inhabitant(cookie: u64) -> OpResult<Option<i32>> {
    spaces::inhabitant(cookie).map_err(|refusal| refused(&refusal))
}

/// Makes Ctrl-C and its like ask a run to stop.
pub fn heed_signals() -> OpResult<()> {
    interrupt::install().map_err(|refusal| refused(&refusal))
}

/// An error of the kernel that nothing more is known of.
pub fn refused(refusal: &Refusal) -> OpError {
    OpError::new("kernel::refused", format!("{refusal}."))
}
