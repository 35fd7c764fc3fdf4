//! Tracked connections.

use crate::support::{Lab, append, netns, sandbox, sh};
use nix::sched::{CloneFlags, setns};
use rhailab::kernel::linux::conntrack::{self, Addressee};
use rhailab::kernel::linux::netfilter::Backend;
use rhailab::model::family::Family;
use rhailab::model::names::Ns;
use rhailab::model::rules::Table;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// A socket in a named namespace: a scratch thread goes there to open it.
fn udp_in(ns: &str, addr: SocketAddr) -> UdpSocket {
    let path = format!("/run/netns/{ns}");
    let open = move || {
        let there = std::fs::File::open(path).unwrap();
        setns(there, CloneFlags::CLONE_NEWNET).unwrap();
        let socket = UdpSocket::bind(addr).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        socket
    };
    // A thread inherits its parent's mount namespace, in which the name is.
    std::thread::spawn(open).join().unwrap()
}

/// Which of two servers answers a client that keeps its port.
fn who_answers(client: &UdpSocket, vip: SocketAddr, servers: &[(&'static str, &UdpSocket)]) -> &'static str {
    client.send_to(b"?", vip).unwrap();
    let mut buffer = [0; 8];
    for _ in 0..100 {
        for (name, server) in servers {
            server.set_nonblocking(true).unwrap();
            if let Ok((_, from)) = server.recv_from(&mut buffer) {
                server.send_to(b"!", from).unwrap();
                let (_, from) = client.recv_from(&mut buffer).unwrap();
                assert_eq!(from, vip, "the answer comes from the virtual address");
                return name;
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nobody got the packet");
}

fn a_moved_vip_forgets_its_flows(family: Family) {
    if !sandbox() {
        return;
    }
    let (net, bits) = if family == Family::V4 { ("10.8.0.", 24) } else { ("fd08::", 64) };
    let at = |n: u32, port: u16| -> SocketAddr { SocketAddr::new(format!("{net}{n}").parse().unwrap(), port) };
    sh(
        "ip link add br0 type bridge && ip link set br0 up && sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
    );
    sh(&format!("ip addr add {net}1/{bits} dev br0 nodad"));
    for (name, n) in [("one", 11), ("two", 12)] {
        netns(name);
        sh(&format!("ip link add {name} type veth peer name eth0 netns {name} && ip link set {name} master br0 up"));
        sh(&format!("ip -n {name} addr add {net}{n}/{bits} dev eth0 nodad && ip -n {name} link set eth0 up"));
    }
    let mut lab = Lab::new(family, Backend::Nft);
    let vip: SocketAddr = SocketAddr::new(lab.host(1).parse().unwrap(), 53);
    let rule =
        |to: SocketAddr| append("OUTPUT", &format!("-d {} -p udp --dport 53 -j DNAT --to-destination {to}", vip.ip()));
    sh(&format!("ip route add {} dev br0", vip.ip()));
    let old = rule(at(11, 5353));
    let redirect = lab.apply(Table::Nat, vec![old]).unwrap();

    let (one, two) = (udp_in("one", at(11, 5353)), udp_in("two", at(12, 5353)));
    let servers = [("one", &one), ("two", &two)];
    let client = UdpSocket::bind(at(1, 40000)).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    assert_eq!(who_answers(&client, vip, &servers), "one");

    lab.alter(redirect, vec![rule(at(12, 5353))]).unwrap();
    assert_eq!(who_answers(&client, vip, &servers), "one", "the old rule holds on to the flow");

    let flows = conntrack::list(&lab.spaces, &Ns::Host).unwrap();
    let flow = flows.iter().find(|flow| flow.destination == vip).unwrap();
    assert_eq!((flow.protocol, flow.source), (17, client.local_addr().unwrap()));
    assert_eq!((flow.reply_source, flow.reply_destination), (at(11, 5353), client.local_addr().unwrap()));

    // The same port of another address, of which nobody answers.
    let other = SocketAddr::new(lab.host(2).parse().unwrap(), 53);
    sh(&format!("ip route add {} dev br0", other.ip()));
    client.send_to(b"?", other).unwrap();
    let mut forget = |port, protocol| {
        let to = SocketAddr::new(vip.ip(), port);
        lab.netfilter.forget(&lab.spaces, &Ns::Host, &[Addressee { to, protocol }].into()).unwrap();
        let flows = conntrack::list(&lab.spaces, &Ns::Host).unwrap();
        [vip, other].map(|to| flows.iter().filter(|flow| flow.destination == to).count())
    };
    assert_eq!([forget(54, 17), forget(53, 6)], [[1, 1]; 2], "other ports and protocols are left");
    assert_eq!(who_answers(&client, vip, &servers), "one");
    assert_eq!(forget(53, 17), [0, 1]);
    assert_eq!(who_answers(&client, vip, &servers), "two");
    assert_eq!(forget(53, 17), [0, 1]);
    assert_eq!(forget(53, 17), [0, 1]);
}

#[test]
fn a_moved_vip_forgets_its_flows_v4() {
    a_moved_vip_forgets_its_flows(Family::V4);
}

#[test]
fn a_moved_vip_forgets_its_flows_v6() {
    a_moved_vip_forgets_its_flows(Family::V6);
}

#[test]
fn a_namespace_without_traffic_has_no_flows() {
    if !sandbox() {
        return;
    }
    let mut lab = Lab::new(Family::V4, Backend::Nft);
    let ns = netns("quiet");
    assert_eq!(conntrack::list(&lab.spaces, &ns).unwrap(), []);
    let to = "10.0.0.1:80".parse().unwrap();
    lab.netfilter.forget(&lab.spaces, &ns, &[Addressee { to, protocol: 6 }].into()).unwrap();
}
