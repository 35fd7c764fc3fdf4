//! Recipes that are well written and ask for what cannot be.

use super::{Case, all_fail_well};

#[test]
fn something_is_there_already() {
    let case = |what, recipe, line, blamed, says, help| Case { what, recipe, code: 1, line, blamed, says, help };
    all_fail_well(&[
        case(
            "a namespace",
            "let a = netns(\"web\");\nbridge(\"br0\");\nnetns(\"web\");\n",
            3,
            "netns(\"web\")",
            &["Namespace `web` already exists.", "made here before", "ip netns add web"],
            "Pick another name, or take the one that is there: `ns(\"web\")`.",
        ),
        case(
            "an interface",
            "let a = netns(\"a\");\na.bridge(\"br0\");\na.bridge(\"br0\");\n",
            3,
            "a.bridge(\"br0\")",
            &["Interface `br0` already exists in namespace `a`.", "made here before", "File exists"],
            "Pick another name, or take the one that is there: `ns(\"a\").iface(\"br0\")`.",
        ),
        case(
            "an interface that is not ours",
            "netns(\"a\").bridge(\"lo\");\n",
            1,
            "netns(\"a\").bridge(\"lo\")",
            &["Interface `lo` already exists in namespace `a`. It is not this recipe's."],
            "Pick another name. What this recipe did not make is never taken over.",
        ),
        case(
            "a second attachment",
            "let br = bridge(\"br0\").addr(\"10.0.0.1/24\").up();\nlet w = netns(\"w\");\nw.attach(br, \"10.0.0.2/24\");\nw.attach(br, \"10.0.0.3/24\");\n",
            4,
            "w.attach(br, \"10.0.0.3/24\")",
            &["Interface `v-w` already exists", "; …"],
            "To attach a namespace twice",
        ),
        case(
            "an address",
            "bridge(\"br0\").addr(\"10.0.0.1/24\").addr(\"10.0.0.1/24\");\n",
            1,
            "addr",
            &["Interface `br0` in the lab's root namespace already has 10.0.0.1/24.", "made here before"],
            "Give it another address",
        ),
        case(
            "a route",
            "bridge(\"br0\").addr(\"10.0.0.1/24\").up();\nroute(\"10.1.0.0/16\", \"10.0.0.2\");\nroute(\"10.1.0.0/16\", \"10.0.0.3\");\n",
            3,
            "route(\"10.1.0.0/16\", \"10.0.0.3\")",
            &["There is already a route to 10.1.0.0/16"],
            "Give this one another metric",
        ),
        case(
            "a file",
            "let a = netns(\"a\");\na.dns([\"192.0.2.1\"]);\na.dns([\"192.0.2.2\"]);\n",
            3,
            "a.dns([\"192.0.2.2\"])",
            &["/etc/netns/a/resolv.conf already exists."],
            "Say everything in one call.",
        ),
        case(
            "a virtual IP",
            "vip(\"10.100.0.1:80\", [\"10.0.0.2:80\"]);\nvip(\"10.100.0.1:80\", [\"10.0.0.3:80\"]);\n",
            2,
            "vip(\"10.100.0.1:80\", [\"10.0.0.3:80\"])",
            &["There is already a virtual IP with the chain `VIP-10.100.0.1-80`", "made here before"],
            "Move that one with `.retarget(…)`",
        ),
        case(
            "a process",
            "start(\"sleep 1000\", #{ name: \"x\" });\nstart(\"sleep 1000\", #{ name: \"x\" });\n",
            2,
            "name: \"x\"",
            &["There is already a process called `x`."],
            "Give this one another `name`.",
        ),
        case(
            "two ends of one name",
            "\nveth(\"a\", \"a\");\n",
            2,
            "\"a\"",
            &["Both ends", "`a`"],
            "Give each its own name",
        ),
    ]);
}

