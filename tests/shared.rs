//! What several labs on one machine share: the last one out restores what was there before the first.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod machine;
mod scratch;
mod support;

use machine::{Machine, assert_same, state};
use std::fs;
use support::{Home, Ran, eventually};

const FORWARD: &str = "net/ipv4/ip_forward";

fn set(key: &str, value: &str) {
    fs::write(format!("/proc/sys/{key}"), value).unwrap();
}

fn get(key: &str) -> String {
    fs::read_to_string(format!("/proc/sys/{key}")).unwrap().trim().to_owned()
}

/// A machine with bridged frames kept from iptables, and labs `a`, `b`, `c` that forward.
fn machine() -> Option<Machine> {
    let machine = machine::enter(false)?;
    for lab in ["a", "b", "c"] {
        machine.home.write(&format!("{lab}.rhai"), "ip_forward(true);");
    }
    Some(machine)
}

fn up(home: &Home, lab: &str) {
    home.run(&["up", "--host", "-q", &format!("{lab}.rhai")]).assert_well();
}

fn down(home: &Home, lab: &str) -> Ran {
    let ran = home.run(&["down", "-v", lab]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    ran
}

#[test]
fn the_last_lab_out_restores_what_was_before_the_first() {
    let Some(machine) = machine() else { return };
    let home = &machine.home;
    for first in ["0", "1"] {
        set(FORWARD, first);
        let before = state();
        for order in [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]] {
            for lab in ["a", "b", "c"] {
                up(home, lab);
            }
            for lab in order {
                assert_eq!(get(FORWARD), "1", "`{lab}` still needs it");
                let said = down(home, lab).err;
                let is_last = lab == order[2];
                assert_eq!(said.contains("net.ipv4.ip_forward = 1"), first == "0" && !is_last, "{said}");
            }
            assert_same(&format!("{order:?} from {first}"), &before, &state());
        }
    }
}

#[test]
fn a_value_that_somebody_else_set_since_is_left_and_reported() {
    let Some(machine) = machine() else { return };
    let home = &machine.home;
    home.write("a.rhai", "sysctl(\"net.ipv4.ip_default_ttl\", 77);");
    home.write("b.rhai", "sysctl(\"net.ipv4.ip_default_ttl\", 77);");
    let ttl = "net/ipv4/ip_default_ttl";
    up(home, "a");
    up(home, "b");
    set(ttl, "99");
    assert!(down(home, "a").err.contains("`b` needs"));
    let said = down(home, "b").err;
    assert!(said.contains("net.ipv4.ip_default_ttl was set to 99 meanwhile"), "{said}");
    assert_eq!(get(ttl), "99");
    // And nothing of it is remembered.
    up(home, "a");
    assert_eq!(get(ttl), "77");
    down(home, "a");
    assert_eq!(get(ttl), "99");
}

#[test]
fn labs_must_agree_on_a_value_and_one_may_change_its_mind() {
    let Some(machine) = machine() else { return };
    let home = &machine.home;
    let before = state();
    up(home, "a");
    home.write("off.rhai", "netns(\"web\");\nip_forward(false);");
    let complaint = home.run(&["up", "--host", "-q", "off.rhai"]).assert_fails(1);
    assert!(complaint.contains("sysctl::held") && complaint.contains("`a` set it to 1"), "{complaint}");
    assert_eq!(get(FORWARD), "1");
    down(home, "a");
    assert_same("after a conflict", &before, &state());

    let many = "sysctl(\"net.ipv4.ip_default_ttl\", 70);\nsysctl(\"net.ipv4.ip_default_ttl\", 71);\n\
                try { sysctl(\"net.ipv4.ip_default_ttl\", 999); } catch {}\nassert_eq(sysctl(\"net.ipv4.ip_default_ttl\"), \"71\");";
    home.write("many.rhai", many);
    home.run(&["run", "--host", "-q", "many.rhai"]).assert_well();
    assert_same("a lab with two values", &before, &state());
}

