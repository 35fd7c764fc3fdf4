//! What a lab has by name: found again by an attached prompt, and by functions.

use crate::support::users;
use crate::{enter, home};

#[test]
fn a_virtual_ip_is_found_again_moved_and_moved_back() {
    for user in users() {
        let home = home(user);
        home.write(
            "lab.rhai",
            r#"ip_forward(true); let br = bridge("br0").addr("10.0.0.1/24").up();
            for n in 1..=3 { vip(`10.100.0.${n}:80`, ["10.0.0.2:80"]); }
            let web = netns("web"); web.attach(br, "10.0.0.9/24"); web.vip("10.200.0.1:53/udp", ["10.0.0.1:53"], #{ name: "DNS" });"#,
        );
        home.run(&["up", "-q", "lab.rhai"]).assert_well();
        let journal = home.path("state/labs/lab/journal.jsonl");
        let length = || std::fs::read_to_string(&journal).unwrap().lines().count();
        let lines = length();
        let rules = "host().sh(\"iptables-save -t nat | grep -v '^#' | sort\").stdout";
        let entries = format!(
            "let before = {rules};\nfn to(at) {{ vip_of(\"10.100.0.2:80\").retarget([at]) }}\nfor n in 1..=100 {{ to(`10.0.0.${{n % 2 + 2}}:80`); }}\n\
             to(\"10.0.0.7:80\").backends\n{rules}.contains(\"to-destination 10.0.0.7:80\")\n:undo\n:undo\n{rules} == before\n\
             vips().len\nns(\"web\").vips()[0].name\nns(\"web\").vip_of(\"DNS\").backends\n"
        );
        let ran = enter(&home, &["--lab", "lab", "-q"], &entries);
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.out, ran.err);
        let shown: Vec<&str> = ran.out.lines().collect();
        assert_eq!(shown, ["[\"10.0.0.7:80\"]", "true", "true", "3", "\"DNS\"", "[\"10.0.0.1:53\"]"], "{}", ran.err);
        assert!(length() < lines + 100, "{} lines after {lines}", length());
        home.run(&["down", "-q", "lab"]).assert_well();
    }
}

#[test]
fn one_that_is_not_there_is_told_with_those_that_are() {
    let home = home(crate::support::User::Me);
    let told = |entries: &str| enter(&home, &[], entries).assert_fails(1);
    assert!(told("vip_of(\"10.1.1.1:80\")\n").contains("There is none at all there."));
    let bridge = "let br = bridge(\"br0\").addr(\"10.0.0.1/24\").up();\n";
    let vip = "vip(\"10.100.0.1:80\", [\"10.0.0.2:80\"]);\n";
    let other = told(&format!("{bridge}{vip}vip_of(\"10.1.1.1:80\")\n"));
    assert!(other.contains("There is `10.100.0.1:80`."), "{other}");
    let elsewhere = told(&format!("{bridge}{vip}netns(\"web\").vip_of(\"10.100.0.1:80\")\n"));
    assert!(elsewhere.contains("There is one in the lab's root namespace"), "{elsewhere}");
    let deleted = told(&format!("{bridge}let v = {vip}v.del();\nv.backends\n"));
    assert!(deleted.contains("vip::gone"), "{deleted}");
}
