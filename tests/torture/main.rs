//! The promise, put to the test at random: whatever kills a run, and however many run at once, nothing is left and
//! nothing of anybody else's is touched. `scripts/torture.sh` runs all of it and prints the figures; without
//! `RHAILAB_TORTURE=full` it is a small part.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod crowd;
mod kills;
#[path = "../machine/mod.rs"]
mod machine;
#[path = "../scratch/mod.rs"]
mod scratch;
mod shortage;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Whether all of it is wanted.
fn is_full() -> bool {
    std::env::var_os("RHAILAB_TORTURE").is_some_and(|how| how == "full")
}

/// Numbers that look random and come again with the same seed.
struct Random(u64);

impl Random {
    /// A sequence of its own, from the seed of this run.
    fn new(salt: u64) -> Random {
        static SEED: AtomicU64 = AtomicU64::new(0);
        if SEED.load(Ordering::Relaxed) == 0 {
            let given = std::env::var("RHAILAB_TORTURE_SEED").ok().and_then(|seed| seed.parse().ok());
            let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
            let seed = given.unwrap_or_else(now).max(1);
            SEED.store(seed, Ordering::Relaxed);
            println!("RHAILAB_TORTURE_SEED={seed}");
        }
        Random((SEED.load(Ordering::Relaxed) ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15)).max(1))
    }

    /// Below `end`.
    fn below(&mut self, end: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end.max(1)
    }
}

/// What a part of the torture came to.
#[derive(Debug, Default)]
struct Figures {
    what: String,
    trials: usize,
    leftovers: Vec<String>,
    touched: Vec<String>,
    times: Vec<Duration>,
}

impl Figures {
    fn row(&mut self) -> String {
        self.times.sort();
        let time = |share: f64| {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let at = ((self.times.len() as f64 * share) as usize).min(self.times.len().saturating_sub(1));
            self.times.get(at).map_or_else(|| "–".to_owned(), |time| format!("{:.0} ms", time.as_secs_f64() * 1e3))
        };
        let (median, worst) = (time(0.5), time(1.0));
        format!(
            "{:<58} {:>6} {:>9} {:>8} {:>9} {:>9}",
            self.what,
            self.trials,
            self.leftovers.len(),
            self.touched.len(),
            median,
            worst
        )
    }
}

/// Makes trials on machines of their own, a few at a time.
fn at_once<T: Sync>(trials: &[T], machines: usize, trial: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..machines {
            scope.spawn(|| {
                while let Some(one) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // A thread of its own is a machine of its own.
                    std::thread::scope(|scope| scope.spawn(|| trial(one)).join()).unwrap();
                }
            });
        }
    });
}

#[test]
fn nothing_is_left_and_nothing_else_is_touched() {
    let started = Instant::now();
    let all = Mutex::new(Vec::new());
    let add = |figures: Figures| all.lock().unwrap().push(figures);
    let count = |full: usize, small: usize| if is_full() { full } else { small };
    add(kills::of_the_runner(count(150, 9)));
    add(kills::of_the_runner_and_its_guard(count(150, 9)));
    add(crowd::in_sandboxes(count(50, 6), count(10, 1)));
    add(crowd::on_the_machine(count(50, 6), count(10, 1)));
    add(shortage::of_space(count(24, 4)));
    add(shortage::of_rights());
    let mut all = all.into_inner().unwrap();
    println!("{:<58} {:>6} {:>9} {:>8} {:>9} {:>9}", "WHAT", "TRIALS", "LEFTOVERS", "TOUCHED", "MEDIAN", "WORST");
    for figures in &mut all {
        println!("{}", figures.row());
    }
    println!("in {:.0} s", started.elapsed().as_secs_f64());
    let bad: Vec<&String> = all.iter().flat_map(|figures| figures.leftovers.iter().chain(&figures.touched)).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}