#[test]
fn what_the_kernel_sets_along_with_the_switch_is_restored_too() {
    let Some(machine) = machine() else { return };
    let home = &machine.home;
    machine::lines(&["ip", "link", "add", "lan0", "type", "bridge"]);
    machine::lines(&["ip", "link", "add", "lan1", "type", "bridge"]);
    // As an administrator may have it: one interface forwards, and redirects are not heeded.
    set("net/ipv4/conf/lan0/forwarding", "1");
    set("net/ipv4/conf/all/accept_redirects", "0");
    set("net/ipv6/conf/lan1/forwarding", "1");
    let before = state();
    home.write("a.rhai", "ip_forward(true, #{ ipv6: true });");
    up(home, "a");
    assert_eq!(get("net/ipv4/conf/lan1/forwarding"), "1");
    up(home, "b");
    down(home, "a");
    down(home, "b");
    assert_same("after both", &before, &state());
    // Interface by interface nothing else is touched.
    home.write("c.rhai", "ip_forward(true, #{ links: [iface(\"lan0\"), iface(\"lan1\")] });");
    up(home, "c");
    assert_eq!([get(FORWARD), get("net/ipv4/conf/lan1/forwarding")], ["0", "1"]);
    down(home, "c");
    assert_same("interface by interface", &before, &state());
}

#[test]
fn a_killed_lab_is_counted_out_when_it_is_recovered() {
    let Some(machine) = machine() else { return };
    let home = &machine.home;
    let before = state();
    home.write("a.rhai", "ip_forward(true);\nprint(\"ready\");\nsleep(\"100s\");");
    let mut running = support::Running::until(home.rhailab(&["run", "--host", "-q", "--no-guard", "a.rhai"]), "ready");
    up(home, "b");
    running.signal("KILL");
    running.0.wait().unwrap();
    home.run(&["recover", "-q"]).assert_well();
    assert_eq!(get(FORWARD), "1", "`b` needs it");
    down(home, "b");
    assert_same("after both", &before, &state());

    // A lab whose folder somebody removed is not waited for.
    up(home, "b");
    let mut running = support::Running::until(home.rhailab(&["run", "--host", "-q", "--no-guard", "a.rhai"]), "ready");
    running.signal("KILL");
    running.0.wait().unwrap();
    fs::remove_dir_all(home.path("state/labs/a")).unwrap();
    down(home, "b");
    assert_same("one was forgotten", &before, &state());
}

#[test]
fn each_lab_has_its_own_rules_though_they_be_equal() {
    let Some(machine) = machine() else { return };
    let home = &machine.home;
    machine::lines(&["ip", "link", "add", "lan0", "type", "bridge"]);
    for lab in ["a", "b"] {
        let text = "forward(iface(\"lan0\"));\nmasquerade(\"10.0.0.0/24\");\nip_forward(true);\n\
                    sysctl(\"net.bridge.bridge-nf-call-iptables\", 1);";
        home.write(&format!("{lab}.rhai"), text);
    }
    let count = || machine::lines(&["iptables-save"]).iter().filter(|line| line.starts_with("-A")).count();
    let bridged = || get("net/bridge/bridge-nf-call-iptables");
    let before = state();
    up(home, "a");
    up(home, "b");
    assert_eq!((count(), bridged().as_str()), (6, "1"));
    down(home, "a");
    assert_eq!((count(), bridged().as_str(), get(FORWARD).as_str()), (3, "1", "1"));
    down(home, "b");
    assert_eq!(count(), 0);
    assert_same("after both", &before, &state());
}

#[test]
fn many_labs_at_once_are_counted_right() {
    let Some(machine) = machine() else { return };
    let home = &machine.home;
    let before = state();
    let labs: Vec<String> = (0..12).map(|n| format!("lab{n}")).collect();
    for _ in 0..3 {
        let each = |words: &dyn Fn(&str) -> Vec<String>| {
            let running: Vec<_> = labs
                .iter()
                .map(|lab| {
                    let words = words(lab);
                    home.rhailab(&words.iter().map(String::as_str).collect::<Vec<_>>()).spawn().unwrap()
                })
                .collect();
            for child in running {
                Ran::of(&child.wait_with_output().unwrap()).assert_well();
            }
        };
        each(&|lab| ["up", "--host", "-q", "a.rhai", "--name", lab].map(str::to_owned).to_vec());
        assert_eq!(get(FORWARD), "1");
        each(&|lab| ["down", "-q", lab].map(str::to_owned).to_vec());
        assert_same("after all", &before, &state());
    }
    eventually("nothing is on record any more", || fs::read_dir(home.path("state/shared")).unwrap().count() == 0);
}

