//! An HTTP/1.1 server in one thread, for as many clients as a lab has.

use super::exchange::Exchange;
use super::{Service, log};
use crate::kernel::interrupt::{self, is_ready};
use crate::kernel::{Done, Refusal};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::{Backlog, SockType, listen};
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How many clients are served at once; others wait in the kernel's queue.
const CLIENTS: usize = 256;

/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves until it is asked to stop, which is the refusal that it ends with. Answers every GET with the body, one
/// request per connection, and logs `listening on ADDRESS` and then a line per request to standard output.
pub fn http(service: &Service) -> Done<Infallible> {
    let (socket, addr) = service.bind(SockType::Stream)?;
    listen(&socket, Backlog::MAXCONN).map_err(|e| Refusal::errno(format!("listen on {addr}"), e as i32))?;
    let listener = TcpListener::from(socket);
    log(&format!("listening on {addr}"))?;
    let mut clients: Vec<Client> = Vec::new();
    loop {
        let has_room = clients.len() < CLIENTS;
        let mut fds: Vec<PollFd<'_>> =
            clients.iter().map(|client| PollFd::new(client.stream.as_fd(), client.interest())).collect();
        if has_room {
            fds.push(PollFd::new(listener.as_fd(), PollFlags::POLLIN));
        }
        interrupt::wait(&mut fds, clients.iter().map(|client| client.deadline).min())?;
        let ready: Vec<bool> = fds.iter().map(is_ready).collect();
        let now = Instant::now();
        let mut was_ready = ready.iter();
        let mut kept = Vec::with_capacity(clients.len() + 1);
        for mut client in clients {
            let is_ready = was_ready.next() == Some(&true);
            if client.deadline > now && (!is_ready || client.turn(service)?) {
                kept.push(client);
            }
        }
        clients = kept;
        if was_ready.next() == Some(&true) {
            accept(&listener, &mut clients)?;
        }
    }
}

/// Takes one client off the queue.
fn accept(listener: &TcpListener, clients: &mut Vec<Client>) -> Done<()> {
    let refuse = |error: &io::Error| Refusal::io("accept", error);
    match listener.accept() {
        Ok((stream, peer)) => {
            stream.set_nonblocking(true).map_err(|e| refuse(&e))?;
            clients.push(Client {
                stream,
                addr: peer.ip().to_canonical(),
                deadline: Instant::now() + PATIENCE,
                stage: Stage::Request(Vec::new()),
            });
            Ok(())
        }
        Err(error) if is_clients_fault(&error) => Ok(()),
        Err(error) => Err(refuse(&error)),
    }
}

/// Whether the client is gone, or was never there; accept(2) also passes on the network's errors.
fn is_clients_fault(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    let network = [Errno::EAGAIN, Errno::EINTR, Errno::ECONNABORTED, Errno::ENETDOWN, Errno::EPROTO, Errno::EHOSTDOWN]
        .into_iter()
        .chain([Errno::EHOSTUNREACH, Errno::ENETUNREACH, Errno::ENONET, Errno::ENOPROTOOPT, Errno::EOPNOTSUPP]);
    errno.is_some_and(|errno| network.into_iter().any(|known| known == errno))
}

/// A connection.
struct Client {
    stream: TcpStream,
    addr: IpAddr,
    deadline: Instant,
    stage: Stage,
}

/// How far a connection is.
enum Stage {
    /// Reading the request; this much has come.
    Request(Vec<u8>),
    /// Writing the response; this much is left.
    Response(Vec<u8>),
    /// Waiting for the client to close. Closing first while unread data is there would reset the connection, and
    /// the client might lose the response.
    Goodbye,
}

impl Client {
    fn interest(&self) -> PollFlags {
        match self.stage {
            Stage::Request(_) | Stage::Goodbye => PollFlags::POLLIN,
            Stage::Response(_) => PollFlags::POLLOUT,
        }
    }

    /// Reads or writes what it can, and says whether the connection goes on. Only a log that cannot be written is
    /// an error; a client that is gone is not.
    fn turn(&mut self, service: &Service) -> Done<bool> {
        let mut chunk = [0; 4096];
        match &mut self.stage {
            Stage::Request(request) => match self.stream.read(&mut chunk) {
                Ok(0) => Ok(false),
                Ok(count) => {
                    request.extend_from_slice(chunk.get(..count).unwrap_or_default());
                    if let Some(exchange) = Exchange::of(service, self.addr, request) {
                        log(&exchange.log)?;
                        self.stage = Stage::Response(exchange.response);
                    }
                    Ok(true)
                }
                Err(error) => Ok(is_later(&error)),
            },
            Stage::Response(response) => match self.stream.write(response) {
                Ok(count) => {
                    response.drain(..count);
                    if response.is_empty() {
                        self.stage = Stage::Goodbye;
                        return Ok(self.stream.shutdown(Shutdown::Write).is_ok());
                    }
                    Ok(true)
                }
                Err(error) => Ok(is_later(&error)),
            },
            Stage::Goodbye => Ok(match self.stream.read(&mut chunk) {
                Ok(count) => count > 0,
                Err(error) => is_later(&error),
            }),
        }
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
