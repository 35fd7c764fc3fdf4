//! Has the linker put next to each other what making a lab runs, as `scripts/lib/order.txt` lists it. That is a fifth of the
//! functions, spread over all of the program; a short run spends much of its time on having their pages mapped.

use std::env::{VarError, var};
use std::fs;
use std::process::{Command, Stdio};

const ORDER: &str = "scripts/lib/order.txt";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={ORDER}");
    if var("PROFILE")? != "release" {
        return Ok(());
    }
    let order = format!("-Wl,--symbol-ordering-file={}/{ORDER}", var("CARGO_MANIFEST_DIR")?);
    // Other versions of compiler and libraries have functions of other names, which then are where they would be anyway.
    let flags = [order.as_str(), "-Wl,--no-warn-symbol-ordering"];
    if is_taken(&flags)? {
        for flag in flags {
            println!("cargo::rustc-link-arg-bins={flag}");
        }
    }
    Ok(())
}

/// Whether the linker takes these flags: LLD does, which rustc has and uses on most Linux machines, and GNU's does not.
fn is_taken(flags: &[&str]) -> Result<bool, Box<dyn std::error::Error>> {
    let out = var("OUT_DIR")?;
    let source = format!("{out}/probe.rs");
    fs::write(&source, "fn main() {}\n")?;
    let mut rustc = Command::new(var("RUSTC")?);
    rustc.args(["--crate-type=bin", "--target", &var("TARGET")?, "-o", &format!("{out}/probe"), &source]);
    rustc.args(optional("CARGO_ENCODED_RUSTFLAGS")?.split('\x1f').filter(|flag| !flag.is_empty()));
    let linker = optional("RUSTC_LINKER")?;
    if !linker.is_empty() {
        rustc.arg(format!("-Clinker={linker}"));
    }
    rustc.args(flags.iter().map(|flag| format!("-Clink-arg={flag}")));
    Ok(rustc.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success())
}

/// A variable that may be missing.
fn optional(name: &str) -> Result<String, VarError> {
    match var(name) {
        Err(VarError::NotPresent) => Ok(String::new()),
        value => value,
    }
}