#[test]
fn an_error_names_the_lab_that_has_what_is_in_the_way() {
    let Some(machine) = machine() else { return };
    let home = &machine.home;
    let theirs = "let br = bridge(\"br0\").addr(\"10.0.0.1/24\").up();\nnetns(\"web\").attach(br, \"10.0.0.2/24\");\n\
                  route(\"10.9.0.0/16\", \"10.0.0.2\");\nvip(\"10.1.0.1:80\", [\"10.0.0.2:80\"]);\nip_forward(true);";
    home.write("theirs.rhai", theirs);
    up(home, "theirs");
    let before = state();
    for (code, line, text) in [
        ("netns::exists", 2, "netns(\"web\");"),
        ("link::exists", 1, "bridge(\"br0\");"),
        ("link::exists", 2, "bridge(\"v-web\");"),
        ("link::exists", 1, "netns(\"own\"); veth(\"br0\", \"eth0\", ns(\"own\"));"),
        ("route::exists", 3, "route(\"10.9.0.0/16\", \"10.0.0.2\");"),
        ("iptables::exists", 4, "vip(\"10.1.0.1:80\", [\"10.0.0.3:80\"]);"),
        ("addr::exists", 1, "iface(\"br0\").addr(\"10.0.0.1/24\");"),
    ] {
        home.write("ours.rhai", text);
        let complaint = home.run(&["run", "--host", "-q", "ours.rhai"]).assert_fails(1);
        let flat = complaint.replace("\n  │ ", " ").replace("\n        ", " ");
        assert!(flat.contains(code), "{complaint}");
        let owner = format!("It belongs to the lab `theirs`, which made it at theirs.rhai:{line}:");
        assert!(flat.contains(&owner), "{complaint}");
        assert!(flat.contains("`rhailab down theirs`") && !flat.contains("not this recipe's"), "{complaint}");
    }
    // What no lab made belongs to nobody that we know.
    machine::lines(&["ip", "netns", "add", "foreign"]);
    home.write("ours.rhai", "netns(\"foreign\");");
    let complaint = home.run(&["run", "--host", "-q", "ours.rhai"]).assert_fails(1);
    assert!(complaint.contains("It is not this recipe's.") && !complaint.contains("theirs"), "{complaint}");
    machine::lines(&["ip", "netns", "del", "foreign"]);
    assert_same("after all that failed", &before, &state());
    down(home, "theirs");
}

#[test]
fn subnets_that_are_chosen_overlap_with_nothing() {
    let Some(machine) = machine() else { return };
    let home = &machine.home;
    home.write("one.rhai", "print(free_subnet().net);\nprint(free_subnet(28).net);");
    let alone = home.run(&["up", "--host", "-q", "one.rhai"]).assert_well();
    assert_eq!(alone, "10.208.0.0\n10.208.1.0\n");
    // Beside another lab, a route and an address of the machine.
    machine::lines(&["ip", "link", "add", "lan0", "type", "bridge"]);
    machine::lines(&["ip", "link", "set", "lan0", "up"]);
    machine::lines(&["ip", "address", "add", "10.208.2.77/23", "dev", "lan0"]);
    machine::lines(&["ip", "route", "add", "blackhole", "10.208.4.0/22"]);
    machine::lines(&["ip", "route", "add", "default", "dev", "lan0"]);
    home.write("two.rhai", "print(free_subnet().net);\nprint(free_subnet(64, #{ pool: \"fd00:7::/48\" }).net);");
    let beside = home.run(&["up", "--host", "-q", "two.rhai"]).assert_well();
    assert_eq!(beside, "10.208.8.0\nfd00:7::\n");
    home.run(&["down", "-q", "one"]).assert_well();
    assert_eq!(home.run(&["run", "--host", "-q", "one.rhai"]).assert_well(), "10.208.0.0\n10.208.1.0\n");
    home.run(&["down", "-q", "two"]).assert_well();
    // All at once.
    let running: Vec<_> = (0..16)
        .map(|n| {
            let words = ["up", "--host", "-q", "one.rhai", "--name", &format!("lab{n}")].map(str::to_owned);
            home.rhailab(&words.each_ref().map(String::as_str)).spawn().unwrap()
        })
        .collect();
    let mut nets: Vec<String> = Vec::new();
    for child in running {
        let out = Ran::of(&child.wait_with_output().unwrap()).assert_well();
        let mut lines = out.lines();
        nets.push(format!("{}/24", lines.next().unwrap()));
        nets.push(format!("{}/28", lines.next().unwrap()));
    }
    let nets: Vec<ipnet::IpNet> = nets.iter().map(|net| net.parse().unwrap()).collect();
    for (at, one) in nets.iter().enumerate() {
        for other in &nets[at + 1..] {
            assert!(!one.contains(other) && !other.contains(one), "{one} and {other}");
        }
    }
    home.run(&["down", "-q", "--all"]).assert_well();
}
