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
