//! Reading rules, without making a table by looking at it.

use super::backend::{Backend, Role, Tools};
use super::child;
use super::command::Marked;
use super::words;
use crate::kernel::linux::nfnetlink::{self, Nfnetlink};
use crate::kernel::linux::spaces::{self, Spaces};
use crate::kernel::{Done, Refusal, Why};
use crate::model::family::Family;
use crate::model::names::Ns;
use crate::model::rule::saved::Saved;
use crate::model::rules::Table;
use iptables::IPTables;
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

/// Whether a rule is there (`iptables -C`).
///
/// A single question is what the crate `iptables` is for. The exit status is looked at here, because its own `exists` takes
/// every failure for "no". It splits text at spaces outside quotes, so that a word with a quote in it is beyond it.
pub(super) fn has_rule(
    tools: &mut Tools,
    spaces: &Spaces,
    ns: &Ns,
    (family, backend): (Family, Backend),
    table: Table,
    marked: &Marked,
) -> Done<bool> {
    let program = tools.program(family, backend, Role::Command)?;
    let request = format!("{} -C", family.iptables());
    let words = marked.words();
    let (status, said) = if words.iter().any(|word| word.is_empty() || word.contains(['"', '\''])) {
        let mut args = vec!["-w", "5", "-t", table.as_str(), "-C", &marked.chain];
        args.extend(words.iter().map(String::as_str));
        let check = spaces.within(ns, || child::run(&program, &args))?;
        (check.status, check.stderr)
    } else {
        let program = program.into_os_string().into_string();
        let program = program.map_err(|_| Refusal::new(Why::NoTool, request.as_str(), ""))?;
        // `cmd` wants a `'static` name: leaked, a few dozen bytes for each question. `has_wait` would wait for ever.
        let tables = IPTables { cmd: program.leak(), has_check: true, has_wait: false, is_numeric: false };
        let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        let question = format!("-w 5 -C {} {}", marked.chain, words.join(" "));
        let answer = spaces.within(ns, || {
            let answer = tables.execute(table.as_str(), &question);
            answer.map_err(|e| Refusal::new(Why::Protocol, request.as_str(), e.to_string()))
        })?;
        (answer.status.code().unwrap_or(-1), String::from_utf8_lossy(&answer.stderr).into_owned())
    };
    match status {
        0 => Ok(true),
        1 => Ok(false),
        status => Err(Refusal::new(Why::Tool(status), request, words::clean(&said))),
    }
}
