//! Labs, and what breaks them.

/// A client and a server, with a router between them.
pub const ROUTED: &str = r#"let client = netns("client");
let r = netns("r");
let server = netns("server");
let left = client.veth("eth0", "left", r);
left.a.addr("10.0.1.2/24").up();
left.b.addr("10.0.1.1/24").up();
let right = server.veth("eth0", "right", r);
right.a.addr("10.0.2.2/24").up();
right.b.addr("10.0.2.1/24").up();
client.route("default", "10.0.1.1");
server.route("default", "10.0.2.1");
r.ip_forward(true);
server.http_serve(80, "hello");
"#;

/// A client and a server on a bridge, with a virtual address.
pub const BRIDGED: &str = r#"let br = bridge("br0").addr("10.0.0.1/24").up();
let client = netns("client");
let server = netns("server");
client.attach(br, "10.0.0.2/24");
server.attach(br, "10.0.0.3/24");
ip_forward(true);
server.http_serve(80, "hello");
"#;

/// A lab that is broken.
pub struct Broken {
    pub name: &'static str,
    /// The lab in order, and what is replaced in it; by a line added at its end where that is empty.
    pub lab: &'static str,
    pub breaks: (&'static str, &'static str),
    pub to: &'static str,
    /// What `why` must say: the code, the namespace, words of the reason.
    pub stops: (&'static str, &'static str, &'static str),
    /// The recipe line to blame; none where something is missing that was never there.
    pub blames: Option<&'static str>,
    pub missing: &'static str,
}

pub const ROUTED_TO: &str = "10.0.2.2:80";

pub const LABS: &[Broken] = &[
    Broken {
        name: "no forwarding",
        lab: ROUTED,
        breaks: ("r.ip_forward(true);\n", ""),
        to: ROUTED_TO,
        stops: ("forwarding", "r", "net.ipv4.ip_forward is 0"),
        blames: None,
        missing: "ns(\"r\").ip_forward(true);",
    },
    Broken {
        name: "no way back",
        lab: ROUTED,
        breaks: ("server.route(\"default\", \"10.0.2.1\");\n", ""),
        to: ROUTED_TO,
        stops: ("no_route", "server", "there is no way back to 10.0.1.2"),
        blames: None,
        missing: "ns(\"server\").route(\"default\", \"10.0.2.1\");",
    },
    Broken {
        name: "policy DROP",
        lab: ROUTED,
        breaks: ("", "r.policy(\"FORWARD\", \"DROP\");\n"),
        to: ROUTED_TO,
        stops: ("rule", "r", "the policy of the chain FORWARD"),
        blames: Some("r.policy("),
        missing: "ns(\"r\").forward(\"left\", \"right\");",
    },
    Broken {
        name: "a rule that drops",
        lab: ROUTED,
        breaks: ("", "r.iptables(\"-A FORWARD -p tcp --dport 80 -j DROP\");\n"),
        to: ROUTED_TO,
        stops: ("rule", "r", "-p tcp -m tcp --dport 80 -j DROP"),
        blames: Some("r.iptables("),
        missing: "ns(\"r\").forward(\"left\", \"right\", #{ first: true });",
    },
    Broken {
        name: "wrong gateway",
        lab: ROUTED,
        breaks: ("\"default\", \"10.0.1.1\"", "\"default\", \"10.0.1.9\""),
        to: ROUTED_TO,
        stops: ("gateway", "client", "nobody on the link of eth0 has the router's address 10.0.1.9"),
        blames: Some("client.route("),
        missing: "ns(\"client\").del_route(\"default\"); ns(\"client\").route(\"default\", \"10.0.1.1\");",
    },
    Broken {
        name: "link down",
        lab: ROUTED,
        breaks: ("", "left.a.down();\n"),
        to: ROUTED_TO,
        stops: ("link_down", "client", "its interface eth0 is down"),
        blames: Some("left.a.down()"),
        missing: "ns(\"client\").iface(\"eth0\").up();",
    },
    Broken {
        name: "peer down",
        lab: ROUTED,
        breaks: ("left.b.addr(\"10.0.1.1/24\").up();", "left.b.addr(\"10.0.1.1/24\");"),
        to: ROUTED_TO,
        stops: ("link_down", "r", "the interface left is down"),
        blames: Some("client.veth("),
        missing: "ns(\"r\").iface(\"left\").up();",
    },
    Broken {
        name: "rp_filter",
        lab: ROUTED,
        breaks: (
            "client.route(\"default\", \"10.0.1.1\");",
            "let second = client.veth(\"eth1\", \"left2\", r);
second.a.addr(\"10.0.3.2/24\").up();
second.b.addr(\"10.0.3.1/24\").up();
client.route(\"default\", \"10.0.3.1\");
r.route(\"10.0.3.2/32\", \"10.0.1.2\");
r.sysctl(\"net.ipv4.conf.all.rp_filter\", 1);",
        ),
        to: ROUTED_TO,
        stops: ("rp_filter", "r", "comes in by left2, but the way back is by left (net.ipv4.conf.all.rp_filter)"),
        blames: Some("r.sysctl("),
        missing: "ns(\"r\").sysctl(\"net.ipv4.conf.all.rp_filter\", 0);",
    },
    Broken {
        name: "no listener",
        lab: ROUTED,
        breaks: ("server.http_serve(80, \"hello\");\n", ""),
        to: ROUTED_TO,
        stops: ("listener", "server", "nothing listens on tcp port 80"),
        blames: None,
        missing: "ns(\"server\").http_serve(80);",
    },
    Broken {
        name: "wrong DNAT port",
        lab: ROUTED,
        breaks: ("", "r.dnat(\"10.0.1.1:80\", \"10.0.2.2:8080\");\n"),
        to: "10.0.1.1:80",
        stops: ("listener", "server", "nothing listens on tcp port 8080; a server listens on 80"),
        blames: Some("r.dnat("),
        missing: "ns(\"r\").dnat(\"10.0.1.1:80\", \"10.0.2.2:80\");",
    },
    Broken {
        name: "wrong port of a virtual IP",
        lab: BRIDGED,
        breaks: ("", "vip(\"10.9.0.1:80\", [\"10.0.0.3:8080\"]);\n"),
        to: "10.9.0.1:80",
        stops: ("listener", "server", "nothing listens on tcp port 8080; a server listens on 80"),
        blames: Some("vip("),
        missing: "host().vip(\"10.9.0.1:80\", [\"10.0.0.3:80\"]);",
    },
    Broken {
        name: "virtual address without hairpin",
        lab: BRIDGED,
        breaks: ("", "dnat(\"10.9.0.1:80\", \"10.0.0.3:80\");\n"),
        to: "10.9.0.1:80",
        stops: ("hairpin", "host", "the answer reaches `client` from 10.0.0.3:80, which had asked 10.9.0.1:80"),
        blames: Some("dnat("),
        missing: "host().masquerade(\"10.0.0.0/24\");",
    },
    Broken {
        name: "MTU black hole",
        lab: ROUTED,
        breaks: ("", "right.b.mtu(1400);\nr.iptables(\"-A OUTPUT -p icmp -j DROP\");\n"),
        to: ROUTED_TO,
        stops: ("mtu", "r", "those of more than 1400 bytes vanish at right"),
        blames: Some("right.b.mtu("),
        missing: "ns(\"r\").iface(\"right\").mtu(1500);",
    },
    Broken {
        name: "MTU of a bridge port",
        lab: BRIDGED,
        breaks: ("", "iface(\"v-server\").mtu(1300);\n"),
        to: "10.0.0.3:80",
        stops: ("mtu", "host", "those of more than 1300 bytes vanish at v-server"),
        blames: Some("iface(\"v-server\").mtu("),
        missing: "host().iface(\"v-server\").mtu(1500);",
    },
    Broken {
        name: "subnet mask too wide",
        lab: ROUTED,
        breaks: ("left.a.addr(\"10.0.1.2/24\")", "left.a.addr(\"10.0.1.2/16\")"),
        to: ROUTED_TO,
        stops: ("mask", "client", "because of the subnet of its address 10.0.1.2/16"),
        blames: Some("left.a.addr("),
        missing: "ns(\"client\").iface(\"eth0\").del_addr(\"10.0.1.2/16\"); ns(\"client\").iface(\"eth0\").addr(\"10.0.1.2/24\");",
    },
    Broken {
        name: "subnet mask too narrow",
        lab: BRIDGED,
        breaks: (
            "client.attach(br, \"10.0.0.2/24\");",
            "client.attach(br, \"10.0.0.5/30\", #{ default_route: false });",
        ),
        to: "10.0.0.3:80",
        stops: ("mask", "client", "it is on the link of eth0, but not in the subnet of its address 10.0.0.5/30"),
        blames: Some("client.attach("),
        missing: "ns(\"client\").iface(\"eth0\").del_addr(\"10.0.0.5/30\"); ns(\"client\").iface(\"eth0\").addr(\"10.0.0.5/24\");",
    },
    Broken {
        name: "a firewall of the server's",
        lab: BRIDGED,
        breaks: ("", "server.iptables(\"-A INPUT -p tcp --dport 80 -j REJECT\");\n"),
        to: "10.0.0.3:80",
        stops: ("rule", "server", "is rejected by the rule"),
        blames: Some("server.iptables("),
        missing: "ns(\"server\").iptables(\"-I INPUT -p tcp --dport 80 -j ACCEPT\");",
    },
    Broken {
        name: "a bridge that is down",
        lab: BRIDGED,
        breaks: (".addr(\"10.0.0.1/24\").up();", ".addr(\"10.0.0.1/24\");"),
        to: "10.0.0.3:80",
        stops: ("link_down", "host", "the interface br0 is down"),
        blames: Some("bridge("),
        missing: "host().iface(\"br0\").up();",
    },
    Broken {
        name: "IPv6 without forwarding",
        lab: IPV6,
        breaks: ("r.ip_forward(true, #{ ipv6: true });\n", ""),
        to: "[fd00:2::2]:80",
        stops: ("forwarding", "r", "net.ipv6.conf.all.forwarding is 0"),
        blames: None,
        missing: "ns(\"r\").ip_forward(true, #{ ipv6: true });",
    },
    Broken {
        name: "an IPv6 router without link-local addresses",
        lab: IPV6,
        breaks: (", #{ link_local: true }", ""),
        to: "[fd00:2::2]:80",
        stops: ("link_local", "r", "right has no link-local address"),
        blames: Some("server.veth("),
        missing: "ns(\"r\").iface(\"right\").addr(\"fe80::1/64\");",
    },
];

pub const IPV6: &str = r#"let client = netns("client");
let r = netns("r", #{ link_local: true });
let server = netns("server");
let left = client.veth("eth0", "left", r);
left.a.addr("fd00:1::2/64").up();
left.b.addr("fd00:1::1/64").up();
let right = server.veth("eth0", "right", r);
right.a.addr("fd00:2::2/64").up();
right.b.addr("fd00:2::1/64").up();
client.route("default", "fd00:1::1");
server.route("default", "fd00:2::1");
r.ip_forward(true, #{ ipv6: true });
server.http_serve(80, "hello");
"#;
