//! Reading a file, or standard input, that may be anything: a pipe that nobody writes to, a terminal, `/dev/zero`.

use super::interrupt;
use nix::libc;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, stdin};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads a whole file of at most `longest` bytes (else [`ErrorKind::FileTooLarge`]). The user's wish to stop ends it
/// ([`ErrorKind::Interrupted`]).
pub fn whole(path: &Path, longest: usize) -> Result<Vec<u8>, Error> {
    // Opening a pipe waits for its writer, and no signal of ours would end that (fifo(7)).
    all(OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?, longest)
}

/// Reads all of standard input, in the same way.
pub fn standard_input(longest: usize) -> Result<Vec<u8>, Error> {
    all(File::from(stdin().as_fd().try_clone_to_owned()?), longest)
}

fn all(mut file: File, longest: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    // Not larger, because to touch a page for the first time takes about as long as a system call.
    let mut part = vec![0; 8 << 10];
    loop {
        interrupt::wait_readable(&file, None).map_err(|_| Error::from(ErrorKind::Interrupted))?;
        match file.read(&mut part) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes.extend_from_slice(part.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if bytes.len() > longest {
            return Err(Error::new(ErrorKind::FileTooLarge, format!("it is longer than {} MiB", longest >> 20)));
        }
    }
}
