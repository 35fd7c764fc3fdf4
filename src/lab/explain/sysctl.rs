//! Why a sysctl could not be read or written.

use super::{finish, place, reason};
use crate::error::{OpError, closest};
use crate::kernel::{Errno, Refusal};
use crate::names::Ns;
use crate::render::sysctl_path;
use std::path::Path;

/// Why a key that is known may not be there.
const HIDDEN: &str =
    "Some belong to the whole machine and are seen with `--host` only; others come with a module that is not loaded.";

/// Why a sysctl could not be read or written.
pub fn sysctl(refusal: &Refusal, ns: &Ns, key: &str) -> OpError {
    let here = place(ns);
    let error = match refusal.number().map(Errno::from_raw) {
        Some(Errno::ENOENT) => {
            let error = OpError::new("sysctl::unknown", format!("There is no sysctl `{key}` in {here}.")).arg("key");
            match near(key) {
                Some(near) => error.help(format!("Did you mean `{near}`? {HIDDEN}")),
                None => error.help(format!("See what there is under {}. {HIDDEN}", folder(key).display())),
            }
        }
        Some(Errno::EACCES | Errno::EPERM | Errno::EROFS) => OpError::new(
            "sysctl::denied",
            format!("The sysctl `{key}` may not be changed in {here}."),
        )
        .help(
            "It belongs to the whole machine, not to a namespace: set it with `--host`, or leave it out in a sandbox.",
        )
        .arg("key"),
        Some(Errno::EBUSY) if !refusal.words.is_empty() => OpError::new(
            "sysctl::held",
            format!("The sysctl `{key}` in {here} cannot have that value: {}.", refusal.words),
        )
        .help("Labs that share a machine must agree on its sysctls. Take the other one down first, or run one of them in a sandbox.")
        .arg("value"),
        Some(Errno::EINVAL | Errno::ERANGE) => {
            OpError::new("sysctl::value", format!("The sysctl `{key}` in {here} does not take that value."))
                .help("Read the present one with `sysctl(key)` to see the form it has.")
                .arg("value")
        }
        _ => OpError::new("sysctl::refused", format!("The sysctl `{key}` in {here}: {}.", reason(refusal))),
    };
    finish(error, refusal)
}

fn folder(key: &str) -> std::path::PathBuf {
    Path::new(&sysctl_path(key)).parent().unwrap_or(Path::new("/proc/sys")).to_owned()
}

/// The key beside it that may have been meant. Namespaces have the same ones, but for those of their interfaces.
fn near(key: &str) -> Option<String> {
    let entries = std::fs::read_dir(folder(key)).ok()?;
    let names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let (start, last) = key.rsplit_once(['.', '/'])?;
    let near = closest(last, names.iter().map(String::as_str))?;
    Some(format!("{}{}{near}", start, &key[start.len()..=start.len()]))
}
