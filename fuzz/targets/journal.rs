//! See [`rhailab_fuzz::journal`].

#![no_main]

use libfuzzer_sys::fuzz_target;
use rhailab_fuzz::{journal, seeds};

fuzz_target!(
    init: seeds::write(journal::seeds),
    |data: &[u8]| journal::check(data)
);
