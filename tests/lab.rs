//! The lab on the fake kernel: commits, roll-backs, plans of the teardown, journals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails panics")]

mod fakes;

use fakes::Watched;
use rhailab::kernel::Kernel;
use rhailab::kernel::fake::FakeKernel;
use rhailab::lab::{Event, Lab, journal, store};
use rhailab::model::addr::AddAddr;
use rhailab::model::baseline::baseline;
use rhailab::model::change::Change;
use rhailab::model::error::Site;
use rhailab::model::family::Family;
use rhailab::model::file::WriteFile;
use rhailab::model::link::AddLink;
use rhailab::model::link::NewLink;
use rhailab::model::link_attr::SetLink;
use rhailab::model::link_set::LinkSet;
use rhailab::model::names::{ChainName, IfName, LabName, Ns, NsName};
use rhailab::model::netns::AddNetns;
use rhailab::model::process::Start;
use rhailab::model::route::AddRoute;
use rhailab::model::route::Route;
use rhailab::model::rules::EditRules;
use rhailab::model::rules::{RuleEdit, Table};
use rhailab::model::sysctl::SetSysctl;
use std::cell::RefCell;
use std::rc::Rc;

fn site(line: u32) -> Site {
    Site { source: "test.rhai".into(), line, col: 1 }
}

fn name(text: &str) -> IfName {
    IfName::new(text).unwrap()
}

fn ns(text: &str) -> Ns {
    Ns::Named(NsName::new(text).unwrap())
}

fn netns(text: &str) -> Change {
    Change::AddNetns(AddNetns { name: NsName::new(text).unwrap(), sysctls: baseline() })
}

fn bridge(text: &str) -> Change {
    let link = NewLink { up: true, ..NewLink::bridge(name(text)) };
    Change::AddLink(AddLink { ns: Ns::Host, link })
}

fn veth(here: &Ns, text: &str, there: &Ns, peer: &str, master: Option<&str>) -> Change {
    let link = NewLink { master: master.map(name), up: true, ..NewLink::veth(name(text), name(peer), there.clone()) };
    Change::AddLink(AddLink { ns: here.clone(), link })
}

fn addr(at: &Ns, link: &str, text: &str) -> Change {
    Change::AddAddr(AddAddr { ns: at.clone(), link: name(link), addr: text.parse().unwrap() })
}

fn up(at: &Ns, link: &str) -> Change {
    Change::SetLink(SetLink { ns: at.clone(), link: name(link), set: LinkSet::Up(true) })
}

fn rules(chain: &str) -> Change {
    let jump = RuleEdit::append("PREROUTING", vec!["--jump".to_owned(), chain.to_owned()].into());
    let edits = vec![RuleEdit::NewChain(ChainName::new(chain).unwrap()), jump];
    Change::EditRules(EditRules::new(Ns::Host, Family::V4, Table::Nat, edits))
}

/// A small lab with one of everything.
fn changes() -> Vec<Change> {
    let web = ns("web");
    vec![
        netns("web"),
        bridge("br0"),
        addr(&Ns::Host, "br0", "10.0.0.1/24"),
        veth(&Ns::Host, "v-web", &web, "eth0", Some("br0")),
        up(&web, "eth0"),
        addr(&web, "eth0", "10.0.0.2/24"),
        Change::AddRoute(AddRoute {
            ns: web.clone(),
            route: Route {
                to: "0.0.0.0/0".parse().unwrap(),
                via: "10.0.0.1".parse().ok(),
                dev: None,
                ..Route::default()
            },
        }),
        Change::SetSysctl(SetSysctl { ns: Ns::Host, key: "net.ipv4.ip_forward".into(), value: "1".into() }),
        rules("VIP-A"),
        Change::WriteFile(WriteFile {
            path: "/etc/netns/web/resolv.conf".into(),
            text: "nameserver 10.0.0.1\n".into(),
        }),
        Change::Start(Start {
            ns: web,
            process: rhailab::model::process::NewProcess {
                name: "nap".into(),
                argv: vec!["sleep".into(), "9".into()],
                env: vec![],
                cwd: None,
            },
        }),
    ]
}

struct Bench {
    lab: Lab,
    fake: Rc<RefCell<FakeKernel>>,
    batches: Rc<RefCell<Vec<usize>>>,
}

fn bench(fake: FakeKernel) -> Bench {
    let fake = Rc::new(RefCell::new(fake));
    let batches = Rc::new(RefCell::new(Vec::new()));
    let kernel = Watched { fake: Rc::clone(&fake), batches: Rc::clone(&batches), refusal: None };
    let lab = Lab::new(LabName::new("t").unwrap(), Box::new(kernel), None);
    Bench { lab, fake, batches }
}

