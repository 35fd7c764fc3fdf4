//! TCP, UDP and HTTP between real namespaces, and the servers that labs have for them.

#![allow(clippy::unwrap_used)]

mod scratch;

use nix::errno::Errno;
use rhailab::kernel::Why;
use rhailab::kernel::linux::probe;
use rhailab::kernel::linux::serve::{self, Service};
use rhailab::model::names::{Ns, NsName};
use rhailab::model::observe::{Command, Probe};
use rhailab::model::process::NewProcess;
use scratch::pair::{LONG, Pair, SHORT, errno, is_timeout, pair};
use scratch::{argv, eventually, run};
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Starts [`server`] in `b`, waits until it listens, and returns its log.
fn start(pair: &mut Pair, n: u64, kind: &str, env: &[(&str, &str)]) -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let mut env: Vec<_> = env.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
    env.push(("SERVER".into(), kind.into()));
    let process = NewProcess {
        name: format!("{kind}{n}"),
        argv: argv([program.to_str().unwrap(), "--exact", "server", "--nocapture"]),
        env,
        cwd: None,
    };
    pair.processes.prepare(&pair.scratch.spaces, n, &pair.b, &process).unwrap();
    pair.processes.release(n).unwrap();
    let log = pair.scratch.dir.join(format!("log/{kind}{n}.log"));
    eventually("it listens", || fs::read_to_string(&log).unwrap().contains("listening on "));
    log
}

/// Does nothing by itself: other tests start it as a process that they probe, with `SERVER` set.
#[test]
fn server() {
    let Ok(kind) = std::env::var("SERVER") else { return };
    let var = |name| std::env::var(name).ok();
    let service = Service {
        port: var("PORT").unwrap().parse().unwrap(),
        addr: var("ADDR").map(|addr| addr.parse().unwrap()),
        body: var("BODY")
            .unwrap_or_else(|| format!("{{client}} {{{}}} {{host}}", if kind == "http" { "path" } else { "text" })),
        host: "web".into(),
    };
    let refusal = match kind.as_str() {
        "http" => serve::http(&service).unwrap_err(),
        _ => serve::udp(&service).unwrap_err(),
    };
    println!("{refusal}");
}

#[test]
fn a_tcp_connection_is_made_refused_or_lost() {
    let Some(pair) = pair() else { return };
    let listeners = [pair.listen("10.9.0.2:80"), pair.listen("[fd09::2]:80")];
    for (to, local, listener) in
        [("10.9.0.2:80", "10.9.0.1", &listeners[0]), ("[fd09::2]:80", "fd09::1", &listeners[1])]
    {
        let reply = pair.tcp(to, LONG).unwrap();
        let local_addr: SocketAddr = reply.text.parse().unwrap();
        assert_eq!(local_addr.ip(), local.parse::<IpAddr>().unwrap());
        assert_eq!(listener.accept().unwrap().1, local_addr);
    }
    assert_eq!(errno(pair.tcp("10.9.0.2:81", LONG)), Errno::ECONNREFUSED);
    assert_eq!(errno(pair.tcp("[fd09::2]:81", LONG)), Errno::ECONNREFUSED);
    assert_eq!(errno(pair.tcp("10.200.0.1:80", LONG)), Errno::ENETUNREACH);
    run("ip netns exec b iptables -A INPUT -p tcp --dport 80 -j DROP");
    let begin = Instant::now();
    let refusal = pair.tcp("10.9.0.2:80", SHORT).unwrap_err();
    assert_eq!(refusal.to_string(), "connect to 10.9.0.2:80: timed out");
    assert!(begin.elapsed() >= SHORT && begin.elapsed() < LONG / 2);
    run("ip netns exec b iptables -I INPUT -p tcp -j REJECT --reject-with icmp-admin-prohibited");
    assert_eq!(errno(pair.tcp("10.9.0.2:80", LONG)), Errno::EHOSTUNREACH);
}

