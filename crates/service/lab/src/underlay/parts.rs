//! Links, ways and tables of the ground.

use ipnet::IpNet;
use netloom_base::hash::fnv1a;
use netloom_state::host::{Link, LinkKind, Neighbour, Route, RouteKind};
use netloom_state::nft::{
    BaseChain, Chain, ChainKind, CompareOperator, ConntrackKey, Expression, Hook, MetaKey,
    Register, Rule, Table, Verdict, ct_state,
};
use netloom_state::{HostState, LinkEnd, Namespace};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The next hop over a veth pair: never an address of anybody, only a fixed neighbour.
const NEXT_HOP: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 1);
const NEXT_HOP_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x6e01);
const MAIN: u32 = 254;
/// `NFPROTO_IPV4` (`linux/netfilter.h`).
const IPV4: u8 = 2;
/// Every packet on the ground fits an Ethernet frame.
const MTU_BYTES: u32 = 1500;

pub(super) fn end(namespace: &Namespace, link: &str) -> LinkEnd {
    LinkEnd { namespace: namespace.clone(), link: link.to_owned() }
}

pub(super) fn loopback() -> Link {
    Link { kind: LinkKind::Loopback, mtu_bytes: 65536, mac: None, up: true }
}

pub(super) fn tunnel() -> Link {
    Link { kind: LinkKind::Tunnel, mtu_bytes: MTU_BYTES, mac: None, up: true }
}

/// A readable name of at most 15 characters; long ones end in their number.
pub(super) fn link_name(prefix: &str, number: usize, name: &str) -> String {
    let whole = format!("{prefix}{name}");
    if whole.len() <= 15 {
        return whole;
    }
    let number = format!("-{number}");
    format!("{}{number}", &whole[..15 - number.len()])
}

pub(super) fn veth(host: &mut HostState, a: &LinkEnd, b: &LinkEnd, mtu_bytes: u32) {
    for (this, other) in [(a, b), (b, a)] {
        let link = Link {
            kind: LinkKind::Veth { peer: other.clone() },
            mtu_bytes,
            mac: Some(mac(this)),
            up: true,
        };
        let state = host.namespaces.entry(this.namespace.clone()).or_default();
        state.links.insert(this.link.clone(), link);
        let silent = format!("net/ipv6/conf/{}/addr_gen_mode", this.link);
        state.sysctls.insert(silent, "1".to_owned());
    }
}

/// A locally administered address from the place's name.
fn mac(end: &LinkEnd) -> [u8; 6] {
    let [a, b, c, d, e, ..] = fnv1a(end.to_string().as_bytes()).to_be_bytes();
    [0x06, a, b, c, d, e]
}

pub(super) fn way(destination: IpNet, link: &str, gateway: Option<IpAddr>) -> Route {
    let kind = RouteKind::Unicast { link: link.to_owned(), gateway, source: None };
    Route { table: MAIN, destination, metric: 100, kind }
}

/// A route over a link; over a veth pair through a next hop whose hardware address is fixed.
pub(super) fn route_over(host: &mut HostState, at: &LinkEnd, to: IpNet, is_veth: bool) {
    let next: IpAddr = if to.addr().is_ipv6() { NEXT_HOP_V6.into() } else { NEXT_HOP.into() };
    let gateway = is_veth.then_some(next);
    let state = host.namespaces.entry(at.namespace.clone()).or_default();
    state.routes.insert(way(to, &at.link, gateway));
    let Some(LinkKind::Veth { peer }) = state.links.get(&at.link).map(|link| link.kind.clone())
    else {
        return;
    };
    fix_neighbour(host, at, next, &peer);
}

/// Makes `address` behind the link `at` known as the hardware address of `peer`.
pub(super) fn fix_neighbour(host: &mut HostState, at: &LinkEnd, address: IpAddr, peer: &LinkEnd) {
    let neighbour = Neighbour { link: at.link.clone(), address, mac: mac(peer) };
    host.namespaces.entry(at.namespace.clone()).or_default().neighbours.insert(neighbour);
}

/// What a home router does to IPv4: everything that leaves by `wan` gets the router's address, and
/// nothing comes in that was not called from inside.
pub(super) fn nat_table(wan: &str) -> Table {
    let mut name = wan.as_bytes().to_vec();
    name.resize(16, 0);
    let register = Register(0);
    let is = |key, data| {
        [
            Expression::Meta { key, register },
            Expression::Compare { register, operator: CompareOperator::Equal, data },
        ]
    };
    let is_wan = |key| [is(MetaKey::NfProtocol, vec![IPV4]), is(key, name.clone())].concat();
    let mut translate = is_wan(MetaKey::OutgoingName);
    translate.push(Expression::Masquerade);
    let mut uncalled = is_wan(MetaKey::IncomingName);
    uncalled.extend([
        Expression::Conntrack { key: ConntrackKey::State, register },
        Expression::Bitwise {
            register,
            mask: ct_state::NEW.to_ne_bytes().to_vec(),
            xor: vec![0; 4],
        },
        Expression::Compare { register, operator: CompareOperator::NotEqual, data: vec![0; 4] },
        Expression::Counter,
        Expression::Verdict(Verdict::Drop),
    ]);
    let chain = |kind, hook, priority, expressions, rule: &str| Chain {
        base: Some(BaseChain { kind, hook, priority, accept: true }),
        rules: vec![Rule { expressions, name: Some(rule.to_owned()) }],
    };
    let mut table = Table::default();
    let postrouting = chain(ChainKind::Nat, Hook::Postrouting, 100, translate, "translated");
    let forward = chain(ChainKind::Filter, Hook::Forward, 0, uncalled, "uncalled");
    table.chains.insert("postrouting".to_owned(), postrouting);
    table.chains.insert("forward".to_owned(), forward);
    table
}
