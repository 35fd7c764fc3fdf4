//! One datagram there and one back.

use super::{Request, ask_for_errors, open};
use crate::kernel::Done;
use crate::kernel::linux::spaces::Spaces;
use crate::model::names::Ns;
use crate::model::observe::Reply;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockType, SockaddrStorage, connect, recv, send};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// The longest datagram there can be (udp(7)).
const LONGEST: usize = 65_535;

/// Sends a datagram and waits for one back from the same address and port, which connecting makes the kernel check.
pub fn ask(spaces: &Spaces, ns: &Ns, to: SocketAddr, payload: &str, timeout: Duration) -> Done<Reply> {
    let request = Request::new(format!("send to {to}/udp"), timeout);
    let refuse = |errno: Errno| request.errno(errno);
    let socket = open(spaces, ns, to.ip(), SockType::Datagram, None)?;
    ask_for_errors(&socket, to.ip())?;
    connect(socket.as_raw_fd(), &SockaddrStorage::from(to)).map_err(refuse)?;
    send(socket.as_raw_fd(), payload.as_bytes(), MsgFlags::empty()).map_err(refuse)?;
    let mut answer = vec![0; LONGEST];
    loop {
        request.readable(&socket)?;
        match recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()) {
            Ok(length) => {
                answer.truncate(length);
                let text = String::from_utf8_lossy(&answer).into_owned();
                return Ok(Reply { time: request.begin.elapsed(), text, ..Reply::default() });
            }
            // A datagram with a wrong checksum wakes us and is dropped (select(2), "Bugs").
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(errno) => return Err(refuse(errno)),
        }
    }
}
