//! What a lab costs, in numbers that no busy machine can blur: requests, processes, flushes, journal lines.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod machine;
mod scratch;
mod support;

use rhailab::kernel::Kernel;
use rhailab::kernel::fake::FakeKernel;
use rhailab::kernel::linux::netfilter::restores_started;
use rhailab::kernel::linux::netlink::{Counts, counts};
use rhailab::kernel::linux::{LinuxKernel, Setup};
use rhailab::lab::Lab;
use rhailab::lab::store::{self, Journal};
use rhailab::model::addr::AddAddr;
use rhailab::model::change::Change;
use rhailab::model::kind::Kind;
use rhailab::model::names::{IfName, LabName, Ns};
use rhailab::model::route::{AddRoute, Route};
use rhailab::script::{Config, Session};
use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::Mutex;

/// The counts are the process's, so whoever counts is alone.
static ALONE: Mutex<()> = Mutex::new(());

/// A recipe's lab, as it stands when the recipe has ended.
fn run(kernel: Box<dyn Kernel>, journal: Option<Journal>, recipe: &str) -> Rc<RefCell<Lab>> {
    let lab = Rc::new(RefCell::new(Lab::new(LabName::new("test").unwrap(), kernel, journal)));
    let session = Session::new(Rc::clone(&lab), Config::default());
    let done = session.load_text("test.rhai", recipe).and_then(|recipe| session.run(&recipe));
    done.unwrap_or_else(|error| panic!("{error}\n{recipe}"));
    lab
}

/// The kernel of the thread's machine.
fn real() -> Box<dyn Kernel> {
    let lab = LabName::new("test").unwrap();
    let (log_dir, etc_netns) = ("/run/log".into(), "/etc/netns".into());
    let setup = Setup { lab, log_dir, etc_netns, ledger: None, persistent: false, sandboxed: false };
    Box::new(LinuxKernel::new(setup).unwrap())
}

fn star(hosts: u64) -> String {
    format!("import \"std/topo\" as topo;\ntopo::star(\"h\", {hosts}, subnet(\"10.77.0.0/16\"));")
}

/// What was asked of the kernel since then.
fn since(before: Counts) -> Counts {
    let now = counts();
    Counts {
        requests: now.requests - before.requests,
        answers: now.answers - before.answers,
        link_deletions: now.link_deletions - before.link_deletions,
        link_moves: now.link_moves - before.link_moves,
    }
}

#[test]
fn an_attached_host_takes_six_requests_and_a_lab_goes_by_one_deletion() {
    let _alone = ALONE.lock();
    let Some(_machine) = machine::enter(false) else { return };
    let before = machine::state();
    let mut asked = Vec::new();
    for hosts in [0, 50] {
        let start = counts();
        let lab = run(real(), None, &star(hosts));
        let up = since(start);
        let start = counts();
        assert!(lab.borrow_mut().unwind().is_empty());
        let down = since(start);
        println!("{hosts} hosts: {up:?}, {down:?}");
        assert_eq!((up.link_moves, up.link_deletions, down.link_moves), (0, 0, 0), "{hosts} hosts");
        assert!(down.link_deletions <= 1 && down.requests <= 3, "{hosts} hosts are taken down by {down:?}");
        asked.push(up.requests);
        machine::assert_same("the star left something, or took it", &before, &machine::state());
    }
    let each = asked[1] - asked[0];
    assert!(each <= 6 * 50, "50 hosts take {each} requests more than none");
}

#[test]
fn what_else_a_lab_has_costs_a_change_nothing() {
    let _alone = ALONE.lock();
    let Some(_machine) = machine::enter(false) else { return };
    let asked = [0, 50].map(|others| {
        let routes = format!("for i in 0..{others} {{ host().route(`10.98.${{i}}.0/24`, \"10.77.0.9\"); }}");
        let lab = run(real(), None, &format!("{}\nbridge(\"alone\");\n{routes}", star(others)));
        let site = lab.borrow().records().next().unwrap().site.clone();
        let (link, net) = (IfName::new("alone").unwrap(), |net: &str| net.parse().unwrap());
        let via = "10.77.0.9".parse().ok();
        let route = Route { to: net("10.99.0.0/24"), via, ..Route::default() };
        let changes = [
            Change::AddAddr(AddAddr { ns: Ns::Host, link, addr: net("10.97.0.1/24") }),
            Change::AddRoute(AddRoute { ns: Ns::Host, route }),
        ];
        let asked = changes.map(|change| {
            let start = counts();
            let made = lab.borrow_mut().commit(&site, vec![change]).unwrap();
            lab.borrow_mut().revert(made[0]).unwrap();
            since(start)
        });
        assert!(lab.borrow_mut().unwind().is_empty());
        asked
    });
    assert_eq!(asked[0], asked[1], "beside none and beside 50 hosts and routes");
}

