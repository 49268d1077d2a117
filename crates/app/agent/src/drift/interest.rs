//! Which changes in a namespace concern the node: those of what it holds there.

use ipnet::IpNet;
use netloom_state::{NamespaceState, ROUTE_PROTOCOL};
use netloom_sys::monitor::{Change, Object};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What the node holds in a namespace, as far as it tells which changes concern it.
#[derive(Clone, Debug, Default)]
pub(super) struct Interest {
    mark: String,
    links: BTreeSet<String>,
    neighbours: BTreeSet<IpAddr>,
    routes: BTreeSet<(u32, IpNet)>,
    tables: BTreeSet<String>,
    has_settings: bool,
}

impl Interest {
    pub(super) fn of(state: &NamespaceState, mark: &str) -> Self {
        let told = |key: &String| key.contains("forward") || key.contains("rp_filter");
        Self {
            mark: mark.to_owned(),
            links: state.links.keys().cloned().collect(),
            neighbours: state.neighbours.iter().map(|neighbour| neighbour.address).collect(),
            routes: state.routes.iter().map(|route| (route.table, route.destination)).collect(),
            tables: state.tables.keys().cloned().collect(),
            has_settings: state.sysctls.keys().any(told),
        }
    }

    /// Whether a change is a reason to compare. On a host others learn neighbours, routes and
    /// tables all the time; addresses and rules change seldom enough to look at each.
    pub(super) fn covers(&self, change: &Change) -> bool {
        match &change.object {
            Object::Link { name, alias, .. } => {
                let marked = alias.as_ref().is_some_and(|alias| alias.starts_with(&self.mark));
                marked || self.links.contains(name)
            }
            Object::Neighbour { address, .. } => self.neighbours.contains(address),
            Object::Route { protocol, table, destination } => {
                *protocol == ROUTE_PROTOCOL || self.routes.contains(&(*table, *destination))
            }
            Object::Table { name } => self.tables.contains(name),
            Object::Setting => self.has_settings,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_state::{Link, LinkKind, Neighbour, Route, RouteKind};

    fn state() -> NamespaceState {
        let mut state = NamespaceState::default();
        let link = Link { kind: LinkKind::Tunnel, mtu_bytes: 1420, mac: None, up: true };
        state.links.insert("mesh0".into(), link);
        let (address, mac) = ("169.254.1.1".parse().unwrap(), [2; 6]);
        state.neighbours.insert(Neighbour { link: "mesh0".into(), address, mac });
        state.routes.insert(Route {
            table: 254,
            destination: "10.0.0.0/16".parse().unwrap(),
            metric: 1,
            kind: RouteKind::Unreachable,
        });
        state.sysctls.insert("net/ipv4/ip_forward".into(), "1".into());
        state.tables.insert("netloom".into(), netloom_state::nft::Table::default());
        state
    }

    fn link(name: &str, alias: Option<&str>) -> Object {
        Object::Link { name: name.into(), alias: alias.map(str::to_owned), up: true }
    }

    fn route(protocol: u8, table: u32, destination: &str) -> Object {
        Object::Route { protocol, table, destination: destination.parse().unwrap() }
    }

    fn neighbour(address: &str) -> Object {
        Object::Neighbour { index: 1, address: address.parse().unwrap() }
    }

    #[test]
    fn what_the_node_holds_concerns_it_and_the_rest_of_the_host_does_not() {
        let interest = Interest::of(&state(), "netloom:shop");
        let table = |name: &str| Object::Table { name: name.into() };
        let address = Object::Address { index: 9, address: "192.0.2.1/24".parse().unwrap() };
        let cases = [
            (link("mesh0", None), true),
            (link("renamed", Some("netloom:shop")), true),
            (link("eth0", None), false),
            (link("docker0", Some("other")), false),
            (neighbour("169.254.1.1"), true),
            (neighbour("192.0.2.9"), false),
            (route(3, 254, "10.0.0.0/16"), true),
            (route(ROUTE_PROTOCOL, 254, "172.16.0.0/16"), true),
            (route(186, 254, "172.16.0.0/16"), false),
            (route(3, 100, "10.0.0.0/16"), false),
            (table("netloom"), true),
            (table("filter"), false),
            (address, true),
            (Object::Rule { priority: 7 }, true),
            (Object::Setting, true),
            (Object::Unknown, true),
        ];
        for (object, expected) in cases {
            let change = Change { object, gone: true, port: 0, author: None };
            assert_eq!(interest.covers(&change), expected, "{change}");
        }
        let nothing = Interest::of(&NamespaceState::default(), "netloom:shop");
        let setting = Change { object: Object::Setting, gone: false, port: 0, author: None };
        assert!(!nothing.covers(&setting));
    }
}
