//! See [`rhailab_fuzz::recipe`].

#![no_main]

use libfuzzer_sys::fuzz_target;
use rhailab_fuzz::{recipe, seeds};

fuzz_target!(
    init: seeds::write(recipe::seeds),
    |data: &[u8]| recipe::check(data)
);
