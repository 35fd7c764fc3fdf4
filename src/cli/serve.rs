//! `rhailab http-serve` and `rhailab udp-serve`: the servers that recipes start with functions of these names.

use super::engine;
use crate::kernel::linux::serve::Service;
use clap::Args;
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
    engine::serve(&service(args), false)
}

/// `udp-serve`.
pub fn udp(args: &ServeArgs) -> i32 {
    engine::serve(&service(args), true)
}

fn service(ServeArgs { port, addr, body, host }: &ServeArgs) -> Service {
    Service { port: *port, addr: *addr, body: body.clone(), host: host.clone() }
}
