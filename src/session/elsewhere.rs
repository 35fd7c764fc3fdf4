//! Labs on the machine that were made in another network namespace than this one, such as that of a container or of a
//! test. Looked for from here, all their network would seem to be gone.

use super::machine::{inhabitant, root_netns};
use crate::lab::registry::LabInfo;
use crate::model::error::{Class, OpError, OpResult};

/// Refuses a lab whose network is elsewhere.
pub fn require_here(info: &LabInfo) -> OpResult<()> {
    match root_elsewhere(info)? {
        None => Ok(()),
        Some(root) => Err(elsewhere(info, inhabitant(root)?)),
    }
}

/// Whether a lab's network is here, and not in a namespace that, as the user says, is gone; an error if that is not so.
pub fn is_here_or_gone(info: &LabInfo) -> OpResult<bool> {
    let Some(root) = root_elsewhere(info)? else { return Ok(true) };
    match inhabitant(root)? {
        None => Ok(false),
        inhabitant => Err(elsewhere(info, inhabitant)),
    }
}

/// The cookie of the lab's root namespace, if that is not ours.
fn root_elsewhere(info: &LabInfo) -> OpResult<Option<u64>> {
    let Some(root) = info.root else { return Ok(None) };
    Ok((root_netns()? != root).then_some(root))
}

fn elsewhere(info: &LabInfo, inhabitant: Option<i32>) -> OpError {
    let name = &info.name;
    let message = format!("The lab `{name}` stands in another network namespace than this one.");
    let help = match inhabitant {
        Some(pid) => {
            format!(
                "Process {pid} is in it. From there it can be reached: `nsenter --net=/proc/{pid}/ns/net rhailab …`."
            )
        }
        None => format!(
            "No process is in it, so it has probably ended, and what was in it too. If so, `rhailab down --gone {name}` undoes the rest."
        ),
    };
    OpError::new("lab::elsewhere", message).help(help).class(Class::Leftover)
}
