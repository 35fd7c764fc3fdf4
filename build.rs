//! How the program is linked for a short life: a run is over in milliseconds, and a good part of them went into getting ready
//! what it never uses.
//!
//! - What making a lab runs lies together, as `scripts/lib/order.txt` lists it: a fifth of the functions, spread over all of the
//!   program otherwise, whose pages are mapped one by one.
//! - The program has a fixed address, as those of Go have; its stack, heap and libraries have none. Otherwise ten thousand
//!   pointers, mostly of tables and messages that no run needs, are put right at each start, and their pages copied for it.

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
    link_with(&[order.as_str(), "-Wl,--no-warn-symbol-ordering"])?;
    // Others are static.
    if var("CARGO_CFG_TARGET_ENV")? == "gnu" {
        link_with(&["-no-pie"])?;
    }
    Ok(())
}

/// Gives the linker flags, if it takes them.
fn link_with(flags: &[&str]) -> Result<(), Box<dyn std::error::Error>> {
    if is_taken(flags)? {
        for flag in flags {
            println!("cargo::rustc-link-arg-bins={flag}");
        }
    }
    Ok(())
}

/// Whether the linker takes these flags. LLD, which rustc has and uses on most Linux machines, takes an order, and GNU's does
/// not.
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
