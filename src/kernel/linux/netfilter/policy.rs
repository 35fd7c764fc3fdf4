//! What becomes of packets that no rule of a built-in chain decides about.

use super::backend::{Role, Tools};
use super::nft::{self, Sent};
use super::{Backend, Netfilter, Target, read, words};
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::{Done, Refusal, Why};
use crate::model::family::Family;
use crate::model::hook::Hook;
use crate::model::names::Ns;
use crate::model::rules::Table;
use iptables::IPTables;

/// A built-in chain of one backend.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn<'a> {
    /// In which namespace.
    pub ns: &'a Ns,
    /// Of which family.
    pub family: Family,
    /// In whose tables.
    pub backend: Backend,
    /// The table.
    pub table: Table,
    /// The chain.
    pub chain: Hook,
}

impl Netfilter {
    /// The policy of a chain: that of one that is not there yet is to accept. Looking makes none.
    pub fn policy(&mut self, spaces: &Spaces, of: BuiltIn<'_>) -> Done<String> {
        match of.backend {
            Backend::Nft => self.talk(spaces, of.ns, |channel| nft::policy(channel, of.family, of.table, of.chain)),
            Backend::Legacy => {
                let saved = read::saved(&mut self.tools, spaces, of.ns, of.family, of.backend)?.unwrap_or_default();
                let chain = saved.table(of.table.as_str()).and_then(|table| table.chain(of.chain.as_str()));
                Ok(chain.and_then(|chain| chain.policy.clone()).unwrap_or_else(|| "ACCEPT".to_owned()))
            }
        }
    }

    /// Sets the policy of a chain, after all rules that are put off. One that accepts again, and that we made, goes if nobody
    /// uses it.
    pub fn set_policy(&mut self, spaces: &Spaces, of: BuiltIn<'_>, policy: &str) -> Done<()> {
        let target = Target { ns: of.ns.clone(), family: of.family, backend: of.backend };
        self.flush_target(spaces, &target);
        let set = of.backend == Backend::Nft
            && match self
                .talk(spaces, of.ns, |channel| Ok(nft::set_policy(channel, of.family, of.table, of.chain, policy)))?
            {
                Sent::Made => true,
                Sent::NotMade => false,
                Sent::Unknown(refusal) => return Err(refusal),
            };
        if !set {
            command(&mut self.tools, spaces, of, policy)?;
        }
        if policy == "ACCEPT" {
            self.sweep(spaces, &target, of.table);
        }
        Ok(())
    }
}

/// Sets it by the tool (`iptables -P`), which has words for what the kernel refuses.
fn command(tools: &mut Tools, spaces: &Spaces, of: BuiltIn<'_>, policy: &str) -> Done<()> {
    let program = tools.program(of.family, of.backend, Role::Command)?;
    let request = format!("{} -P", of.family.iptables());
    let program = program.into_os_string().into_string();
    let program = program.map_err(|_| Refusal::new(Why::NoTool, request.as_str(), ""))?;
    // `cmd` wants a `'static` name: leaked, a few dozen bytes for each policy. `has_wait` would wait for ever.
    let tables = IPTables { cmd: program.leak(), has_check: true, has_wait: false, is_numeric: false };
    let line = format!("-w 5 -P {} {policy}", of.chain.as_str());
    let answer = spaces.within(of.ns, || {
        let answer = tables.execute(of.table.as_str(), &line);
        answer.map_err(|e| Refusal::new(Why::Protocol, request.as_str(), e.to_string()))
    })?;
    match answer.status.code() {
        Some(0) => Ok(()),
        status => {
            let said = words::clean(&String::from_utf8_lossy(&answer.stderr));
            Err(Refusal::new(Why::Tool(status.unwrap_or(-1)), request, said))
        }
    }
}
