//! Two namespaces to send packets between.

use super::{Scratch, enter, netns, run};
use nix::errno::Errno;
use rhailab::kernel::linux::probe;
use rhailab::kernel::linux::process::Processes;
use rhailab::kernel::{Done, Why};
use rhailab::model::names::Ns;
use rhailab::model::observe::{Probe, Reply};
use std::fs;
use std::net::TcpListener;
use std::time::Duration;

/// Longer than anything that works takes.
pub const LONG: Duration = Duration::from_secs(10);

/// Long enough to wait for nothing.
pub const SHORT: Duration = Duration::from_millis(300);

/// Two namespaces with a veth pair: `a` has 10.9.0.1 and fd09::1, `b` has 10.9.0.2, 10.9.0.3 and fd09::2, fd09::3
/// and forwards.
pub struct Pair {
    pub scratch: Scratch,
    pub a: Ns,
    pub b: Ns,
    pub processes: Processes,
}

/// Makes the pair, where we may.
pub fn pair() -> Option<Pair> {
    let scratch = enter()?;
    let (a, b) = (netns("a"), netns("b"));
    run("ip link add va netns a type veth peer name vb netns b");
    run("ip -n a link set va up");
    run("ip -n b link set vb up");
    for (ns, device, addr) in [("a", "va", "10.9.0.1/24"), ("b", "vb", "10.9.0.2/24"), ("b", "vb", "10.9.0.3/24")] {
        run(&format!("ip -n {ns} addr add {addr} dev {device}"));
    }
    for (ns, device, addr) in [("a", "va", "fd09::1/64"), ("b", "vb", "fd09::2/64"), ("b", "vb", "fd09::3/64")] {
        run(&format!("ip -n {ns} addr add {addr} dev {device} nodad"));
    }
    let processes = Processes::new(scratch.dir.join("log"), scratch.dir.join("netns"), false);
    let pair = Pair { scratch, a, b, processes };
    pair.sysctl(&pair.b, "ipv4/ip_forward", "1");
    pair.sysctl(&pair.b, "ipv6/conf/all/forwarding", "1");
    pair.sysctl(&pair.b, "ipv4/icmp_ratelimit", "0");
    pair.sysctl(&pair.b, "ipv6/icmp/ratelimit", "0");
    Some(pair)
}

impl Pair {
    /// Writes a sysctl of a namespace.
    pub fn sysctl(&self, ns: &Ns, key: &str, value: &str) {
        let write = || Ok(fs::write(format!("/proc/sys/net/{key}"), value));
        self.scratch.spaces.within(ns, write).unwrap().unwrap();
    }

    /// Probes from `a`.
    pub fn ask(&self, probe: &Probe) -> Done<Reply> {
        probe::run(&self.scratch.spaces, &self.a, probe)
    }

    /// Pings from `a`.
    pub fn ping(&self, to: &str, count: u32, timeout: Duration) -> Done<Reply> {
        self.ask(&Probe::Ping { to: to.parse().unwrap(), count, timeout })
    }

    /// Connects from `a`.
    pub fn tcp(&self, to: &str, timeout: Duration) -> Done<Reply> {
        self.ask(&Probe::Tcp { to: to.parse().unwrap(), timeout })
    }

    /// Asks from `a`.
    pub fn udp(&self, to: &str, payload: &str, timeout: Duration) -> Done<Reply> {
        self.ask(&Probe::Udp { to: to.parse().unwrap(), payload: payload.into(), timeout })
    }

    /// Gets from `a`.
    pub fn http(&self, to: &str, path: &str, timeout: Duration) -> Done<Reply> {
        self.ask(&Probe::Http { to: to.parse().unwrap(), host: "web".into(), path: path.into(), timeout })
    }

    /// A listener in `b`. A child that another test has just forked may hold the one before for a moment.
    pub fn listen(&self, addr: &str) -> TcpListener {
        let begin = std::time::Instant::now();
        loop {
            match self.scratch.spaces.within(&self.b, || Ok(TcpListener::bind(addr))).unwrap() {
                Err(e) if e.kind() == std::io::ErrorKind::AddrInUse && begin.elapsed() < Duration::from_secs(2) => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                bound => return bound.unwrap(),
            }
        }
    }
}

/// The error number of a refusal.
pub fn errno<T: std::fmt::Debug>(done: Done<T>) -> Errno {
    Errno::from_raw(done.unwrap_err().number().unwrap())
}

/// Whether it was refused because time ran out.
pub fn is_timeout<T: std::fmt::Debug>(done: Done<T>) -> bool {
    done.unwrap_err().why == Why::Timeout
}