#[test]
fn a_connection_to_itself_is_none() {
    let Some(pair) = pair() else { return };
    // Only one source port is left to choose, and it is the one that is asked.
    pair.sysctl(&pair.a, "ipv4/ip_local_port_range", "40000 40000");
    assert_eq!(errno(pair.tcp("127.0.0.1:40000", LONG)), Errno::ECONNREFUSED);
}

#[test]
fn the_http_server_answers_every_client_at_once() {
    let Some(mut pair) = pair() else { return };
    let log = start(&mut pair, 1, "http", &[("PORT", "8080")]);
    // Neither a silent client nor one that goes away holds others up.
    let silent = pair.scratch.spaces.within(&pair.a, || Ok(TcpStream::connect("10.9.0.2:8080").unwrap())).unwrap();
    drop(pair.scratch.spaces.within(&pair.a, || Ok(TcpStream::connect("10.9.0.2:8080").unwrap())).unwrap());
    for (to, client) in [("10.9.0.2:8080", "10.9.0.1"), ("[fd09::2]:8080", "fd09::1")] {
        let reply = pair.http(to, "/a?b", LONG).unwrap();
        assert_eq!((reply.status, reply.text), (200, format!("{client} /a?b web")));
        assert!(reply.headers.contains(&("Connection".into(), "close".into())), "{:?}", reply.headers);
        eventually("it is logged", || fs::read_to_string(&log).unwrap().contains(&format!("{client} GET /a?b 200\n")));
    }
    drop(silent);
    let talk = |request: &[u8]| {
        let mut stream =
            pair.scratch.spaces.within(&pair.a, || Ok(TcpStream::connect("10.9.0.2:8080").unwrap())).unwrap();
        stream.write_all(request).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    };
    let (head, post) = (talk(b"HEAD / HTTP/1.1\r\n\r\n"), talk(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(post.starts_with("HTTP/1.1 405 "), "{post}");
    let taken = pair.processes.exec(
        &pair.scratch.spaces,
        &pair.b,
        &Command {
            argv: argv([std::env::current_exe().unwrap().to_str().unwrap(), "--exact", "server", "--nocapture"]),
            env: vec![("SERVER".into(), "http".into()), ("PORT".into(), "8080".into())],
            cwd: None,
            stdin: None,
            timeout: Some(LONG),
        },
    );
    let taken = taken.unwrap();
    assert!(taken.stdout.contains("bind [::]:8080: Address already in use"), "{}", taken.stdout);
}

#[test]
fn a_server_without_ipv6_serves_ipv4() {
    let Some(mut pair) = pair() else { return };
    pair.sysctl(&pair.b, "ipv6/conf/all/disable_ipv6", "1");
    start(&mut pair, 1, "http", &[("PORT", "8080"), ("BODY", "{client}\n")]);
    assert_eq!(pair.http("10.9.0.2:8080", "/", LONG).unwrap().text, "10.9.0.1\n");
    start(&mut pair, 2, "http", &[("PORT", "8081"), ("ADDR", "127.0.0.9")]);
    assert_eq!(errno(pair.http("10.9.0.3:8081", "/", LONG)), Errno::ECONNREFUSED);
}

/// Answers one connection with these bytes.
fn canned(pair: &Pair, pieces: &'static [&'static str]) -> std::thread::JoinHandle<String> {
    let listener = pair.listen("10.9.0.2:90");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap();
        for piece in pieces {
            stream.write_all(piece.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        String::from_utf8(request[..length].to_vec()).unwrap()
    })
}

#[test]
fn an_http_response_is_read_whatever_its_framing() {
    let Some(pair) = pair() else { return };
    let server = canned(
        &pair,
        &[
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r",
            "\n6\r\nhello,\r\n6;x=y\r\n wo",
            "rld\r\n0\r\nTrailer: 1\r\n\r\n",
        ],
    );
    let reply = pair.http("10.9.0.2:90", "/x", LONG).unwrap();
    assert_eq!((reply.status, reply.text.as_str()), (200, "hello, world"));
    assert_eq!(reply.headers[1], ("X-A".into(), "1".into()));
    let request = server.join().unwrap();
    assert!(
        request.starts_with("GET /x HTTP/1.1\r\nHost: web\r\n") && request.contains("Connection: close\r\n"),
        "{request}"
    );

    let server = canned(&pair, &["HTTP/1.0 404 Not Found\r\n\r\n", "until the end"]);
    let reply = pair.http("10.9.0.2:90", "/", LONG).unwrap();
    assert_eq!((reply.status, reply.text.as_str()), (404, "until the end"));
    server.join().unwrap();
}

#[test]
fn a_broken_http_exchange_is_refused_in_words() {
    let Some(pair) = pair() else { return };
    for (pieces, words) in [
        (&["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"][..], "the connection was closed after 5 bytes"),
        (&["220 mail.example ESMTP\r\n\r\n"], "this is no HTTP/1 status line"),
        (&[], "the server closed the connection without an answer"),
    ] {
        let server = canned(&pair, pieces);
        let refusal = pair.http("10.9.0.2:90", "/", LONG).unwrap_err();
        assert!(refusal.why == Why::Protocol && refusal.words.contains(words), "{refusal}");
        server.join().unwrap();
    }
    for path in ["x", "/a ", "/a\r\nX: 1", "/\0"] {
        assert!(pair.http("10.9.0.2:90", path, LONG).unwrap_err().words.contains("white space"));
    }
    assert_eq!(errno(pair.http("10.9.0.2:91", "/", LONG)), Errno::ECONNREFUSED);
}

#[test]
fn the_deadline_covers_the_whole_http_exchange() {
    let Some(pair) = pair() else { return };
    let listener = pair.listen("10.9.0.2:90");
    assert!(is_timeout(pair.http("10.9.0.2:90", "/", SHORT)), "it accepts and says nothing");
    let endless = std::thread::spawn(move || {
        let (mut silent, _) = listener.accept().unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        while stream.write_all(b"1\r\nx\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut nothing = Vec::new();
        silent.read_to_end(&mut nothing).unwrap();
    });
    let begin = Instant::now();
    assert!(is_timeout(pair.http("10.9.0.2:90", "/", SHORT)), "it sends without end");
    assert!(begin.elapsed() < LONG / 2);
    endless.join().unwrap();
}

#[test]
fn a_datagram_is_answered_from_the_address_that_it_was_sent_to() {
    let Some(mut pair) = pair() else { return };
    let log = start(&mut pair, 1, "udp", &[("PORT", "53")]);
    start(&mut pair, 2, "udp", &[("PORT", "54"), ("ADDR", "0.0.0.0")]);
    for (to, client) in [
        ("10.9.0.2:53", "10.9.0.1"),
        ("10.9.0.3:53", "10.9.0.1"),
        ("[fd09::3]:53", "fd09::1"),
        ("10.9.0.3:54", "10.9.0.1"),
    ] {
        assert_eq!(pair.udp(to, "ask", LONG).unwrap().text, format!("{client} ask web"), "{to}");
    }
    eventually("it is logged", || fs::read_to_string(&log).unwrap().contains("10.9.0.1 3\n"));
    assert_eq!(pair.udp("10.9.0.2:53", "", LONG).unwrap().text, "10.9.0.1  web", "an empty datagram is one too");
    assert_eq!(errno(pair.udp("10.9.0.2:99", "ask", LONG)), Errno::ECONNREFUSED);
    assert_eq!(errno(pair.udp("[fd09::2]:99", "ask", LONG)), Errno::ECONNREFUSED);
    run("ip netns exec b iptables -A INPUT -p udp -j DROP");
    assert!(is_timeout(pair.udp("10.9.0.2:53", "ask", SHORT)));
}

#[test]
fn a_probe_from_a_namespace_that_is_not_there_is_refused() {
    let Some(pair) = pair() else { return };
    let nowhere = Ns::Named(NsName::new("nowhere").unwrap());
    let probe = Probe::Tcp { to: "10.9.0.2:80".parse().unwrap(), timeout: SHORT };
    let refusal = probe::run(&pair.scratch.spaces, &nowhere, &probe).unwrap_err();
    assert_eq!(refusal.to_string(), "open /run/netns/nowhere: No such file or directory");
}
