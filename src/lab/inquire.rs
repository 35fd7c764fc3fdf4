//! What a lab can be asked: the kernel's answers, its refusals explained.

use super::{Lab, Record, explain};
use crate::kernel::{Done, Errno};
use crate::model::error::OpResult;
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::names::{ChainName, IfName, Ns};
use crate::model::object::VirtualIp;
use crate::model::observe::{Command, LinkInfo, Output, Probe, ProcState, Reply, RouteAnswer, Snapshot};
use crate::model::rules::{EditRules, Table};
use crate::model::subject::{MASQUERADED, VIP};
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

impl Lab {
    /// Runs a command to its end.
    pub fn exec(&mut self, ns: &Ns, command: &Command) -> OpResult<Output> {
        self.settle()?;
        self.kernel.exec(ns, command).map_err(|refusal| explain::exec(&refusal, ns, &command.argv, &self.made))
    }

    /// Probes the network; the probe's own refusal is returned as it is, because a failed probe is often expected.
    pub fn probe(&mut self, ns: &Ns, probe: &Probe) -> OpResult<Done<Reply>> {
        self.settle()?;
        Ok(self.kernel.probe(ns, probe))
    }

    /// Reads a sysctl.
    pub fn sysctl(&mut self, ns: &Ns, key: &str) -> OpResult<String> {
        self.kernel.sysctl(ns, key).map_err(|refusal| explain::sysctl(&refusal, ns, key))
    }

    /// Reads an interface.
    pub fn link(&mut self, ns: &Ns, name: &IfName) -> OpResult<LinkInfo> {
        self.kernel.link(ns, name).map_err(|refusal| explain::link(&refusal, ns, name, &self.made))
    }

    /// The interfaces and routes of a namespace.
    pub fn network(&mut self, ns: &Ns) -> OpResult<Snapshot> {
        self.kernel.network(ns).map_err(|refusal| explain::plain(&refusal, ns))
    }

    /// The other end of a veth pair of this lab.
    pub fn other_end(&self, ns: &Ns, link: &IfName) -> Option<(Ns, IfName)> {
        self.made.state().other_end(ns, link).cloned()
    }

    /// The change that made a chain; none if it is not one of this lab.
    pub fn chain(&self, ns: &Ns, family: Family, table: Table, chain: &ChainName) -> Option<&Record> {
        self.made.get(self.made.state().holder(&EditRules::chain(ns, family, table, chain.as_str()))?)
    }

    /// A virtual IP of this lab by its name, with the number of the change that makes it.
    pub fn vip(&self, ns: &Ns, family: Family, name: &ChainName) -> Option<(u64, &VirtualIp)> {
        let n = self.made.state().holder(&VirtualIp::subject(ns, family, name))?;
        Some((n, self.made.get(n)?.change.rules()?.object.as_ref()?.vip()?))
    }

    /// The virtual IPs of this lab in a namespace, oldest first.
    pub fn vips(&self, ns: &Ns) -> Vec<&VirtualIp> {
        let mut numbers: Vec<u64> = self.made.state().holders_in(ns, VIP).collect();
        numbers.sort_unstable();
        let object = |n| self.made.get(n)?.change.rules()?.object.as_ref()?.vip();
        numbers.into_iter().filter_map(object).collect()
    }

    /// Whether the recipe masquerades all packets from a subnet.
    pub fn masquerades(&self, ns: &Ns, net: &IpNet) -> bool {
        let mut nets = self.made.state().keys_in(ns, MASQUERADED).filter_map(|key| key.parse::<IpNet>().ok());
        nets.any(|masqueraded| masqueraded.contains(net))
    }

    /// The interface in `ns` at the other end of the pair on which this lab put an address.
    pub fn end_towards(&self, ns: &Ns, ip: IpAddr) -> Option<IfName> {
        self.made.state().end_towards(ns, ip).cloned()
    }

    /// Whether a namespace of that name is there.
    pub fn netns_exists(&mut self, ns: &Ns) -> OpResult<bool> {
        self.kernel.netns_exists(ns).map_err(|refusal| explain::plain(&refusal, ns))
    }

    /// Where packets to an address would go; none where there is no route.
    pub fn route_to(&mut self, ns: &Ns, to: IpAddr) -> OpResult<Option<RouteAnswer>> {
        match self.kernel.route_to(ns, to) {
            Ok(answer) => Ok(Some(answer)),
            Err(refusal) if refusal.is(Errno::ENETUNREACH) => Ok(None),
            Err(refusal) => Err(explain::plain(&refusal, ns)),
        }
    }

    /// What a started process is doing.
    pub fn process(&mut self, process: &Identity) -> OpResult<ProcState> {
        self.settle()?;
        self.kernel.process(process).map_err(|refusal| explain::plain(&refusal, &Ns::Host))
    }

    /// Sends a started process a signal.
    pub fn signal(&mut self, process: &Identity, signal: i32) -> OpResult<()> {
        if !self.signalled.contains(process) {
            self.signalled.push(process.clone());
        }
        self.kernel.signal(process, signal).map_err(|refusal| explain::plain(&refusal, &Ns::Host))
    }

    /// Forgets tracked connections to an original destination, so that packets meet the NAT rules anew.
    pub fn forget_flows(&mut self, ns: &Ns, to: IpAddr, port: u16, protocol: u8) -> OpResult<()> {
        self.settle()?;
        self.kernel.forget_flows(ns, to, port, protocol).map_err(|refusal| explain::plain(&refusal, ns))
    }

    /// A subnet of the pool that nothing uses: no route and no address of the lab's root namespace, nothing that the lab
    /// has addresses in or has chosen before, and nothing that was chosen for another lab on the machine.
    pub fn free_subnet(&mut self, pool: IpNet, prefix: u8) -> OpResult<Option<IpNet>> {
        let refused = |refusal| explain::plain(&refusal, &Ns::Host);
        let mut taken = self.kernel.used_subnets(&Ns::Host).map_err(refused)?;
        taken.extend(&self.chosen);
        taken.extend(self.made.state().subnets());
        let chosen = self.kernel.reserve_subnet(pool, prefix, &taken).map_err(refused)?;
        self.chosen.extend(chosen);
        Ok(chosen)
    }

    /// Waits, unless interrupted.
    pub fn sleep(&mut self, time: Duration) -> OpResult<()> {
        self.settle()?;
        self.kernel.sleep(time).map_err(|refusal| explain::plain(&refusal, &Ns::Host))
    }
}
