//! One HTTP/1.1 request (RFC 9112).

use super::response::Response;
use super::{Request, tcp};
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::{Done, Refusal};
use crate::model::names::Ns;
use crate::model::observe::Reply;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Sends a GET request and reads the whole response.
pub fn ask(spaces: &Spaces, ns: &Ns, to: SocketAddr, host: &str, path: &str, timeout: Duration) -> Done<Reply> {
    let request = Request::new(format!("GET http://{to}{path}"), timeout);
    // A line break in either would be a header of its own, a blank would end the target early.
    let is_word = |text: &str| text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    if !path.starts_with('/') || !is_word(path) || !is_word(host) {
        return Err(request.nonsense("the path must begin with `/`, and neither it nor the host hold white space"));
    }
    let mut stream = tcp::connect(spaces, ns, to, &request)?;
    let agent = concat!("rhailab/", env!("CARGO_PKG_VERSION"));
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    send(&mut stream, head.as_bytes(), &request)?;
    let (status, headers, body) = receive(&mut stream, &request)?;
    let text = String::from_utf8_lossy(&body).into_owned();
    Ok(Reply { time: request.begin.elapsed(), status, text, headers })
}

fn send(stream: &mut TcpStream, mut bytes: &[u8], request: &Request) -> Done<()> {
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if is_later(&error) => request.writable(&*stream)?,
            Err(error) => return Err(Refusal::io(&request.name, &error)),
        }
    }
    Ok(())
}

/// Status, header fields and body.
type Parts = (u16, Vec<(String, String)>, Vec<u8>);

fn receive(stream: &mut TcpStream, request: &Request) -> Done<Parts> {
    let mut response = Response::default();
    let mut chunk = vec![0; 16 << 10];
    loop {
        let finished = match stream.read(&mut chunk) {
            Ok(0) => response.end(),
            Ok(count) => response.feed(chunk.get(..count).unwrap_or_default()),
            Err(error) if is_later(&error) => {
                request.readable(&*stream)?;
                continue;
            }
            Err(error) => return Err(Refusal::io(&request.name, &error)),
        };
        if finished.map_err(|words| request.nonsense(words))? {
            return Ok((response.status, response.headers, response.body));
        }
        // A server that sends without end is always ready, so the waiting alone would not notice.
        request.in_time(request.deadline.is_none_or(|at| std::time::Instant::now() < at))?;
        crate::kernel::interrupt::check()?;
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
