//! The ground of the example: who can be called, and where.

use super::*;

fn quickstart() -> Fabric {
    let text = include_str!("../../../../../examples/quickstart.yaml");
    let loaded = netloom_model::load(&["q.yaml".to_owned()], |_| Ok(text.as_bytes().to_vec()));
    loaded.fabric.unwrap()
}

#[test]
fn nodes_behind_a_translator_cannot_be_called_from_elsewhere() {
    let underlay = plan(&quickstart(), &Numbers::default()).unwrap();
    assert_eq!(underlay.nodes["pi"].endpoint, None);
    assert_eq!(underlay.nodes["pi"].local_endpoint, "192.168.4.10:51820".parse().unwrap());
    for name in ["alpha", "beta", "gamma"] {
        let place = &underlay.nodes[name];
        assert_eq!(place.endpoint, Some(place.local_endpoint));
    }
}

#[test]
fn every_veth_end_has_its_other_end() {
    let underlay = plan(&quickstart(), &Numbers::default()).unwrap();
    for (namespace, state) in &underlay.host.namespaces {
        for (name, link) in &state.links {
            if let netloom_state::LinkKind::Veth { peer } = &link.kind {
                let other = &underlay.host.namespaces[&peer.namespace].links[&peer.link];
                let back = end(namespace, name);
                assert_eq!(other.kind, netloom_state::LinkKind::Veth { peer: back });
            }
        }
    }
}

#[test]
fn more_regions_than_there_is_room_for_are_refused() {
    let mut fabric = quickstart();
    let region = fabric.regions["home"].clone();
    for number in 0..REGIONS_MAX {
        fabric.regions.insert(format!("r{number}"), region.clone());
    }
    assert!(matches!(plan(&fabric, &Numbers::default()), Err(UnderlayError::TooManyRegions(35))));
}

#[test]
fn whoever_stays_keeps_its_address() {
    let mut fabric = quickstart();
    let before = plan(&fabric, &Numbers::default()).unwrap();
    let (pi, home) = (fabric.nodes["pi"].clone(), fabric.regions["home"].clone());
    // Before all others in the order of names; and what is gone makes room for them.
    fabric.regions.insert("a-home".to_owned(), home);
    fabric.nodes.insert("aa".to_owned(), fabric.nodes["alpha"].clone());
    fabric.nodes.remove("alpha");
    let moved = netloom_model::fabric::Node { region: "a-home".to_owned(), ..pi };
    fabric.nodes.insert("pi".to_owned(), moved);
    let after = plan(&fabric, &before.numbers).unwrap();
    for name in ["beta", "gamma"] {
        assert_eq!(after.nodes[name], before.nodes[name]);
    }
    assert_eq!(after.nodes["aa"].local_endpoint, before.nodes["alpha"].local_endpoint);
    assert_ne!(after.nodes["pi"].router_end, before.nodes["pi"].router_end);
    let again = plan(&fabric, &after.numbers).unwrap();
    assert_eq!(again.host, after.host);
}

/// Where the internet and a router send packets for a prefix: their links, if they know one.
fn ways_to(underlay: &Underlay, prefix: &str, router_of: &str) -> [Option<String>; 2] {
    let to: IpNet = prefix.parse().unwrap();
    [internet(), router(router_of)].map(|namespace| {
        let mut routes = underlay.host.namespaces[&namespace].routes.iter();
        let route = routes.find(|route| route.destination == to)?;
        match &route.kind {
            netloom_state::host::RouteKind::Unicast { link, .. } => Some(link.clone()),
            _ => None,
        }
    })
}

#[test]
fn ipv6_that_leaves_by_a_gateway_comes_back_to_its_node() {
    let text = "
version: 1
fabric: leaving
regions: { here: {}, home: { nat: true } }
networks: { net: { cidr: [10.1.0.0/16, \"fd00:1::/48\"] } }
internet_gateways:
  both: { network: net, nodes: [edge, spare] }
  out: { network: net, nodes: [pi], egress_only: true }
nat_gateways: { nat: { network: net, nodes: [spare] } }
route_tables:
  out: { network: net, routes: [{ to: \"::/0\", via: { internet_gateway: out } }] }
  mixed:
    network: net
    routes: [{ to: \"::/0\", via: { internet_gateway: out } }, { to: \"2001:db8::/64\", via: { internet_gateway: both } }]
subnets:
  mixed: { network: net, cidr: [10.1.4.0/24, \"fd00:1:0:4::/64\"], route_table: mixed }
  open: { network: net, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"], public: true }
  quiet: { network: net, cidr: [10.1.2.0/24, \"fd00:1:0:2::/64\"], route_table: out }
  inner: { network: net, cidr: [10.1.3.0/24, \"fd00:1:0:3::/64\"], nat_gateway: nat }
nodes: { edge: { region: here }, spare: { region: here }, pi: { region: home } }
";
    let loaded = netloom_model::load(&["l.yaml".to_owned()], |_| Ok(text.as_bytes().to_vec()));
    let underlay = plan(&loaded.fabric.unwrap(), &Numbers::default()).unwrap();
    let some = |link: &str| Some(link.to_owned());
    let found = ways_to(&underlay, "fd00:1:0:1::/64", "here");
    assert_eq!(found, [some("r-here"), some("n-edge")]);
    let found = ways_to(&underlay, "fd00:1:0:2::/64", "home");
    assert_eq!(found, [some("r-home"), some("n-pi")]);
    assert_eq!(ways_to(&underlay, "fd00:1:0:3::/64", "here"), [None, None]);
    let found = ways_to(&underlay, "fd00:1:0:4::/64", "here");
    assert_eq!(found, [some("r-here"), some("n-edge")], "by the longest way to who is outside");
    // Every node has an address there, and every place a way out.
    for (name, offset) in [("edge", 10), ("spare", 11)] {
        let own = format!("2001:2::{offset:x}/128").parse().unwrap();
        let state = &underlay.host.namespaces[&node(name)];
        assert!(state.addresses.iter().any(|address| address.address == own), "{name}");
    }
}
