//! On which machine of a lab control runs: where the nodes can reach it.

use crate::underlay::{self, INTERNET_ADDRESS, Underlay};
use netloom_model::Fabric;
use netloom_model::fabric::{Name, Role};
use netloom_state::Namespace;
use std::net::{IpAddr, SocketAddr};

/// TCP port of control.
const PORT: u16 = 7766;
/// The machine that stands for the internet.
const INTERNET: &str = "internet";

/// Where control runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    /// The machine: a node, or the host that stands for the internet.
    pub(crate) machine: String,
    /// Its namespace.
    pub(crate) namespace: Namespace,
    /// Where nodes reach it.
    pub(crate) endpoint: SocketAddr,
}

impl Seat {
    /// The node with the role `control`, else the first one, of those that all others can call.
    /// Where there is none, control is somewhere on the internet.
    pub(crate) fn choose(fabric: &Fabric, underlay: &Underlay) -> Self {
        let is_control = |name: &&Name| fabric.nodes[*name].roles.contains(&Role::Control);
        let names = || fabric.nodes.keys();
        let mut candidates = names().filter(is_control).chain(names());
        let regions = names().map(|name| &fabric.nodes[name].region);
        let is_one_region = regions.collect::<std::collections::BTreeSet<_>>().len() == 1;
        let found = candidates.find_map(|name| {
            let place = underlay.nodes.get(name)?;
            let local = is_one_region.then_some(place.local_endpoint);
            Some((name, place, place.endpoint.or(local)?.ip()))
        });
        match found {
            Some((name, place, address)) => Self::at(name, &place.namespace, address),
            None => Self::at(INTERNET, &underlay::internet(), INTERNET_ADDRESS.into()),
        }
    }

    fn at(machine: &str, namespace: &Namespace, address: IpAddr) -> Self {
        let endpoint = SocketAddr::new(address, PORT);
        Self { machine: machine.to_owned(), namespace: namespace.clone(), endpoint }
    }

    /// Whether this machine is still there, at the same address, on another ground.
    pub(crate) fn stays_on(&self, underlay: &Underlay) -> bool {
        match underlay.nodes.get(&self.machine) {
            Some(place) => {
                let own = self.endpoint.ip();
                let public = place.endpoint.map(|endpoint| endpoint.ip());
                place.local_endpoint.ip() == own && public.is_none_or(|public| public == own)
            }
            None => self.namespace == underlay::internet(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::underlay::Numbers;

    fn fabric(text: &str) -> Fabric {
        let text = format!("version: 1\nfabric: f\n{text}");
        let loaded = netloom_model::load(&["f.yaml".to_owned()], |_| Ok(text.clone().into_bytes()));
        loaded.fabric.unwrap()
    }

    fn seat(text: &str) -> (String, String) {
        let fabric = fabric(text);
        let seat = Seat::choose(&fabric, &underlay::plan(&fabric, &Numbers::default()).unwrap());
        (seat.machine, seat.endpoint.to_string())
    }

    #[test]
    fn control_is_where_all_nodes_reach_it() {
        let regions = "regions: { here: {}, home: { nat: true }, flat: { nat: true } }\n";
        let nodes = |nodes: &str| seat(&format!("{regions}nodes: {{ {nodes} }}\n"));
        let both = nodes("a: { region: here }, b: { region: here, roles: [control] }");
        assert_eq!(both, ("b".to_owned(), "198.18.16.11:7766".to_owned()));
        let first = nodes("a: { region: home }, b: { region: here }, c: { region: here }");
        assert_eq!(first.0, "b", "nobody reaches the one behind a translator");
        let behind = nodes("a: { region: home, roles: [control] }, b: { region: here }");
        assert_eq!(behind.0, "b", "also if it has the role");
        let alone = nodes("a: { region: home }, b: { region: home, roles: [control] }");
        assert_eq!(alone.0, "b", "nodes behind the same translator reach each other");
        let apart = nodes("a: { region: home }, b: { region: flat }");
        assert_eq!(apart, ("internet".to_owned(), "203.0.113.1:7766".to_owned()));
    }

    #[test]
    fn a_seat_is_lost_with_its_node() {
        let before = fabric(
            "regions: { here: {}, there: {} }\nnodes: { a: { region: here }, b: { region: here } }",
        );
        let ground = underlay::plan(&before, &Numbers::default()).unwrap();
        let seat = Seat::choose(&before, &ground);
        assert_eq!(seat.machine, "a");
        let stays = |text: &str| {
            let after = fabric(text);
            seat.stays_on(&underlay::plan(&after, &ground.numbers).unwrap())
        };
        assert!(stays(
            "regions: { at: {}, here: {} }\nnodes: { a: { region: here }, aa: { region: at } }"
        ));
        assert!(!stays("regions: { here: {} }\nnodes: { b: { region: here } }"));
        assert!(!stays("regions: { here: {}, there: {} }\nnodes: { a: { region: there } }"));
        assert!(!stays("regions: { here: { nat: true } }\nnodes: { a: { region: here } }"));
    }
}
