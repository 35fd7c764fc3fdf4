//! Why a sysctl could not be read or written.

use super::sysctl_path;
use crate::model::error::{Class, OpError, closest};
use crate::model::explain::{finish, no_netns, place, reason};
use crate::model::known::Nothing;
use crate::model::names::Ns;
use crate::model::refusal::{Cause, Errno, Refusal};
use std::path::Path;

/// Why a key that is known may not be there.
const HIDDEN: &str =
    "Some belong to the whole machine and are seen with `--host` only; others come with a module that is not loaded.";

/// Why a sysctl could not be read or written.
pub fn sysctl(refusal: &Refusal, ns: &Ns, key: &str) -> OpError {
    let here = place(ns);
    let error = match (&refusal.cause, refusal.number().map(Errno::from_raw)) {
        (Cause::NoNetns(gone), _) => no_netns(gone, &Nothing),
        (_, Some(Errno::ENOENT)) => {
            let error = OpError::new("sysctl::unknown", format!("There is no sysctl `{key}` in {here}.")).arg("key");
            match near(key) {
                Some(near) => error.help(format!("Did you mean `{near}`? {HIDDEN}")),
                None => error.help(format!("See what there is under {}. {HIDDEN}", folder(key).display())),
            }
        }
        (_, Some(Errno::EACCES | Errno::EPERM | Errno::EROFS)) => OpError::new(
            "sysctl::denied",
            format!("The sysctl `{key}` may not be changed in {here}."),
        )
        .help(
            "It belongs to the whole machine, not to a namespace: set it with `--host`, or leave it out in a sandbox.",
        )
        .arg("key"),
        (Cause::Held, _) => OpError::new(
            "sysctl::held",
            format!("The sysctl `{key}` in {here} cannot have that value: {}.", refusal.words),
        )
        .help("Labs that share a machine must agree on its sysctls. Take the other one down first, or run one of them in a sandbox.")
        .arg("value"),
        (_, Some(Errno::EINVAL | Errno::ERANGE)) => {
            OpError::new("sysctl::value", format!("The sysctl `{key}` in {here} does not take that value."))
                .help("Read the present one with `sysctl(key)` to see the form it has.")
                .arg("value")
        }
        _ => OpError::new("sysctl::refused", format!("The sysctl `{key}` in {here}: {}.", reason(refusal))),
    };
    finish(error, refusal)
}

/// Why it could not be noted that a lab has set a sysctl.
pub fn unrecorded(refusal: &Refusal, ns: &Ns, key: &str) -> OpError {
    let message = format!("The sysctl `{key}` in {} could not be put on record: {}.", place(ns), reason(refusal));
    let error = OpError::new("sysctl::unrecorded", message)
        .help("It is counted which labs have set it, or it could not be put back. Free some space, or set RHAILAB_STATE_DIR to a folder that can be written.")
        .class(Class::Machine);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kind::Kind;
    use crate::model::sysctl::SetSysctl;

    #[test]
    fn a_full_disk_of_ours_is_not_blamed_on_the_sysctl() {
        let full = std::io::Error::from_raw_os_error(Errno::ENOSPC as i32);
        let (key, value) = ("net.ipv4.ip_forward".to_owned(), "1".to_owned());
        let set = SetSysctl { ns: Ns::Host, key, value };
        let told = |cause| set.explain(&Refusal::io("write", &full).because(cause), &Nothing);
        let ours = told(Cause::Ledger);
        assert_eq!((ours.0.code, ours.0.class), ("sysctl::unrecorded", Class::Machine));
        assert_eq!(told(Cause::Unknown).0.code, "sysctl::refused");
    }
}
