//! Subnets that are chosen rather than given.

use super::{Action, Call, Error, FnDef, FnKind, FnParam, Opt, Ty, Value};
use crate::model::error::{OpError, OpResult};
use ipnet::{IpNet, Ipv4Net};
use std::net::Ipv4Addr;

/// Private, and seldom used: the defaults of container engines, virtual machines and home routers are elsewhere.
const POOL: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 208, 0, 0), 12);

/// The family.
pub const DEFS: &[FnDef] = &[FnDef {
    name: "free_subnet",
    kind: FnKind::Free,
    params: &[
        FnParam { name: "prefix", ty: Ty::Int, default: Some("24"), doc: "its prefix length" },
        FnParam {
            name: "options",
            ty: Ty::Options(&[Opt {
                name: "pool",
                ty: Ty::Subnet,
                default: "10.208.0.0/12",
                doc: "the subnet that it is to be one of, IPv4 or IPv6",
            }]),
            default: Some("none"),
            doc: "",
        },
    ],
    returns: Ty::Subnet,
    summary: "Chooses a subnet that nothing uses.",
    details: "It overlaps no route and no address of the lab's root namespace, nothing that the recipe has addresses in \
                  or has chosen before, and with `--host` nothing that was chosen for another lab on the machine.",
    example: r#"let lan = free_subnet();
let dmz = free_subnet(28);
bridge("br0").addr(lan.host(1)).addr(dmz.host(1)).up();"#,
    errors: &[
        Error { code: "subnet::none_free", when: "every subnet of the pool is in use" },
        Error { code: "subnet::prefix", when: "the pool has no subnets of that prefix length" },
    ],
    run: Action::Op(free_subnet),
}];

fn free_subnet(call: &mut Call<'_>) -> OpResult<Value> {
    let pool: IpNet = call.args.or("pool", IpNet::V4(POOL))?;
    let wanted: i64 = call.args.or("prefix", 24)?;
    let prefix =
        u8::try_from(wanted).ok().filter(|prefix| (pool.prefix_len()..=pool.max_prefix_len()).contains(prefix));
    let Some(prefix) = prefix else {
        let message = format!("{pool} has no subnets with a prefix length of {wanted}.");
        let help = format!("It has those from {} to {}.", pool.prefix_len(), pool.max_prefix_len());
        return Err(OpError::new("subnet::prefix", message).help(help).arg("prefix"));
    };
    match call.lab.free_subnet(pool, prefix)? {
        Some(net) => Ok(Value::Subnet(net)),
        None => {
            Err(OpError::new("subnet::none_free", format!("Every /{prefix} of {pool} overlaps one that is in use."))
                .help("Name another pool: `#{ pool: \"172.20.0.0/14\" }`. `ip route` shows what this machine uses.")
                .arg("pool"))
        }
    }
}
