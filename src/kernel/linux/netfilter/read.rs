//! Reading rules, without making a table by looking at it.

use super::backend::{Backend, Role, Tools};
use super::child;
use super::words;
use crate::kernel::linux::nfnetlink::{self, Nfnetlink};
use crate::kernel::linux::spaces::{self, Spaces};
use crate::kernel::{Done, Refusal, Why};
use crate::model::family::Family;
use crate::model::names::Ns;
use crate::model::rule::saved::Saved;
use std::io::ErrorKind;

/// Every table of a family as `iptables-save` prints it; none where its program is not installed. No process is
/// started where there is no table.
pub(super) fn saved(
    tools: &mut Tools,
    spaces: &Spaces,
    ns: &Ns,
    family: Family,
    backend: Backend,
) -> Done<Option<Saved>> {
    save(tools, spaces, ns, (family, backend), &[])
}

/// The same with counters.
pub(super) fn counted(
    tools: &mut Tools,
    spaces: &Spaces,
    ns: &Ns,
    family: Family,
    backend: Backend,
) -> Done<Option<Saved>> {
    save(tools, spaces, ns, (family, backend), &["--counters"])
}

fn save(
    tools: &mut Tools,
    spaces: &Spaces,
    ns: &Ns,
    (family, backend): (Family, Backend),
    options: &[&str],
) -> Done<Option<Saved>> {
    if !spaces.within(ns, || Ok(has_tables(family, backend)))? {
        return Ok(Some(Saved::default()));
    }
    if !tools.has(family, backend)? {
        return Ok(None);
    }
    let program = tools.program(family, backend, Role::Save)?;
    let save = spaces.within(ns, || child::run(&program, options))?;
    if save.status != 0 {
        let request = format!("{}-save", family.iptables());
        return Err(Refusal::new(Why::Tool(save.status), request, words::clean(&save.stderr)));
    }
    Ok(Some(Saved::parse(&save.stdout)))
}

/// Whether the calling thread's namespace has a table of a backend; true where that cannot be told.
fn has_tables(family: Family, backend: Backend) -> bool {
    match backend {
        Backend::Legacy => {
            let names = match family {
                Family::V4 => "ip_tables_names",
                Family::V6 => "ip6_tables_names",
            };
            let Ok(names) = spaces::proc_net(names) else { return true };
            match std::fs::read(names) {
                Ok(names) => !names.is_empty(),
                // In a user namespace of an ordinary user the file cannot be read, and neither can the tables.
                Err(e) => !matches!(e.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied),
            }
        }
        Backend::Nft => {
            let number = if family == Family::V4 { nfnetlink::IPV4 } else { nfnetlink::IPV6 };
            let mut some = false;
            let dumped = Nfnetlink::open().and_then(|mut netlink| {
                netlink.dump(nfnetlink::NFTABLES, nfnetlink::GET_TABLE, number, &[], |_| some = true)
            });
            some || dumped.is_err_and(|refusal| !nfnetlink::is_unsupported(&refusal))
        }
    }
}
