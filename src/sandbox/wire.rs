//! What the outer process and the lab's pid 1 say to each other.

use super::Holder;
use crate::kernel::Refusal;
use nix::errno::Errno;
use std::io::{Error, Read, Write};
use std::os::unix::net::UnixStream;

/// A step of making a sandbox from within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupStep {
    /// Ask to die with the outer process.
    Watch,
    /// Cut the mounts off from the machine's.
    Private,
    /// `/run` of its own.
    Run,
    /// `/proc` of its own.
    Proc,
    /// `/sys` of its own.
    Sys,
    /// `/etc` that can be written.
    Etc,
    /// `lo` up, and sysctls with known values.
    Network,
    /// The recipe's thread.
    Thread,
    /// A session of its own, for a lab that stays.
    Session,
}

impl SetupStep {
    const ALL: [SetupStep; 9] = [
        SetupStep::Watch,
        SetupStep::Private,
        SetupStep::Run,
        SetupStep::Proc,
        SetupStep::Sys,
        SetupStep::Etc,
        SetupStep::Network,
        SetupStep::Thread,
        SetupStep::Session,
    ];
}

/// Why a step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetupFailure {
    /// Which step.
    pub step: SetupStep,
    /// What the kernel answered.
    pub errno: Errno,
}

/// What pid 1 tells the outer process, at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// The sandbox could not be made.
    Failed(SetupFailure),
    /// The lab stands and stays.
    Kept,
}

/// The error number of a failed I/O call.
pub fn errno(error: &Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32))
}

/// The error number of a refused kernel call.
pub fn errno_of(refusal: &Refusal) -> Errno {
    refusal.number().map_or(Errno::EIO, Errno::from_raw)
}

/// Tells pid 1 that its ids are mapped and who it is outside.
pub fn send_go(mut socket: &UnixStream, holder: Holder) -> std::io::Result<()> {
    let mut bytes = [0; 12];
    let (pid, start) = bytes.split_at_mut(4);
    pid.copy_from_slice(&holder.pid.to_le_bytes());
    start.copy_from_slice(&holder.start.to_le_bytes());
    socket.write_all(&bytes)
}

/// Waits for [`send_go`]; fails when the outer process is gone.
pub fn receive_go(mut socket: &UnixStream) -> std::io::Result<Holder> {
    let mut pid = [0; 4];
    let mut start = [0; 8];
    socket.read_exact(&mut pid)?;
    socket.read_exact(&mut start)?;
    Ok(Holder { pid: i32::from_le_bytes(pid), start: u64::from_le_bytes(start) })
}

/// Tells the outer process.
pub fn send_news(mut socket: &UnixStream, news: News) -> std::io::Result<()> {
    let (step, errno) = match news {
        News::Kept => (u8::MAX, 0),
        News::Failed(SetupFailure { step, errno }) => (step as u8, errno as i32),
    };
    let [a, b, c, d] = errno.to_le_bytes();
    socket.write_all(&[step, a, b, c, d])
}

/// Hears what pid 1 tells; none when it ended without a word.
pub fn receive_news(mut socket: &UnixStream) -> Option<News> {
    let mut bytes = [0; 5];
    socket.read_exact(&mut bytes).ok()?;
    let [step, a, b, c, d] = bytes;
    if step == u8::MAX {
        return Some(News::Kept);
    }
    let step = *SetupStep::ALL.get(usize::from(step))?;
    Some(News::Failed(SetupFailure { step, errno: Errno::from_raw(i32::from_le_bytes([a, b, c, d])) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_survives_the_wire() {
        for step in SetupStep::ALL {
            let (here, there) = UnixStream::pair().unwrap();
            let news = News::Failed(SetupFailure { step, errno: Errno::EPERM });
            send_news(&here, news).unwrap();
            assert_eq!(receive_news(&there), Some(news));
        }
        let (here, there) = UnixStream::pair().unwrap();
        drop(here);
        assert_eq!(receive_news(&there), None);
    }
}
