//! What is wrong with a link: it is down, nobody on it has the address, the subnet is not that of the others.

use super::{at, iface};
use crate::lab::why::end::{End, stop_at, stopped};
use crate::lab::why::packet::Packet;
use crate::lab::why::segment::{Place, Segment, Trouble, interface};
use crate::lab::why::walk::Walk;
use crate::lab::why::{Stop, maker};
use crate::model::addr::AddAddr;
use crate::model::change::Change;
use crate::model::forwarding::Way;
use crate::model::kind::Kind;
use crate::model::names::Ns;
use crate::model::observe::LinkInfo;
use crate::model::route::AddRoute;
use crate::model::subject::UP;
use ipnet::IpNet;

impl Walk<'_> {
    /// A link on which frames do not get through.
    pub fn broken(&self, ns: &Ns, packet: &Packet, trouble: &Trouble) -> End {
        let (Trouble::Down(place) | Trouble::Blocked(place, _)) = trouble;
        let name = self.name(place);
        let reason = match trouble {
            Trouble::Down(_) if place.0 == *ns => format!("its interface {name} is down, on which {packet} depends"),
            Trouble::Down(_) => format!("the interface {name} is down, by which {packet} would have to pass"),
            Trouble::Blocked(_, why) => format!("the bridge port {name} {why}"),
        };
        let site = self.site_of(&place.0, &name, UP);
        let site = site.or_else(|| self.site_of_link(&place.0, &name));
        let missing = match trouble {
            Trouble::Down(_) => Some(format!("{}.up();", iface(&place.0, &name))),
            Trouble::Blocked(..) => None,
        };
        let stop = stop_at("link_down", &place.0, packet, reason);
        stopped(Stop { site, missing, ..stop })
    }

    /// Nobody on a link has the address that is asked for.
    pub fn nobody(&self, from: &Place, own: &LinkInfo, link: &Segment, way: &Way, packet: &Packet) -> End {
        let (ns, name) = (&from.0, &own.name);
        if let Some(via) = way.via {
            let reason =
                format!("nobody on the link of {name} has the router's address {via}, by which {packet} is sent");
            let others = link.reached.iter().filter(|reached| reached.at.0 != *ns && reached.trouble.is_none());
            let mut usable =
                others.filter_map(|reached| interface(&self.map, &reached.at)).flat_map(|link| &link.addrs);
            let router = usable.find(|net| own.addrs.iter().any(|here| here.contains(&net.addr())));
            let wrong = |change: &Change| matches!(change, Change::AddRoute(AddRoute { ns: there, route }) if there == ns && route.via == Some(via));
            let mut theirs = self.made.records().rev().filter(|record| wrong(&record.change));
            let to = theirs.find_map(|record| record.change.route()).filter(|route| !route.is_default());
            let to = to.map(|route| route.to.to_string());
            let to = to.unwrap_or_else(|| "default".to_owned());
            let missing = router
                .map(|router| format!("{0}.del_route(\"{to}\"); {0}.route(\"{to}\", \"{1}\");", at(ns), router.addr()));
            let stop = stop_at("gateway", ns, packet, reason);
            return stopped(Stop { site: maker(self.made, wrong), missing, ..stop });
        }
        let to = packet.dst.ip();
        let covers = own.addrs.iter().find(|net| net.contains(&to));
        let elsewhere = self.map.iter().find(|(_, terrain)| terrain.owner(to).is_some()).map(|(ns, _)| ns);
        if let (Some(net), Some(elsewhere)) = (covers, elsewhere) {
            let reason = format!(
                "{to} is taken for an address on the link of {name}, because of the subnet of its address {net}; but it is in `{elsewhere}`, on another link"
            );
            let others = link.reached.iter().filter_map(|reached| interface(&self.map, &reached.at));
            let narrower =
                others.flat_map(|link| &link.addrs).map(IpNet::prefix_len).filter(|len| *len > net.prefix_len());
            let guess = if to.is_ipv4() { 24 } else { 64 };
            let prefix = narrower.max().unwrap_or_else(|| guess.max(net.prefix_len() + 1));
            return self.wrong_mask(ns, packet, own, net, prefix, reason);
        }
        let reason = format!("nobody on the link of {name} has the address {to}");
        let stop = stop_at("nobody", ns, packet, reason);
        stopped(Stop { site: self.site_of_link(ns, name), ..stop })
    }

    pub(super) fn wrong_mask(
        &self,
        ns: &Ns,
        packet: &Packet,
        own: &LinkInfo,
        wrong: &IpNet,
        prefix: u8,
        reason: String,
    ) -> End {
        let site = maker(
            self.made,
            |change| matches!(change, Change::AddAddr(AddAddr { ns: there, addr, .. }) if there == ns && addr == wrong),
        );
        let right = IpNet::new(wrong.addr(), prefix).unwrap_or(*wrong);
        // The namespace's routes by the address go with it, and must be made anew.
        let here = self.made.records().rev().filter(|record| record.change.ns() == *ns);
        let default = here.filter_map(|record| record.change.route()).find(|route| route.is_default());
        let default = default.and_then(|route| route.via);
        let default = default.filter(|via| wrong.contains(via));
        let mut missing = format!("{0}.del_addr(\"{wrong}\"); {0}.addr(\"{right}\");", iface(ns, &own.name));
        if let Some(via) = default {
            missing = format!("{0}.del_route(\"default\"); {missing} {0}.route(\"default\", \"{via}\");", at(ns));
        }
        let stop = stop_at("mask", ns, packet, reason);
        stopped(Stop { site, missing: Some(missing), ..stop })
    }
}
