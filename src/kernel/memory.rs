//! How the C library hands out memory.

/// Makes the allocator grow in steps that suit a short-lived process with one busy thread. Of its own accord, glibc gives
/// that thread an arena that grows page by page, with a system call for each page (mallopt(3)).
pub fn tune() {
    #[cfg(target_env = "gnu")]
    {
        use nix::libc;
        const STEP: libc::c_int = 1 << 20;
        for (setting, value) in [(libc::M_ARENA_MAX, 1), (libc::M_TOP_PAD, STEP), (libc::M_TRIM_THRESHOLD, 2 * STEP)] {
            #[expect(unsafe_code, reason = "a C function that takes two integers")]
            // SAFETY: it has no preconditions, and there is no other thread yet.
            unsafe {
                // Where it is refused, everything works as before.
                libc::mallopt(setting, value);
            }
        }
    }
}