#[test]
fn addresses_that_do_not_fit() {
    let case = |what, recipe, line, blamed, says, help| Case { what, recipe, code: 2, line, blamed, says, help };
    // What is told only when it is reached.
    let late =
        |what, recipe, line, blamed, says, help| Case { code: 1, ..case(what, recipe, line, blamed, says, help) };
    all_fail_well(&[
        case(
            "outside the subnet",
            "let br = bridge(\"br0\").addr(\"10.0.0.1/24\").up();\nnetns(\"web\").attach(br, \"10.0.1.2/24\");\n",
            2,
            "\"10.0.1.2/24\"",
            &["The address 10.0.1.2/24 is in none of the subnets of bridge `br0`."],
            "The bridge has 10.0.0.0/24.",
        ),
        case(
            "a host that the subnet does not have",
            "let lan = subnet(\"10.0.0.0/29\");\nbridge(\"br0\").addr(lan.host(9));\n",
            2,
            "9",
            &["The subnet 10.0.0.0/29 has no host number 9."],
            "Its hosts have the numbers 1 to 6.",
        ),
        case(
            "no prefix",
            "\nbridge(\"b\").addr(\"10.0.0.1\");\n",
            2,
            "\"10.0.0.1\"",
            &["no prefix length"],
            "Add the length",
        ),
        case("host bits", "\nsubnet(\"10.0.0.1/24\");\n", 2, "\"10.0.0.1/24\"", &["not the subnet"], "The subnet is"),
        case(
            "no address",
            "\nping(\"10.0.0.256\");\n",
            2,
            "\"10.0.0.256\"",
            &["not an IPv4 or IPv6"],
            "IPv4 addresses are",
        ),
        late(
            "an IPv6 gateway of an IPv4 route",
            "let web = netns(\"web\");\nweb.route(\"10.9.0.0/16\", \"fd00::1\");\n",
            2,
            "\"fd00::1\"",
            &["The destination 10.9.0.0/16 is IPv4, and the gateway fd00::1 is IPv6."],
            "Both must be of one family.",
        ),
        late(
            "an IPv6 backend of an IPv4 address",
            "let web = netns(\"web\");\nvip(\"10.100.0.1:80\", [\"[fd00::2]:80\"]);\n",
            2,
            "[\"[fd00::2]:80\"]",
            &["10.100.0.1 is IPv4 and fd00::2 is IPv6"],
            "Use addresses of one family",
        ),
        late(
            "no backend",
            "let web = netns(\"web\");\nvip(\"10.100.0.1:80\", []);\n",
            2,
            "[]",
            &["The virtual IP 10.100.0.1:80 has no backend."],
            "Give at least one",
        ),
        case(
            "port 65536 of a virtual IP",
            "let web = netns(\"web\");\nvip(\"10.100.0.1:65536\", [\"10.0.0.2:80\"]);\n",
            2,
            "\"10.100.0.1:65536\"",
            &["65536 is not a port"],
            "Ports are numbers from 1 to 65535.",
        ),
        late(
            "a gateway that is not there",
            "let web = netns(\"web\");\nweb.route(\"default\", \"10.0.0.1\");\n",
            2,
            "\"10.0.0.1\"",
            &["The gateway 10.0.0.1 is not on any subnet of namespace `web`.", "Nexthop has invalid gateway"],
            "Give an interface there an address",
        ),
        late(
            "ports of what is no bridge",
            "let p = veth(\"a\", \"b\");\nnetns(\"w\").attach(p.a, \"10.0.0.3/24\");\n",
            2,
            "p.a",
            &["Interface `a` in the lab's root namespace is not a bridge"],
            "Make a bridge",
        ),
    ]);
}

#[test]
fn processes_that_do_not_do_what_they_should() {
    let case = |what, recipe, blamed, says, help| Case { what, recipe, code: 1, line: 2, blamed, says, help };
    all_fail_well(&[
        case(
            "it dies at once",
            "let web = netns(\"web\");\nweb.start([\"sh\", \"-c\", \"echo no luck >&2; exit 3\"]).wait_tcp(8080);\n",
            "web.start([\"sh\", \"-c\", \"echo no luck >&2; exit 3\"]).wait_tcp(8080)",
            &["in `web` ended with status 3 before it could accept connections on port 8080.", "no luck"],
            "The last that it printed is above",
        ),
        case(
            "it dies without a word",
            "let web = netns(\"web\");\nweb.start(\"false\").wait_tcp(8080);\n",
            "web.start(\"false\").wait_tcp(8080)",
            &["ended with status 1"],
            "It printed nothing.",
        ),
        case(
            "it does not listen",
            "let p = start(\"sleep 1000\");\np.wait_tcp(80, \"100ms\");\n",
            "p.wait_tcp(80, \"100ms\")",
            &["did not accept connections on port 80 within 100ms."],
            "Give it more time",
        ),
        case(
            "its port is taken by another program",
            "let w = netns(\"web\"); w.start(\"python3 -m http.server 8080\").wait_tcp(8080);\nw.http_serve(8080);\n",
            "8080",
            &["Port 8080 of `web` is taken.", "Address already in use"],
            "Choose another port",
        ),
        case(
            "its port is taken by another of ours",
            "let w = netns(\"web\"); w.http_serve(8080);\nw.http_serve(8080);\n",
            "8080",
            &["Port 8080 of `web` is taken.", "a server was started here"],
            "Choose another port",
        ),
        case(
            "no such program",
            "let w = netns(\"web\");\nw.start(\"no-such-program --port 1\");\n",
            "w.start(\"no-such-program --port 1\")",
            &["There is no program `no-such-program` on this machine."],
            "Install it, or give its full path.",
        ),
        case(
            "no program",
            "let w = netns(\"web\");\nw.exec(\"/etc/passwd\");\n",
            "w.exec(\"/etc/passwd\")",
            &["`/etc/passwd` may not be executed."],
            "Check its permissions",
        ),
        case(
            "no interpreter",
            "sh(\"echo '#!/no/such' > /run/script; chmod +x /run/script\");\nexec(\"/run/script\");\n",
            "exec(\"/run/script\")",
            &["`/run/script` is there, but the interpreter"],
            "Look at its first line",
        ),
        case(
            "it fails",
            "let w = netns(\"web\");\nw.exec([\"sh\", \"-c\", \"echo oops >&2; exit 7\"]);\n",
            "w.exec([\"sh\", \"-c\", \"echo oops >&2; exit 7\"])",
            &["in `web` ended with status 7.", "oops"],
            "To go on whatever the status is",
        ),
        case(
            "a shell was wanted",
            "let w = netns(\"web\");\nw.exec(\"ls / | wc -l\");\n",
            "w.exec(\"ls / | wc -l\")",
            &["ended with status 2"],
            "There is no shell between, so `|` was an argument",
        ),
        case(
            "it takes too long",
            "let w = netns(\"web\");\nw.exec(\"sleep 1000\", #{ timeout: \"50ms\" });\n",
            "timeout: \"50ms\"",
            &["took longer than 50ms and was killed."],
            "Give it more time",
        ),
        Case { code: 2, ..case("nothing to run", "\nexec([]);\n", "[]", &["an empty command"], "Name a program") },
    ]);
}

