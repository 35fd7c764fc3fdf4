//! Inputs to begin with, and the words that inputs are made of.

use std::collections::BTreeSet;
use std::io::Result;
use std::path::Path;

/// Where a fuzzer writes its seeds before it begins, if it is told to.
const FOLDER: &str = "FUZZ_SEEDS";

/// Writes them into the folder that `FUZZ_SEEDS` names, one file each, and their words to `FUZZ_SEEDS.dict`, which is in
/// the form that `-dict` takes (<https://llvm.org/docs/LibFuzzer.html#dictionaries>).
pub fn write(seeds: impl FnOnce() -> Vec<Vec<u8>>) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let folder = Path::new(&folder);
        let written = write_to(folder, &seeds());
        written.unwrap_or_else(|error| panic!("cannot write to {}: {error}", folder.display()));
    }
}

fn write_to(folder: &Path, seeds: &[Vec<u8>]) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut words = BTreeSet::new();
    for (number, seed) in seeds.iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number:03}")), seed)?;
        let text = String::from_utf8_lossy(seed);
        let parts = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_owned);
        words.extend(parts.filter(|word| (2..20).contains(&word.len())));
    }
    // Where numbers of one width end.
    let ends = [i64::MAX.to_string(), u64::MAX.to_string(), u32::MAX.to_string(), "-1".to_owned()];
    words.extend(ends);
    let lines: Vec<String> = words.iter().map(|word| format!("\"{word}\"\n")).collect();
    std::fs::write(folder.with_extension("dict"), lines.concat())
}
