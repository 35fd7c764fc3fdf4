//! Ctrl-C. A test of its own process, because the stop flag is the whole process's.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use rhailab::kernel::fake::FakeKernel;
use rhailab::kernel::interrupt;
use rhailab::lab::Lab;
use rhailab::model::names::LabName;
use rhailab::script::{Config, Session};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

#[test]
fn a_stop_ends_every_recipe_at_once_and_cannot_be_caught() {
    for text in [
        "loop {}",
        "loop { try { loop {} } catch (e) { print(e); } }",
        "wait_until(\"1h\", || false)",
        "try { wait_until(\"1h\", || { throw \"no\" }) } catch (e) { loop {} }",
        "(0..1000000000).map(|n| n)",
    ] {
        interrupt::clear();
        let lab = Lab::new(LabName::new("test").unwrap(), Box::new(FakeKernel::judged()), None);
        let session = Session::new(Rc::new(RefCell::new(lab)), Config { max_operations: 0, ..Config::default() });
        let recipe = session.load_text("test.rhai", text).unwrap();
        let stop = std::thread::spawn(|| {
            std::thread::sleep(Duration::from_millis(30));
            interrupt::raise();
        });
        let start = Instant::now();
        let error = session.run(&recipe).unwrap_err();
        stop.join().unwrap();
        interrupt::clear();
        assert_eq!(error.0.code, "run::interrupted", "{text}: {error}");
        assert!(start.elapsed() < Duration::from_secs(2), "{text}");
    }
}
