//! `rhailab http-serve` and `rhailab udp-serve`: the servers that recipes start with functions of these names.

use crate::kernel::linux::serve::{self, Service};
use crate::kernel::{Done, Why, interrupt};
use crate::output::write_err;
use clap::Args;
use std::convert::Infallible;
use std::net::IpAddr;

/// Answer every request with a text, until asked to stop
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The port; 0 lets the kernel choose
    #[arg(long)]
    port: u16,
    /// The address; every one, if none is given
    #[arg(long)]
    addr: Option<IpAddr>,
    /// The answer; `{client}`, `{host}`, and `{path}` or `{text}` are filled in
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    body: String,
    /// The server's name, for `{host}`
    #[arg(long, default_value = "")]
    host: String,
}

/// `http-serve`.
pub fn http(args: &ServeArgs) -> i32 {
    code(serve::http(&service(args)))
}

/// `udp-serve`.
pub fn udp(args: &ServeArgs) -> i32 {
    code(serve::udp(&service(args)))
}

/// The exit status of a server that was asked to stop or could not go on, which is the kernel's error number where there is
/// one: a recipe asks whether the port was taken.
fn code(done: Done<Infallible>) -> i32 {
    let Err(refusal) = done;
    if let (Why::Interrupted, Some(signal)) = (refusal.why, interrupt::signal()) {
        return 128 + signal as i32;
    }
    // One line for its log, which the recipe's report quotes.
    write_err(&refusal.to_string());
    refusal.number().unwrap_or(1)
}

fn service(ServeArgs { port, addr, body, host }: &ServeArgs) -> Service {
    Service { port: *port, addr: *addr, body: body.clone(), host: host.clone() }
}
