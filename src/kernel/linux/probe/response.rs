//! Reading an HTTP/1.1 response piece by piece (RFC 9112).

use httparse::{EMPTY_HEADER, Error, Status};

/// The longest head, and the longest line of a chunked body.
const HEAD_LIMIT: usize = 64 << 10;

/// The most header fields.
const FIELD_LIMIT: usize = 1000;

/// The longest body.
const BODY_LIMIT: usize = 16 << 20;

/// A response as far as it has come.
#[derive(Debug, Default)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields, in order.
    pub headers: Vec<(String, String)>,
    /// The body, without its transfer coding.
    pub body: Vec<u8>,
    /// What has come and could not be used yet.
    pending: Vec<u8>,
    stage: Stage,
}

/// What comes next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Status line and header fields.
    #[default]
    Head,
    /// So many bytes of body.
    Length(usize),
    /// Body until the connection is closed.
    UntilClose,
    /// The size line of a chunk.
    ChunkSize,
    /// So many bytes of a chunk.
    Chunk(usize),
    /// The end of a chunk's line.
    ChunkEnd,
    /// Trailer fields, up to an empty line.
    Trailer,
    /// Nothing.
    Finished,
}

/// Why a response makes no sense, in words.
type Parsed<T> = Result<T, String>;

impl Response {
    /// Takes what the server sent next, and says whether the response is complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Parsed<bool> {
        self.pending.extend_from_slice(bytes);
        while self.stage != Stage::Finished && self.step()? {}
        Ok(self.stage == Stage::Finished)
    }

    /// Takes the end of the connection.
    pub fn end(&mut self) -> Parsed<bool> {
        match self.stage {
            Stage::Finished | Stage::UntilClose => Ok(true),
            Stage::Head if self.pending.is_empty() => Err("the server closed the connection without an answer".into()),
            Stage::Head => Err("the connection was closed in the middle of the header fields".into()),
            _ => Err(format!("the connection was closed after {} bytes of an unfinished body", self.body.len())),
        }
    }

    /// Does what the pending bytes suffice for; `false` if that is nothing.
    fn step(&mut self) -> Parsed<bool> {
        match self.stage {
            Stage::Head => {
                let Some(next) = self.take_head()? else { return Ok(false) };
                self.stage = next;
            }
            Stage::Length(left) => {
                let taken = self.take_body(left)?;
                self.stage = Stage::Length(left - taken);
                if left == taken {
                    self.stage = Stage::Finished;
                }
                return Ok(taken > 0);
            }
            Stage::UntilClose => return Ok(self.take_body(usize::MAX)? > 0),
            Stage::ChunkSize => {
                let Some(line) = self.take_line()? else { return Ok(false) };
                self.stage = match chunk_size(&line)? {
                    0 => Stage::Trailer,
                    size => Stage::Chunk(size),
                };
            }
            Stage::Chunk(left) => {
                let taken = self.take_body(left)?;
                self.stage = if taken == left { Stage::ChunkEnd } else { Stage::Chunk(left - taken) };
                return Ok(taken > 0);
            }
            Stage::ChunkEnd => match self.take_line()? {
                None => return Ok(false),
                Some(line) if line.is_empty() => self.stage = Stage::ChunkSize,
                Some(_) => return Err("a chunk is longer than it said".into()),
            },
            Stage::Trailer => match self.take_line()? {
                None => return Ok(false),
                Some(line) if line.is_empty() => self.stage = Stage::Finished,
                Some(_) => {}
            },
            Stage::Finished => return Ok(false),
        }
        Ok(true)
    }

    /// Takes status line and header fields, and says what follows them.
    fn take_head(&mut self) -> Parsed<Option<Stage>> {
        let mut fields = vec![EMPTY_HEADER; FIELD_LIMIT];
        let mut head = httparse::Response::new(&mut fields);
        let parsed = head.parse(&self.pending);
        let read = head.headers.iter().take_while(|field| !field.name.is_empty());
        let length = match parsed {
            Ok(Status::Complete(length)) if length <= HEAD_LIMIT => length,
            Ok(Status::Partial) if self.pending.len() <= HEAD_LIMIT => return Ok(None),
            Ok(_) => return Err(format!("the header fields are longer than {HEAD_LIMIT} bytes")),
            Err(Error::TooManyHeaders) => return Err(format!("there are more than {FIELD_LIMIT} header fields")),
            Err(_) => return self.misread(head.reason.map_or(0, |_| 1 + read.count())),
        };
        let Some(status @ 100..) = head.code else { return self.misread(0) };
        let text = |value| String::from_utf8_lossy(value).into_owned();
        self.headers = read.map(|field| (field.name.to_owned(), text(field.value))).collect();
        self.status = status;
        self.pending.drain(..length);
        Ok(Some(match status {
            // An interim response: the real one follows.
            ..200 => Stage::Head,
            204 | 304 => Stage::Finished,
            _ => self.framing()?,
        }))
    }

    /// Shows the line of the head that makes no sense, once all of it has come.
    fn misread(&self, number: usize) -> Parsed<Option<Stage>> {
        let head = String::from_utf8_lossy(&self.pending);
        let line = head.trim_start_matches(['\r', '\n']).split_inclusive('\n').nth(number).unwrap_or_default();
        if !line.ends_with('\n') && self.pending.len() <= HEAD_LIMIT {
            return Ok(None);
        }
        let shown: String = line.trim_end().chars().take(80).collect();
        let what = if number == 0 { "HTTP/1 status line" } else { "header field" };
        Err(format!("this is no {what}: {shown:?}"))
    }

    /// Takes a line, and drops its end.
    fn take_line(&mut self) -> Parsed<Option<String>> {
        match self.pending.iter().position(|byte| *byte == b'\n') {
            Some(end) if end < HEAD_LIMIT => {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
            }
            None if self.pending.len() <= HEAD_LIMIT => Ok(None),
            _ => Err(format!("a line between chunks is longer than {HEAD_LIMIT} bytes")),
        }
    }

    /// Moves up to `limit` pending bytes to the body, and says how many.
    fn take_body(&mut self, limit: usize) -> Parsed<usize> {
        let count = self.pending.len().min(limit);
        if self.body.len() + count > BODY_LIMIT {
            return Err(format!("the body is longer than {BODY_LIMIT} bytes"));
        }
        self.body.extend(self.pending.drain(..count));
        Ok(count)
    }

    /// How the end of the body is found (RFC 9112, section 6.3).
    fn framing(&self) -> Parsed<Stage> {
        let all = |name: &str| -> Vec<&str> {
            let fields = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
            fields.flat_map(|(_, value)| value.split(',').map(str::trim)).collect()
        };
        let codings = all("Transfer-Encoding");
        match codings.as_slice() {
            [] => {}
            [only] if only.eq_ignore_ascii_case("chunked") => return Ok(Stage::ChunkSize),
            _ => return Err(format!("the transfer coding `{}` is not supported", codings.join(", "))),
        }
        let lengths = all("Content-Length");
        let Some(first) = lengths.first() else { return Ok(Stage::UntilClose) };
        if lengths.iter().any(|length| length != first) {
            return Err("there are two different content lengths".into());
        }
        match digits(first, 10) {
            Some(0) => Ok(Stage::Finished),
            Some(length) if length <= BODY_LIMIT => Ok(Stage::Length(length)),
            Some(length) => Err(format!("the body has {length} bytes, more than {BODY_LIMIT}")),
            None => Err(format!("the content length `{first}` is no number")),
        }
    }
}

