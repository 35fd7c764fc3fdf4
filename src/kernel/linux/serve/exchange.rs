//! One request and its response, as bytes.

use super::Service;
use httparse::{EMPTY_HEADER, Error, Request, Status};
use std::net::IpAddr;

/// The longest request.
const LIMIT: usize = 16 << 10;

/// The most header fields.
const FIELDS: usize = 128;

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The line for the log: `CLIENT METHOD PATH STATUS`.
    pub log: String,
    /// The whole response.
    pub response: Vec<u8>,
}

impl Exchange {
    /// Answers a request, once it has come as far as the end of its header fields, or as what makes no sense.
    pub fn of(service: &Service, client: IpAddr, request: &[u8]) -> Option<Exchange> {
        let mut fields = [EMPTY_HEADER; FIELDS];
        let mut head = Request::new(&mut fields);
        let (method, path, status) = match (head.parse(request), head.method, head.path) {
            (Ok(Status::Partial), ..) if request.len() <= LIMIT => return None,
            (Ok(Status::Partial) | Err(Error::TooManyHeaders), ..) => ("-", "-", "431 Request Header Fields Too Large"),
            (Ok(_), Some(method @ ("GET" | "HEAD")), Some(path)) if is_target(path) => (method, path, "200 OK"),
            (Ok(_), Some(method), Some(path)) if is_target(path) => (method, path, "405 Method Not Allowed"),
            _ => ("-", "-", "400 Bad Request"),
        };
        let body = if status == "200 OK" { service.answer(client, ("path", path)) } else { format!("{status}\n") };
        let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
        let mut response = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n{allow}Connection: close\r\n\r\n",
            body.len()
        );
        if method != "HEAD" {
            response.push_str(&body);
        }
        let log = format!("{client} {method} {path} {}", status.get(..3).unwrap_or_default());
        Some(Exchange { log, response: response.into_bytes() })
    }
}

/// A path, or `*`; nothing that could break a line of the log.
fn is_target(text: &str) -> bool {
    (text.starts_with('/') || text == "*" || text.starts_with("http://")) && text.chars().all(|c| c.is_ascii_graphic())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ask(request: &str) -> Option<(String, String)> {
        let service = Service { port: 0, addr: None, body: "{path}!".into(), host: "web".into() };
        let exchange = Exchange::of(&service, [10, 0, 0, 2].into(), request.as_bytes())?;
        Some((exchange.log, String::from_utf8(exchange.response).unwrap()))
    }

    #[test]
    fn a_get_is_answered_with_the_body_and_a_head_without() {
        let (log, response) = ask("GET /a?b=1 HTTP/1.1\r\nHost: web\r\n\r\n").unwrap();
        assert_eq!(log, "10.0.0.2 GET /a?b=1 200");
        assert!(
            response.starts_with("HTTP/1.1 200 OK\r\n")
                && response.ends_with("Content-Length: 7\r\nConnection: close\r\n\r\n/a?b=1!"),
            "{response}"
        );
        let (log, response) = ask("HEAD / HTTP/1.0\n\n").unwrap();
        assert_eq!(log, "10.0.0.2 HEAD / 200");
        assert!(response.contains("Content-Length: 2\r\n") && response.ends_with("\r\n\r\n"), "{response}");
    }

    #[test]
    fn an_unfinished_request_waits_unless_it_is_too_long() {
        assert_eq!(ask("GET / HTTP/1.1\r\nHost: web\r\n"), None);
        let (log, _) = ask(&format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(LIMIT))).unwrap();
        assert_eq!(log, "10.0.0.2 - - 431");
        let (log, _) = ask(&format!("GET / HTTP/1.1\r\n{}\r\n", "A: 1\r\n".repeat(FIELDS + 1))).unwrap();
        assert_eq!(log, "10.0.0.2 - - 431");
    }

    #[test]
    fn other_requests_get_the_right_error() {
        for (line, log) in [
            ("POST /x HTTP/1.1", "10.0.0.2 POST /x 405"),
            ("GET /\u{1b}[2J HTTP/1.1", "10.0.0.2 - - 400"),
            ("GET / HTTP/2", "10.0.0.2 - - 400"),
            ("GET  / HTTP/1.1", "10.0.0.2 - - 400"),
            ("GET / HTTP/1.1\r\nHost : web", "10.0.0.2 - - 400"),
            ("\0", "10.0.0.2 - - 400"),
        ] {
            assert_eq!(ask(&format!("{line}\r\n\r\n")).unwrap().0, log);
        }
    }
}
