//! Which boot of the machine this is: what the kernel knew in another one is gone.

use std::sync::OnceLock;

/// This boot's id (random(4)); empty where the kernel does not tell.
pub fn boot_id() -> String {
    static ID: OnceLock<String> = OnceLock::new();
    let read = || std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
    ID.get_or_init(read).clone()
}