/// A number without a sign, which `parse` would allow.
fn digits(text: &str, radix: u32) -> Option<usize> {
    if text.starts_with('+') { None } else { usize::from_str_radix(text, radix).ok() }
}

fn chunk_size(line: &str) -> Parsed<usize> {
    let size = line.split(';').next().unwrap_or_default().trim();
    digits(size, 16).ok_or_else(|| format!("the chunk size {size:?} is no hexadecimal number"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds a response in pieces of `size`, then the end of the connection.
    fn parse(bytes: &[u8], size: usize) -> Parsed<Response> {
        let mut response = Response::default();
        for piece in bytes.chunks(size) {
            if response.feed(piece)? {
                return Ok(response);
            }
        }
        response.end().map(|_| response)
    }

    fn body(text: &str) -> String {
        let whole = parse(text.as_bytes(), usize::MAX).unwrap();
        let bytewise = parse(text.as_bytes(), 1).unwrap();
        assert_eq!((&whole.body, &whole.headers, whole.status), (&bytewise.body, &bytewise.headers, bytewise.status));
        String::from_utf8(whole.body).unwrap()
    }

    fn error(text: &str) -> String {
        let whole = parse(text.as_bytes(), usize::MAX).unwrap_err();
        assert_eq!(parse(text.as_bytes(), 1).unwrap_err(), whole);
        whole
    }

    #[test]
    fn a_length_a_close_or_chunks_end_the_body() {
        assert_eq!(body("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello, and more"), "hello");
        assert_eq!(body("HTTP/1.0 200 OK\r\n\r\nall of it"), "all of it");
        assert_eq!(
            body(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=1\r\nhello\r\n0A\r\n, and more\r\n0\r\nT: 1\r\n\r\n"
            ),
            "hello, and more"
        );
        assert_eq!(body("HTTP/1.1 204 No Content\r\n\r\n"), "");
        assert_eq!(body("HTTP/1.1 200\nContent-Length: 0\n\n"), "");
    }

    #[test]
    fn an_interim_response_is_passed_over() {
        assert_eq!(
            body("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            "ok"
        );
    }

    #[test]
    fn fields_keep_their_order_and_lose_their_blanks() {
        let response = parse(b"HTTP/1.1 404 Not Found\r\nB:  2 \r\nA:1\r\nContent-Length: 0\r\n\r\n", 7).unwrap();
        let names: Vec<_> = response.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!((response.status, names.join(" ")), (404, "B=2 A=1 Content-Length=0".to_owned()));
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        for (text, words) in [
            ("", "without an answer"),
            ("HTTP/1.1 200 OK\r\nA: 1\r\n", "in the middle of the header fields"),
            ("SSH-2.0-OpenSSH\r\n\r\n", "no HTTP/1 status line: \"SSH-2.0-OpenSSH\""),
            ("220 mail.example ESMTP\r\n", "no HTTP/1 status line: \"220 mail.example ESMTP\""),
            ("HTTP/1.1 20 OK\r\n\r\n", "no HTTP/1 status line"),
            ("HTTP/1.1 099 OK\r\n\r\n", "no HTTP/1 status line"),
            ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "no header field: \"no colon\""),
            ("HTTP/1.1 200 OK\r\nA: 1\r\nB : 2\r\n", "no header field: \"B : 2\""),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "after 5 bytes"),
            ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", "`+5` is no number"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhe", "two different content lengths"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "more than"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "`gzip, chunked` is not supported"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "\"xyz\" is no hexadecimal"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n", "longer than it said"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "after 5 bytes"),
        ] {
            assert!(error(text).contains(words), "{text:?}: {}", error(text));
        }
    }

    #[test]
    fn nothing_can_grow_without_end() {
        let mut response = Response::default();
        response.feed(b"HTTP/1.1 200 OK\r\n").unwrap();
        assert!(response.feed(&vec![b'a'; HEAD_LIMIT]).unwrap_err().contains("header fields are longer"));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: 1\r\n".repeat(FIELD_LIMIT + 1));
        assert!(Response::default().feed(many.as_bytes()).unwrap_err().contains("more than 1000 header fields"));
        let mut response = Response::default();
        response.feed(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let error = (0..=16).find_map(|_| response.feed(&vec![b'a'; 1 << 20]).err());
        assert!(error.unwrap().contains("the body is longer"));
        let mut response = Response::default();
        let huge = response.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx");
        assert_eq!((huge, response.body.len()), (Ok(false), 1));
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(bytes: Vec<u8>, size in 1usize..9) {
            let mut text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            let _ = parse(&bytes, size);
            text.extend(bytes);
            let _ = parse(&text, size);
        }

        #[test]
        fn any_chunking_gives_the_body_back(chunks: Vec<Vec<u8>>, size in 1usize..99) {
            let mut text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
                text.extend(format!("{:x}\r\n", chunk.len()).bytes());
                text.extend(chunk);
                text.extend(b"\r\n");
            }
            text.extend(b"0\r\n\r\n");
            prop_assert_eq!(parse(&text, size).unwrap().body, chunks.concat());
        }
    }
}
