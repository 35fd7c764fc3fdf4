//! How the program is linked for a short life: a run is over in milliseconds, and a good part of them went into getting ready
//! what it never uses.
//!
//! - What making a lab runs lies together, as `scripts/lib/order.txt` lists it: a fifth of the functions, spread over all of the
//!   program otherwise, whose pages are mapped one by one.
//! - The program has a fixed address, as those of Go have; its stack and heap have none. Otherwise ten thousand
//!   pointers, mostly of tables and messages that no run needs, are put right at each start, and their pages copied for it.
//! - It needs no shared libraries, where there are static ones: to map three and to look two hundred names up in them takes
//!   0.4 ms at each start.

use std::env::{VarError, var};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const ORDER: &str = "scripts/lib/order.txt";

/// What rustc asks the linker for on Linux with glibc, and what that is in static libraries.
const LIBRARIES: [(&str, &[&str]); 7] = [
    ("gcc_s", &["gcc_eh", "gcc"]),
    ("util", &["util"]),
    ("rt", &["rt"]),
    ("pthread", &["pthread"]),
    ("m", &["m"]),
    ("dl", &["dl"]),
    ("c", &["c", "gcc_eh", "gcc"]),
];

fn main() -> Result<()> {
    if var("PROFILE")? != "release" {
        return Ok(());
    }
    // The benchmark's reference program is linked by this script too, and needs no list.
    let order = Path::new(&var("CARGO_MANIFEST_DIR")?).join(ORDER);
    if order.exists() {
        println!("cargo::rerun-if-changed={ORDER}");
        // Other versions of compiler and libraries have functions of other names, which then are where they would be anyway.
        let order = format!("-Wl,--symbol-ordering-file={}", order.display());
        link_with(&[&order, "-Wl,--no-warn-symbol-ordering"])?;
    }
    if !is_static_anyway()? && !link_statically()? {
        link_with(&["-no-pie"])?;
    }
    Ok(())
}

/// Whether rustc links statically by itself, in its own way: it does with other libraries than glibc, or if told so.
fn is_static_anyway() -> Result<bool> {
    let is_told = optional("CARGO_CFG_TARGET_FEATURE")?.split(',').any(|feature| feature == "crt-static");
    Ok(is_told || var("CARGO_CFG_TARGET_ENV")? != "gnu")
}

/// Has static libraries linked, if there are some. Cargo would by `+crt-static`, but that can be asked for only from outside,
/// and is an error where there are none.
fn link_statically() -> Result<bool> {
    let folder = Path::new(&var("OUT_DIR")?).join("static");
    fs::create_dir_all(&folder)?;
    for (asked, parts) in LIBRARIES {
        let Some(paths) = parts.iter().map(|part| archive(part)).collect::<Result<Option<Vec<_>>>>()? else {
            return Ok(false);
        };
        // Where only this is found under its name, there is no shared one to be preferred to it.
        fs::write(folder.join(format!("lib{asked}.a")), format!("GROUP ( \"{}\" )\n", paths.join("\" \"")))?;
    }
    link_with(&["-static", "-no-pie", &format!("-L{}", folder.display())])
}

/// Where the linker finds a static library.
fn archive(name: &str) -> Result<Option<String>> {
    let linker = optional("RUSTC_LINKER")?;
    let mut linker = Command::new(if linker.is_empty() { "cc" } else { &linker });
    let Ok(output) = linker.arg(format!("-print-file-name=lib{name}.a")).output() else { return Ok(None) };
    let path = String::from_utf8(output.stdout)?.trim().to_owned();
    // It is the bare name where there is none.
    Ok(Path::new(&path).is_absolute().then_some(path))
}

/// Gives the linker flags, if it takes them.
fn link_with(flags: &[&str]) -> Result<bool> {
    let takes = is_taken(flags)?;
    if takes {
        for flag in flags {
            println!("cargo::rustc-link-arg-bins={flag}");
        }
    }
    Ok(takes)
}

/// Whether the linker takes these flags. LLD, which rustc has and uses on most Linux machines, takes an order, and GNU's does
/// not.
fn is_taken(flags: &[&str]) -> Result<bool> {
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
fn optional(name: &str) -> std::result::Result<String, VarError> {
    match var(name) {
        Err(VarError::NotPresent) => Ok(String::new()),
        value => value,
    }
}
