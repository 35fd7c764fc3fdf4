//! VXLAN tunnels.

use crate::support::{add_netns, addr, ifname, lab, mac, ns, sh, veth};
use rhailab::kernel::{ChangeRef, Kernel, Observed};
use rhailab::model::change::Change;
use rhailab::model::link::kinds::vxlan::names;
use rhailab::model::link::{AddLink, Attr, LinkKind, NewLink};
use rhailab::model::names::Ns;

fn tunnel(attrs: &[(&str, Attr)]) -> NewLink {
    let new = NewLink::new(ifname("vx0"), LinkKind::named("vxlan").unwrap());
    attrs.iter().fold(new, |new, (name, value)| new.with(name, Some(value.clone())))
}

#[test]
fn a_tunnel_is_made_read_and_deleted() {
    let Some(mut lab) = lab() else { return };
    lab.make(add_netns("web"));
    lab.make(veth(&ns("web"), "eth0", &Ns::Host, "v-web"));
    lab.make(addr(&ns("web"), "eth0", "192.0.2.1/24"));
    let text = |text: &str| Attr::Text(text.into());
    let base = [(names::ID, Attr::Int(7)), (names::PORT, Attr::Int(4789))];
    let more = |more: &[(&'static str, Attr)]| [&base[..], more].concat();
    let cases = [
        (tunnel(&base), "vxlan id 7 "),
        (
            tunnel(&more(&[(names::LOCAL, text("192.0.2.1")), (names::REMOTE, text("192.0.2.2"))])),
            "remote 192.0.2.2 local 192.0.2.1",
        ),
        (tunnel(&more(&[(names::REMOTE, text("2001:db8::2"))])), "remote 2001:db8::2"),
        (
            NewLink { lower: Some(ifname("eth0")), ..tunnel(&more(&[(names::GROUP, text("239.1.1.1"))])) },
            "group 239.1.1.1 dev eth0",
        ),
        (tunnel(&more(&[(names::TTL, Attr::Int(9)), (names::LEARNING, Attr::Bool(false))])), "ttl 9"),
        (NewLink { mtu: Some(1400), mac: Some(mac("02:00:00:00:00:01")), up: true, ..tunnel(&base) }, "mtu 1400"),
    ];
    for (link, shown) in cases {
        let change = Change::AddLink(AddLink { ns: ns("web"), link });
        let at = lab.make(change.clone());
        let there = sh("ip -n web -d link show vx0");
        assert!(there.contains(shown) && there.contains("dstport 4789"), "{change:?}: {there}");
        let read = lab.kernel.read(&[ChangeRef { n: 1, change: &change, identity: &lab.made[at].1 }]);
        assert!(read.iter().flatten().flatten().all(|seen| *seen != Observed::Gone), "{change:?}: {read:?}");
        lab.undo_twice(at);
    }
}