#[test]
fn unwinding_leaves_the_bare_namespace() {
    let mut b = bench(FakeKernel::new());
    b.lab.commit(&site(1), changes()).unwrap();
    assert!(!b.fake.borrow().is_bare());
    assert!(b.lab.unwind().is_empty());
    assert!(b.fake.borrow().is_bare());
    assert_eq!(b.lab.records().len(), 0);
    // Undone twice is harmless.
    assert!(b.lab.unwind().is_empty());
}

#[test]
fn a_failure_at_every_change_rolls_the_call_back() {
    let total = changes().len() as u64;
    for n in 1..=total {
        let mut b = bench(FakeKernel::failing_at(n));
        let error = b.lab.commit(&site(7), changes()).expect_err("the fault was not injected");
        assert!(error.0.leftovers.is_empty(), "{:?}", error.0.leftovers);
        assert!(error.0.command.is_some(), "no equivalent command at change {n}");
        assert!(b.fake.borrow().is_bare(), "a failure at change {n} left something");
    }
}

#[test]
fn a_failed_call_leaves_the_calls_before_it_alone() {
    let mut b = bench(FakeKernel::new());
    b.lab.commit(&site(1), changes()).unwrap();
    let error = b.lab.commit(&site(2), vec![bridge("br1"), bridge("br0")]).expect_err("br0 is there");
    assert_eq!(error.0.code, "link::exists");
    assert_eq!(error.0.notes[0].0, site(1), "the note points at the line that made br0");
    assert!(b.fake.borrow_mut().link(&Ns::Host, &name("br0")).is_ok());
    assert!(b.fake.borrow_mut().link(&Ns::Host, &name("br1")).is_err());
}

#[test]
fn teardown_is_a_handful_of_calls_whatever_the_size() {
    let mut b = bench(FakeKernel::new());
    b.lab.commit(&site(1), vec![bridge("br0"), addr(&Ns::Host, "br0", "10.0.0.1/16")]).unwrap();
    for i in 0..50 {
        let web = ns(&format!("h{i}"));
        let eth = addr(&web, "eth0", &format!("10.0.1.{i}/16"));
        let port = veth(&Ns::Host, &format!("v{i}"), &web, "eth0", Some("br0"));
        b.lab.commit(&site(2), vec![netns(&format!("h{i}")), port, up(&web, "eth0"), eth]).unwrap();
    }
    assert!(b.lab.unwind().is_empty());
    assert!(b.fake.borrow().is_bare());
    // One batch of 51 links, one of 50 namespaces; what sits on them is never undone by itself.
    assert_eq!(*b.batches.borrow(), vec![51, 50]);
}

#[test]
fn reverting_takes_what_depends_on_it_along() {
    let mut b = bench(FakeKernel::new());
    let made = b.lab.commit(&site(1), changes()).unwrap();
    let bridge = made[1];
    b.lab.revert(bridge).unwrap();
    assert!(b.fake.borrow_mut().link(&Ns::Host, &name("br0")).is_err());
    // The veth stays: it only lost its master.
    assert!(b.fake.borrow_mut().link(&Ns::Host, &name("v-web")).is_ok());
    b.lab.revert(bridge).unwrap();
    b.lab.revert(made[0]).unwrap();
    assert!(!b.fake.borrow_mut().netns_exists(&ns("web")).unwrap());
    assert!(b.lab.unwind().is_empty());
    assert!(b.fake.borrow().is_bare());
}

#[test]
fn events_tell_every_change_once_each_way() {
    let mut b = bench(FakeKernel::new());
    let seen: Rc<RefCell<(Vec<u64>, Vec<u64>)>> = Rc::default();
    let log = Rc::clone(&seen);
    b.lab.listen(Box::new(move |event| match event {
        Event::Made(record) => log.borrow_mut().0.push(record.n),
        Event::Undone(record, _) => log.borrow_mut().1.push(record.n),
        Event::Altered(altered) => panic!("{altered:?}"),
        Event::Stuck(record, error) => panic!("stuck: {record:?} {error}"),
    }));
    let made = b.lab.commit(&site(1), changes()).unwrap();
    b.lab.unwind();
    let (up, mut down) = seen.borrow().clone();
    down.sort_unstable();
    assert_eq!(up, made);
    assert_eq!(down, made);
}

