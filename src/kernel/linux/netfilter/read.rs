//! Reading rules, without making a table by looking at it.

use super::backend::{Backend, Role, Tools};
use super::child;
use super::saved::Saved;
use super::words;
use crate::kernel::linux::nfnetlink::{self, Nfnetlink};
use crate::kernel::linux::spaces::{self, Spaces};
use crate::kernel::{Done, Refusal, Why};
use crate::model::family::Family;
use crate::model::names::Ns;
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
    Ok(save(tools, spaces, ns, family, backend, &[])?.map(|text| Saved::parse(&text)))
}

/// The same as text, with counters.
pub(super) fn counted(
    tools: &mut Tools,
    spaces: &Spaces,
    ns: &Ns,
    family: Family,
    backend: Backend,
) -> Done<Option<String>> {
    save(tools, spaces, ns, family, backend, &["--counters"])
}

fn save(
    tools: &mut Tools,
    spaces: &Spaces,
    ns: &Ns,
    family: Family,
    backend: Backend,
    options: &[&str],
) -> Done<Option<String>> {
    if !spaces.within(ns, || Ok(has_tables(family, backend)))? {
        return Ok(Some(String::new()));
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
    Ok(Some(save.stdout))
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

/// One chain as `iptables -S CHAIN` prints it, its policy or `-N` first.
///
/// A single query is what the `iptables` crate is for, so it is asked here: for its running of the command,
/// with the exit status checked, because its own `list`, `exists` and `chain_exists` take every failure for
/// "no". Elsewhere it does not fit: it splits rules by a regular expression that loses quotes, waits for ever,
/// and starts a process for each rule.
pub(super) fn chain(
    tools: &mut Tools,
    spaces: &Spaces,
    ns: &Ns,
    (family, backend): (Family, Backend),
    table: Table,
    chain: &str,
) -> Done<Vec<String>> {
    let request = format!("{} -t {} -S {chain}", family.iptables(), table.as_str());
    if !chain.bytes().all(|b| b.is_ascii_graphic() && !b"\"'".contains(&b)) || chain.starts_with('-') {
        return Err(Refusal::errno(request, nix::errno::Errno::EINVAL as i32));
    }
    let program = tools.program(family, backend, Role::Command)?;
    let program = program.into_os_string().into_string().map_err(|_| Refusal::new(Why::NoTool, "iptables", ""))?;
    // `cmd` wants a `'static` name: leaked, a few dozen bytes for each question.
    let tables = IPTables { cmd: program.leak(), has_check: true, has_wait: false, is_numeric: false };
    let output = spaces.within(ns, || {
        if !has_tables(family, backend) {
            return Ok(None);
        }
        // `-w 5` in the command instead of `has_wait`, which would wait for the lock for ever.
        let answer = tables.execute(table.as_str(), &format!("-w 5 -S {chain}"));
        answer.map(Some).map_err(|e| Refusal::new(Why::Protocol, request.as_str(), e.to_string()))
    })?;
    match output {
        None => Ok(Vec::new()),
        Some(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
        }
        Some(output) => {
            let said = words::clean(&String::from_utf8_lossy(&output.stderr));
            Err(Refusal::new(Why::Tool(output.status.code().unwrap_or(-1)), request, said))
        }
    }
}

/// Whether the rule that a line adds or deletes is there (`iptables -C`).
pub(super) fn has_rule(
    tools: &mut Tools,
    spaces: &Spaces,
    ns: &Ns,
    (family, backend): (Family, Backend),
    table: Table,
    line: &str,
) -> Done<bool> {
    let program = tools.program(family, backend, Role::Command)?;
    let rule = words::split(line);
    let mut args = vec!["-w", "5", "-t", table.as_str(), "-C"];
    args.extend(rule.iter().skip(1).map(String::as_str));
    let check = spaces.within(ns, || child::run(&program, &args))?;
    match check.status {
        0 => Ok(true),
        1 => Ok(false),
        status => {
            Err(Refusal::new(Why::Tool(status), format!("{} -C", family.iptables()), words::clean(&check.stderr)))
        }
    }
}
