//! See [`rhailab_fuzz::names`].

#![no_main]

use libfuzzer_sys::fuzz_target;
use rhailab_fuzz::{names, seeds};

fuzz_target!(
    init: seeds::write(names::seeds),
    |data: &[u8]| names::check(data)
);