#[test]
fn a_journal_tells_what_stands_whatever_line_it_ends_at() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    let lab = LabName::new("t").unwrap();
    let journal = store::Journal::create(&path, &lab, "test.rhai", None).unwrap();
    let mut lab = Lab::new(lab, Box::new(FakeKernel::new()), Some(journal));
    let made = lab.commit(&site(1), changes()).unwrap();
    lab.keep().unwrap();
    let state = store::read(&path).unwrap();
    let records: Vec<_> = lab.records().cloned().collect();
    assert_eq!(state.records(), records);
    assert!(state.kept && !state.ended);
    let whole = std::fs::read(&path).unwrap();
    // Cut anywhere, the journal is still read; a change is known from its intent on, never only from its done.
    for cut in 0..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let state = store::read(&path).unwrap();
        let standing = state.records();
        assert_eq!(standing, records[..standing.len()]);
    }
    std::fs::write(&path, &whole).unwrap();
    assert!(lab.unwind().is_empty());
    let state = store::read(&path).unwrap();
    assert!(state.ended && state.records().is_empty(), "{} changes were made", made.len());
}

#[test]
fn a_journal_goes_on_after_a_torn_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    let journal = store::Journal::create(&path, &LabName::new("t").unwrap(), "test.rhai", None).unwrap();
    drop(journal);
    let mut torn = std::fs::read(&path).unwrap();
    torn.extend_from_slice(b"{\"at\":\"inte");
    std::fs::write(&path, torn).unwrap();
    let mut journal = store::Journal::open(&path, None).unwrap();
    journal.append(&journal::Line::End).unwrap();
    assert!(store::read(&path).unwrap().ended);
}

#[test]
fn a_journal_grows_with_what_stands_and_not_with_what_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    let name = LabName::new("t").unwrap();
    let mut journal = store::Journal::create(&path, &name, "test.rhai", None).unwrap();
    assert!(journal.lock().unwrap());
    let mut lab = Lab::new(name, Box::new(FakeKernel::new()), Some(journal));
    let made = lab.commit(&site(1), changes()).unwrap();
    lab.keep().unwrap();
    let other = || Change::AddLink(AddLink { ns: Ns::Host, link: NewLink::bridge(IfName::new("other").unwrap()) });
    let mut last = lab.commit(&site(2), vec![other()]).unwrap()[0];
    let mut sizes = Vec::new();
    for _ in 0..1000 {
        lab.revert(last).unwrap();
        last = lab.commit(&site(2), vec![other()]).unwrap()[0];
        sizes.push(std::fs::metadata(&path).unwrap().len());
    }
    let largest = sizes.iter().max().unwrap();
    assert!(*largest < 4 * sizes[0], "{largest} bytes after {}", sizes[0]);
    let state = store::read(&path).unwrap();
    assert_eq!(state.records(), lab.records().cloned().collect::<Vec<_>>());
    assert!(state.kept && state.records().len() == made.len() + 1);
    let mut other = store::Journal::open(&path, None).unwrap();
    assert!(!other.lock().unwrap(), "it is locked still");
}

#[test]
fn a_journal_of_another_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    for text in ["{\"at\":\"start\",\"version\":99,\"soul\":1}\n", "{\"at\":\"begin\",\"version\":3}\n"] {
        std::fs::write(&path, text).unwrap();
        let error = store::read(&path).expect_err("another version was read");
        assert_eq!(error.0.code, "journal::version");
    }
    std::fs::write(&path, "{\"at\":\"end\"}\n{}\n").unwrap();
    assert_eq!(store::read(&path).expect_err("no start").0.code, "journal::corrupt");
}

#[test]
fn a_change_number_that_none_can_follow_is_refused() {
    let start = r#"{"at":"start","version":1,"lab":"t","recipe":"r","boot_id":"b","pid":1,"pid_start":1}"#;
    let intent = |n: u64| {
        let site = r#"{"source":"r","line":1,"col":1}"#;
        let change = r#"{"do":"add_netns","name":"web","sysctls":[]}"#;
        format!(
            "{start}\n{{\"at\":\"intent\",\"n\":{n},\"site\":{site},\"change\":{change},\"identity\":{{\"netns\":{{\"cookie\":1}}}},\"inverse\":[]}}\n"
        )
    };
    let read = |n| store::parse(intent(n).as_bytes(), std::path::Path::new("journal.jsonl"));
    assert_eq!(read(7).unwrap().records()[0].n, 7);
    assert_eq!(read(u64::MAX).expect_err("nothing comes after it").0.code, "journal::corrupt");
}