#[test]
fn packets_that_do_not_arrive_and_rules_that_iptables_refuses() {
    let case = |what, recipe, blamed, says, help| Case { what, recipe, code: 1, line: 2, blamed, says, help };
    all_fail_well(&[
        case(
            "no route",
            "let a = netns(\"a\");\na.ping(\"10.9.9.9\");\n",
            "a.ping(\"10.9.9.9\")",
            &["Ping of 10.9.9.9 from `a`: `a` has no route there."],
            "It stops in `a`: there is no route to 10.9.9.9. Give it an address in that subnet, or a route",
        ),
        case(
            "nobody listens",
            "let a = netns(\"a\");\na.tcp_connect(\"127.0.0.1:80\");\n",
            "a.tcp_connect(\"127.0.0.1:80\")",
            &["the connection was refused."],
            "It stops in `a`: nothing listens on tcp port 80. Missing: `ns(\"a\").http_serve(80);`",
        ),
        case(
            "nobody answers",
            "let a = netns(\"a\"); let b = netns(\"b\"); link(a, b, \"10.0.0.0/24\"); b.iptables(\"-A INPUT -j DROP\");\na.ping(\"10.0.0.2\", #{ count: 1, timeout: \"50ms\" });\n",
            "a.ping(\"10.0.0.2\", #{ count: 1, timeout: \"50ms\" })",
            &["no answer came."],
            "It stops in `b`: 10.0.0.1 to 10.0.0.2 is dropped by the rule `-A INPUT -j DROP` in the table filter",
        ),
        case(
            "a broadcast address",
            "let a = netns(\"a\"); let b = netns(\"b\"); link(a, b, \"10.0.0.0/30\");\na.ping(\"10.0.0.3\");\n",
            "a.ping(\"10.0.0.3\")",
            &["the kernel does not let it out."],
            "It may be the broadcast address",
        ),
        case(
            "a rule with a mistake",
            "let a = netns(\"a\");\na.iptables(\"-A INPUT -p tcpp -j ACCEPT\");\n",
            "a.iptables(\"-A INPUT -p tcpp -j ACCEPT\")",
            &["refused the rule in namespace `a`: unknown protocol \"tcpp\" specified."],
            "None of the rules of this call was set.",
        ),
        case(
            "what cannot be undone",
            "let a = netns(\"a\");\na.iptables(\"-F INPUT\");\n",
            "\"-F INPUT\"",
            &["it does not take `-F`."],
            "To delete a rule that the recipe made",
        ),
        case(
            "a sysctl of the whole machine",
            "let a = netns(\"a\");\na.sysctl(\"kernel.pid_max\", 100000);\n",
            "\"kernel.pid_max\"",
            &["belongs to the whole machine"],
            "rhailab reads and sets those that begin with `net.`.",
        ),
        case(
            "a sysctl with a wrong value",
            "let a = netns(\"a\");\na.sysctl(\"net.ipv4.ip_forward\", \"banana\");\n",
            "\"banana\"",
            &["does not take that value."],
            "Read the present one",
        ),
    ]);
}
