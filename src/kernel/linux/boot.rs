//! Which boot of the machine this is: what the kernel knew in another one is gone.

/// This boot's id (random(4)); empty where the kernel does not tell.
pub fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map(|id| id.trim().to_owned()).unwrap_or_default()
}
