//! What a terminal is like (ioctl_tty(2)).

use nix::libc;
use std::os::fd::{AsFd, AsRawFd};

mod request {
    use nix::libc;
    nix::ioctl_read_bad!(window_size, libc::TIOCGWINSZ, libc::winsize);
}

/// How many columns it has; none if it is no terminal, or does not say.
pub fn columns(terminal: impl AsFd) -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    #[expect(unsafe_code, reason = "an ioctl is unsafe in itself")]
    // SAFETY: TIOCGWINSZ writes one `winsize`, and that is what it is given.
    unsafe { request::window_size(terminal.as_fd().as_raw_fd(), &raw mut size) }.ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}
