//! Random sequences of changes: the real kernel and the one in memory agree after each, and going back leads to where it
//! began, on both.

use crate::support::{self, add_netns, add_route, addr, bridge, ifname, ns, route, set, veth};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rhailab::kernel::Kernel;
use rhailab::kernel::fake::FakeKernel;
use rhailab::lab::{Lab, Leftover};
use rhailab::model::change::Change;
use rhailab::model::error::Site;
use rhailab::model::link_set::LinkSet;
use rhailab::model::names::{LabName, Ns};

const NAMES: [&str; 4] = ["n0", "n1", "n2", "n3"];

fn spaces() -> [Ns; 3] {
    [Ns::Host, ns("a"), ns("b")]
}

/// What is done to a lab.
#[derive(Debug, Clone)]
enum Step {
    Make(Change),
    /// Undo one of the changes that stand, counted from the last.
    Undo(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = || (select(spaces().to_vec()), select(NAMES.to_vec()));
    let change = prop_oneof![
        2 => at().prop_map(|(ns, name)| bridge(&ns, name)),
        3 => (at(), at()).prop_map(|((ns, name), (there, peer))| veth(&ns, name, &there, peer)),
        3 => (at(), link_set()).prop_map(|((ns, name), value)| set(&ns, name, value)),
        2 => (at(), address()).prop_map(|((ns, name), address)| addr(&ns, name, &address)),
        1 => (at(), 0..4_u8).prop_map(|((ns, name), n)| {
            add_route(&ns, route(&format!("10.9.{n}.0/24"), None, Some(name)))
        }),
        1 => (select(spaces().to_vec()), 0..4_u8).prop_map(|(ns, n)| {
            add_route(&ns, route(&format!("10.8.{n}.0/24"), Some(&format!("10.0.{n}.200")), None))
        }),
    ];
    let step = prop_oneof![6 => change.prop_map(Step::Make), 1 => (0..8_usize).prop_map(Step::Undo)];
    prop::collection::vec(step, 1..40)
}

fn link_set() -> impl Strategy<Value = LinkSet> {
    prop_oneof![
        any::<bool>().prop_map(LinkSet::Up),
        (1300..1500_u32).prop_map(LinkSet::Mtu),
        select(NAMES.to_vec()).prop_map(|name| LinkSet::Master(Some(ifname(name)))),
        Just(LinkSet::Master(None)),
        select(NAMES.to_vec()).prop_map(|name| LinkSet::Name(ifname(name))),
        select(spaces().to_vec()).prop_map(LinkSet::Ns),
    ]
}

fn address() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..4_u8, 1..4_u8).prop_map(|(net, host)| format!("10.0.{net}.{host}/24")),
        (0..4_u8, 1..4_u8).prop_map(|(net, host)| format!("fd00:{net}::{host}/64")),
    ]
}

/// A lab in its two namespaces.
fn lab(kernel: Box<dyn Kernel>) -> Lab {
    let mut lab = Lab::new(LabName::new("test").unwrap(), kernel, None);
    lab.commit(&site(), vec![add_netns("a"), add_netns("b")]).unwrap();
    lab
}

fn site() -> Site {
    Site { source: "random".into(), line: 1, col: 1 }
}

/// Takes a step, and returns the code of the error.
fn take(lab: &mut Lab, step: &Step) -> Option<String> {
    let result = match step {
        Step::Make(change) => lab.commit(&site(), vec![change.clone()]).map(|_| ()),
        Step::Undo(back) => {
            // The two namespaces stay, and nobody takes a rename or a move back after others.
            let leads = |change: &Change| matches!(change, Change::SetLink(link) if link.set.what() == "name" || link.set.what() == "place");
            let record = lab.records().rev().nth(*back).filter(|record| record.n > 2);
            let n = record.filter(|record| *back == 0 || !leads(&record.change)).map(|record| record.n);
            // What the kernel has dropped already would be there again after going back.
            let dropped = lab.dropped();
            let n = n.filter(|n| lab.state().with_dependents([*n]).is_disjoint(&dropped));
            n.map_or(Ok(()), |n| lab.revert(n))
        }
    };
    result.err().map(|error| error.0.code.to_string())
}

