//! Opening a TCP connection.

use super::{Request, open};
use crate::kernel::Done;
use crate::kernel::linux::spaces::Spaces;
use crate::model::names::Ns;
use crate::model::observe::Reply;
use nix::errno::Errno;
use nix::sys::socket::{SockType, SockaddrStorage, connect as start, getpeername, getsockname, getsockopt, sockopt};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// Opens a connection and closes it.
pub fn ask(spaces: &Spaces, ns: &Ns, to: SocketAddr, timeout: Duration) -> Done<Reply> {
    let request = Request::new(format!("connect to {to}"), timeout);
    let stream = connect(spaces, ns, to, &request)?;
    let time = request.begin.elapsed();
    let local = stream.local_addr().map_err(|e| crate::kernel::Refusal::io(&request.name, &e))?;
    Ok(Reply { time, text: local.to_string(), ..Reply::default() })
}

/// Opens a connection, which does not block.
pub(super) fn connect(spaces: &Spaces, ns: &Ns, to: SocketAddr, request: &Request) -> Done<TcpStream> {
    let refuse = |errno: Errno| request.errno(errno);
    let socket = open(spaces, ns, to.ip(), SockType::Stream, None)?;
    match start(socket.as_raw_fd(), &SockaddrStorage::from(to)) {
        Ok(()) => {}
        Err(Errno::EINPROGRESS) => {
            request.writable(&socket)?;
            match getsockopt(&socket, sockopt::SocketError).map_err(refuse)? {
                0 => {}
                errno => return Err(refuse(Errno::from_raw(errno))),
            }
        }
        Err(errno) => return Err(refuse(errno)),
    }
    if is_connected_to_itself(&socket).map_err(refuse)? {
        return Err(refuse(Errno::ECONNREFUSED));
    }
    Ok(TcpStream::from(socket))
}

/// A connection to a local port where nothing listens succeeds if the kernel happens to choose that very port for
/// its source: a simultaneous open with itself (RFC 9293, section 3.5).
fn is_connected_to_itself(socket: &OwnedFd) -> nix::Result<bool> {
    let local: SockaddrStorage = getsockname(socket.as_raw_fd())?;
    let peer: SockaddrStorage = getpeername(socket.as_raw_fd())?;
    Ok(local == peer)
}
