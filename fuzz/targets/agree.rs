//! See [`rhailab_fuzz::agree`].

#![no_main]

use libfuzzer_sys::fuzz_target;
use rhailab_fuzz::{agree, seeds};

fuzz_target!(
    init: seeds::write(agree::seeds),
    |data: &[u8]| agree::check(data)
);