#[test]
fn rules_go_in_and_out_through_one_process_for_each_namespace_and_family() {
    let _alone = ALONE.lock();
    let Some(_machine) = machine::enter(false) else { return };
    let before = machine::state();
    let recipe = r#"
        let br = bridge("br0").addr("10.0.0.1/24").addr("fd00::1/64").up();
        let web = netns("web");
        web.attach(br, "10.0.0.2/24");
        ip_forward(true, #{ ipv6: true });
        for i in 1..=20 {
            let v4 = vip(`10.100.0.${i}:80`, ["10.0.0.11:80", "10.0.0.12:80"]);
            let v6 = vip(`[fd00:100::${i}]:80`, ["[fd00::b]:80"]);
            v4.retarget(["10.0.0.13:80"]);
            v6.retarget(["[fd00::d]:80"]);
            web.vip(`10.200.0.${i}:80`, ["10.0.0.11:80"]);
            if i % 5 == 0 { v4.del(); }
        }
        masquerade("10.0.0.0/24");
        forward(br);"#;
    let start = restores_started();
    let lab = run(real(), None, recipe);
    assert_eq!(restores_started() - start, 0, "all of it goes by messages");
    assert!(lab.borrow_mut().unwind().is_empty());
    assert_eq!(restores_started() - start, 0, "so does the teardown");
    drop(lab);
    machine::assert_same("the virtual IPs left something, or took it", &before, &machine::state());
}

/// Tools that do what we do, one process for each change.
const TOOLS: &[&str] =
    &["ip", "bridge", "sysctl", "iptables", "ip6tables", "conntrack", "nsenter", "unshare", "mount", "sh"];

#[test]
fn no_tool_is_run_for_a_change() {
    let Some(machine) = machine::enter(true) else { return };
    let home = &machine.home;
    let (tools, log) = (home.folder("tools"), home.path("calls"));
    for tool in TOOLS {
        let path =
            home.write(&format!("tools/{tool}"), &format!("#!/bin/sh\necho \"{tool} $*\" >> {}\n", log.display()));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", tools.display());
    for lab in ["container-networking", "ipv6", "routers"] {
        let recipe = format!("{}/scripts/labs/{lab}.rhai", env!("CARGO_MANIFEST_DIR"));
        let mut command = home.rhailab(&["run", "--host", "-q", &recipe]);
        support::Ran::of(&command.env("PATH", &path).output().unwrap()).assert_well();
    }
    assert_eq!(fs::read_to_string(&log).unwrap_or_default(), "", "tools were run");
    // They would have been seen.
    home.write("exec.rhai", "exec([\"ip\", \"link\"]);");
    assert!(home.rhailab(&["run", "--host", "-q", "exec.rhai"]).env("PATH", &path).status().unwrap().success());
    assert_eq!(fs::read_to_string(&log).unwrap(), "ip link\n");
}

#[test]
fn only_what_is_about_files_goes_to_the_disk_and_before_they_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str, files: &Path, text: &str| {
        let path = dir.path().join(name);
        let journal = Journal::create(&path, &LabName::new("test").unwrap(), "test.rhai", Some(files)).unwrap();
        let lab =
            Rc::new(RefCell::new(Lab::new(LabName::new("test").unwrap(), Box::new(FakeKernel::new()), Some(journal))));
        let session = Session::new(Rc::clone(&lab), Config::default());
        let done = session.run(&session.load_text("test.rhai", text).unwrap());
        (lab, done)
    };
    let files = dir.path().join("state/files/test.jsonl");
    let (lab, done) = make("star", &files, &star(50));
    done.unwrap();
    assert!(lab.borrow_mut().unwind().is_empty());
    assert!(!dir.path().join("state").exists());

    let recipe = "let web = netns(\"web\"); web.dns([\"8.8.8.8\"]); netns(\"db\");";
    let (lab, done) = make("dns", &files, recipe);
    done.unwrap();
    let on_record = || store::read(&files).unwrap().records();
    let standing = lab.borrow().records().cloned().collect::<Vec<_>>();
    assert_eq!(on_record(), [standing[1].clone()]);
    assert!(store::read(&files).unwrap().start.is_some_and(|start| start.lab == "test"));
    // That it was undone is put there with what comes next.
    lab.borrow_mut().revert(standing[1].n).unwrap();
    lab.borrow_mut().settle().unwrap();
    assert_eq!(on_record(), []);

    // Where that cannot be, no file is made: whether its folder cannot be made, or it cannot be written beside other work.
    fs::write(dir.path().join("taken"), "").unwrap();
    fs::create_dir_all(dir.path().join("state/files/folder.jsonl")).unwrap();
    for (name, path) in [("early", "taken/files/test.jsonl"), ("late", "state/files/folder.jsonl")] {
        let path = dir.path().join(path);
        let (lab, done) = make(name, &path, recipe);
        let error = done.unwrap_err().to_string();
        assert!(error.contains(path.parent().unwrap().parent().unwrap().to_str().unwrap()), "{error}");
        let spaces = lab.borrow().records().filter(|record| !record.change.is_on_disk()).count();
        assert!(name == "late" || spaces == 1, "it went on");
    }
}

#[test]
fn the_journal_grows_with_the_lab_and_no_faster() {
    let dir = tempfile::tempdir().unwrap();
    let size = |hosts: u64| {
        let path = dir.path().join(format!("{hosts}.jsonl"));
        let journal = Journal::create(&path, &LabName::new("test").unwrap(), "test.rhai", None).unwrap();
        run(Box::new(FakeKernel::new()), Some(journal), &star(hosts));
        let text = fs::read_to_string(path).unwrap();
        (text.lines().count(), text.len())
    };
    // Numbers of as many digits, so that lines are of one length.
    let [(lines_1, bytes_1), (lines_2, bytes_2), (lines_3, bytes_3)] = [200, 300, 400].map(size);
    println!("{lines_1} lines of {bytes_1} bytes for 200 hosts, {lines_2} of {bytes_2} for 300");
    assert_eq!(lines_3 - lines_2, lines_2 - lines_1);
    let (more, less) = (bytes_3 - bytes_2, bytes_2 - bytes_1);
    assert!(more.abs_diff(less) * 50 < less, "100 hosts take {less} bytes, and the next {more}");
    assert!(less / 100 < 4000, "a host takes {} bytes", less / 100);
}