/// The interfaces that there are, with what a recipe can see of them, and the changes that the kernel has taken
/// something of.
fn view(lab: &mut Lab) -> (Vec<String>, Vec<usize>) {
    let mut all = Vec::new();
    for ns in spaces() {
        let links = lab.network(&ns).unwrap().links;
        for link in links.iter().filter(|link| link.name != "lo") {
            let master = links.iter().find(|other| Some(other.index) == link.master).map(|master| &master.name);
            let mut addrs: Vec<String> = link.addrs.iter().map(ToString::to_string).collect();
            // The kernel gives these by itself.
            addrs.retain(|addr| !addr.starts_with("fe80:"));
            addrs.sort();
            let (name, kind, mtu, up) = (&link.name, &link.kind, link.mtu, link.up);
            all.push(format!("{ns}: {name} {kind} mtu {mtu} up {up} master {master:?} {addrs:?}"));
        }
    }
    all.sort();
    let dropped = lab.dropped();
    let places = lab.records().enumerate().filter(|(_, record)| dropped.contains(&record.n));
    (all, places.map(|(place, _)| place).collect())
}

fn check(kernel: Box<dyn Kernel>, steps: &[Step], middle: usize) -> Result<(), TestCaseError> {
    let mut real = lab(kernel);
    let mut fake = lab(Box::new(FakeKernel::new()));
    let there_and_back = go(&mut real, &mut fake, steps, middle);
    let leftovers: Vec<_> = real.unwind().into_iter().chain(fake.unwind()).collect();
    there_and_back?;
    prop_assert!(leftovers.is_empty(), "{:?}", leftovers.iter().map(Leftover::describe).collect::<Vec<_>>());
    for lab in [&mut real, &mut fake] {
        let left = lab.network(&Ns::Host).unwrap().links;
        prop_assert_eq!(left.len(), 1, "{:?}", left);
    }
    Ok(())
}

/// Takes the steps, and goes back to how it was in the middle of them.
fn go(real: &mut Lab, fake: &mut Lab, steps: &[Step], middle: usize) -> Result<(), TestCaseError> {
    let (first, second) = steps.split_at(middle.min(steps.len()));
    for step in first {
        both(real, fake, step)?;
    }
    let before = view(real);
    real.watch();
    fake.watch();
    for step in second {
        both(real, fake, step)?;
    }
    for lab in [real, fake] {
        let difference = lab.difference();
        let restored = lab.restore(&difference);
        prop_assert!(restored.is_whole(), "{:?}", restored.failures());
        prop_assert_eq!(&view(lab), &before, "after going back");
    }
    Ok(())
}

fn both(real: &mut Lab, fake: &mut Lab, step: &Step) -> Result<(), TestCaseError> {
    // The one in memory does not know everything that a kernel refuses, but it takes all that a kernel takes.
    if take(real, step).is_none() {
        prop_assert_eq!(take(fake, step), None, "{:?}", step);
    }
    prop_assert_eq!(view(real), view(fake), "after {:?}", step);
    Ok(())
}

#[test]
fn both_kernels_agree_and_going_back_leads_to_where_it_began() {
    let Some(_lab) = support::lab() else { return };
    random(48, || Box::new(support::kernel()));
}

/// In memory alone there is time for many more.
#[test]
fn going_back_in_memory_leads_to_where_it_began() {
    random(1000, || Box::new(FakeKernel::new()));
}

fn random(cases: u32, kernel: impl Fn() -> Box<dyn Kernel>) {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    let config = Config { cases, max_shrink_iters: 400, failure_persistence: None, ..Config::default() };
    // The same cases each time: a run that fails, fails again.
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let result = runner.run(&(steps(), 0..40_usize), |(steps, middle)| check(kernel(), &steps, middle));
    if let Err(error) = result {
        panic!("{error}");
    }
}
