//! Questions about an interface that an ioctl answers (netdevice(7)), for a fraction of what a netlink request takes.

use crate::kernel::linux::netlink::Socket;
use crate::kernel::{Done, Refusal};
use crate::model::names::IfName;
use nix::errno::Errno;
use nix::libc::{self, ifreq};
use std::os::fd::AsRawFd;

mod request {
    use nix::libc::{self, ifreq};
    nix::ioctl_readwrite_bad!(index_of, libc::SIOCGIFINDEX, ifreq);
    nix::ioctl_readwrite_bad!(name_of, libc::SIOCGIFNAME, ifreq);
    nix::ioctl_readwrite_bad!(flags_of, libc::SIOCGIFFLAGS, ifreq);
}

type Ioctl = unsafe fn(libc::c_int, *mut ifreq) -> nix::Result<libc::c_int>;

/// The index of an interface in the socket's namespace.
pub fn index(socket: &Socket, name: &IfName) -> Done<u32> {
    let mut about = named(name);
    ask(socket, "SIOCGIFINDEX", request::index_of, &mut about).map_err(|refusal| known(refusal, name))?;
    #[expect(unsafe_code, reason = "a C union")]
    // SAFETY: this request fills in the index.
    let index = unsafe { about.ifr_ifru.ifru_ifindex };
    Ok(index.unsigned_abs())
}

/// Whether an interface in the socket's namespace is up.
pub fn is_up(socket: &Socket, name: &IfName) -> Done<bool> {
    let mut about = named(name);
    ask(socket, "SIOCGIFFLAGS", request::flags_of, &mut about).map_err(|refusal| known(refusal, name))?;
    #[expect(unsafe_code, reason = "a C union")]
    // SAFETY: this request fills in the flags.
    let flags = unsafe { about.ifr_ifru.ifru_flags };
    Ok(libc::c_int::from(flags) & libc::IFF_UP != 0)
}

/// The name of the interface with that index in the socket's namespace.
pub fn name(socket: &Socket, index: u32) -> Done<String> {
    let mut about = empty();
    about.ifr_ifru.ifru_ifindex = i32::try_from(index).unwrap_or(0);
    ask(socket, "SIOCGIFNAME", request::name_of, &mut about)?;
    let bytes = about.ifr_name.map(libc::c_char::cast_unsigned);
    Ok(String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned())
}

/// What is said of an interface that is not there.
fn known(refusal: Refusal, name: &IfName) -> Refusal {
    if refusal.is(Errno::ENODEV) { super::missing(name) } else { refusal }
}

fn ask(socket: &Socket, what: &str, ioctl: Ioctl, about: &mut ifreq) -> Done<()> {
    #[expect(unsafe_code, reason = "an ioctl is unsafe in itself")]
    // SAFETY: each of these requests reads and writes one `ifreq`, and that is what it is given.
    unsafe { ioctl(socket.fd().as_raw_fd(), about) }.map(drop).map_err(|e| Refusal::errno(what, e as i32))
}

/// A question about the interface of that name, which is shorter than `IFNAMSIZ`.
fn named(name: &IfName) -> ifreq {
    let mut about = empty();
    for (to, from) in about.ifr_name.iter_mut().zip(name.as_str().bytes()) {
        *to = from.cast_signed();
    }
    about
}

fn empty() -> ifreq {
    #[expect(unsafe_code, reason = "a C struct without a constructor")]
    // SAFETY: of its integers and pointers zero is a value.
    unsafe {
        std::mem::zeroed()
    }
}
