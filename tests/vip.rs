//! Virtual IPs with real packets: who reaches them, and what they share.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod machine;
mod scratch;
mod support;

use machine::{assert_same, state};
use rhailab::kernel::linux::{conntrack, spaces::Spaces};
use rhailab::model::names::Ns;
use support::{Home, User};

/// Two web servers on a bridge, each with a name; nobody masquerades their subnet.
const WEBS: &str = r#"
let br = bridge("br0").addr("10.0.0.1/24").addr("fd00::1/64").up();
for i in 1..=2 {
    let web = netns("web" + i);
    web.attach(br, `10.0.0.1${i}/24`, #{ name: "eth0" });
    web.iface("eth0").addr(`fd00::1${i}/64`);
    web.route("default", "fd00::1");
    web.http_serve(8080, "web" + i);
}
ip_forward(true, #{ ipv6: true });
"#;

#[test]
fn they_are_reached_from_everywhere_whether_or_not_bridged_frames_pass_iptables() {
    let recipe = format!(
        r#"{WEBS}
        for at in [["10.100.0.1", "10.0.0.1"], ["[fd00:100::1]", "[fd00::1"]] {{
            let close = if at[0].contains(":") {{ "]:8080" }} else {{ ":8080" }};
            let v = vip(at[0] + ":80", [at[1] + "1" + close]);
            for wanted in ["web1", "web2"] {{
                for client in [host(), ns("web1"), ns("web2")] {{
                    let body = client.http_get(`http://${{at[0]}}/`).body;
                    assert_eq(body, wanted, `${{client.name}} to ${{at[0]}}`);
                }}
                v.retarget([at[1] + "2" + close]);
            }}
        }}"#
    );
    for bridged in [false, true] {
        let run = || {
            let Some(machine) = machine::enter(bridged) else { return };
            let before = state();
            machine.home.write("test.rhai", &recipe);
            let ran = machine.home.run(&["run", "--host", "-q", "test.rhai"]);
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "bridged frames pass iptables: {bridged}");
            assert_same("it left something, or took it", &before, &state());
        };
        std::thread::scope(|scope| scope.spawn(run).join()).unwrap();
    }
}

#[test]
fn a_port_keeps_hairpin_for_the_virtual_ips_that_stay() {
    let Some(machine) = machine::enter(true) else { return };
    let recipe = format!(
        r#"{WEBS}
        let hairpins = || sh("bridge -d link | grep -c 'hairpin on' | tr -d '\\n'").stdout;
        let off = vip("10.100.0.9:80", ["10.0.0.11:8080"], #{{ hairpin: false }});
        print(hairpins.call());
        let gone = vip("10.100.0.1:80", ["10.0.0.11:8080"]);
        let stays = vip("10.100.0.2:80", ["10.0.0.11:8080"]);
        gone.del();
        print(hairpins.call());
        print(ns("web1").http_get("http://10.100.0.2/").body);"#
    );
    machine.home.write("test.rhai", &recipe);
    assert_eq!(machine.home.run(&["run", "--host", "-q", "test.rhai"]).assert_well(), "0\n1\nweb1\n");
}

#[test]
fn the_route_to_an_address_stays_for_the_other_virtual_ips_that_have_it() {
    let recipe = format!(
        r#"{WEBS}
        let one = vip("10.100.0.1:80", ["10.0.0.11:8080"]);
        let other = vip("10.100.0.1:81", ["10.0.0.12:8080"]);
        one.del();
        print(http_get("http://10.100.0.1:81/").body);
        let alone = vip("10.100.0.3:80", ["10.0.0.12:8080"]);
        alone.del();
        print(sh("ip route show 10.100.0.3").stdout + "no route");"#
    );
    assert_eq!(Home::new(User::Me).recipe(&recipe), "web2\nno route\n");
}

#[test]
fn the_connections_of_a_removed_one_are_forgotten_and_no_others() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    // The connections stay tracked for two minutes after they were closed.
    let flows = || -> Vec<String> {
        let all = conntrack::list(&Spaces::new().unwrap(), &Ns::Host).unwrap();
        // The kernel itself reports what groups it is in (IGMP), a random while after an interface is up.
        let flows = all.iter().map(|flow| flow.destination).filter(|to| !to.ip().is_multicast());
        let mut ports: Vec<String> = flows.map(|to| to.to_string()).collect();
        ports.sort();
        ports.dedup();
        ports
    };
    let direct = "http_get(\"http://10.0.0.11:8080/\");";
    home.write(
        "test.rhai",
        &format!(
            r#"{WEBS}
            dnat("10.100.0.1:79", "10.0.0.11:8080");
            for port in [80, 81] {{
                let v = vip(`10.100.0.1:${{port}}`, ["10.0.0.11:8080"]);
                http_get(`http://10.100.0.1:${{port}}/`);
                if port == 80 {{ v.del(); }}
            }}
            ns("web1").http_get("http://10.100.0.1:79/");
            {direct}"#
        ),
    );
    home.run(&["up", "--host", "-q", "test.rhai"]).assert_well();
    assert_eq!(flows(), ["10.0.0.11:8080", "10.100.0.1:79", "10.100.0.1:81"], "80 was deleted");
    home.run(&["down", "-q", "test"]).assert_well();
    assert_eq!(flows(), ["10.0.0.11:8080"]);
}
