//! How near a gateway's translation is to its limits: tracked connections, and source ports towards one destination.

use crate::agent::Agent;
use crate::protocol::TranslationStatus;
use netloom_base::Time;
use netloom_plan::input::PlanInput;
use netloom_state::Namespace;
use netloom_sys::clock::monotonic_now;
use netloom_sys::conntrack::{Flow, TupleDetail};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Where the node's own stack translates, which no network is called.
const HOST: &str = "(host)";
/// Fewer connections cannot fill the ports towards any destination, and need not be looked through.
const CONNECTIONS_LOOKED_THROUGH_MIN: u32 = 16_384;
/// Status is asked for every few seconds; reading all connections takes the agent from its work.
const LOOKED_THROUGH_EVERY: Duration = Duration::from_secs(30);

/// When a place was looked through, and its busiest destination.
pub(crate) type Busiest = BTreeMap<String, (Time, Option<(String, u32)>)>;

/// The networks whose packets leave the fabric at a node.
pub(crate) fn left_here(input: &PlanInput<'_>, node: &str) -> BTreeSet<String> {
    let gateways = input.fabric.gateways.values();
    let here = gateways.filter(|gateway| gateway.nodes.iter().any(|one| one == node));
    here.map(|gateway| gateway.network.to_string()).collect()
}

impl Agent {
    /// The tables of connections in which this node translates, by network, and its own.
    pub(crate) fn translation(&mut self) -> BTreeMap<String, TranslationStatus> {
        let networks = self.plan.networks.iter();
        let here = networks.filter(|(name, _)| self.left_here.contains(name.as_str()));
        let mut places: Vec<(String, Namespace)> =
            here.map(|(name, network)| (name.to_string(), network.namespace.clone())).collect();
        if !places.is_empty() {
            places.push((HOST.to_owned(), Namespace::Host));
        }
        let mut found = BTreeMap::new();
        for (place, namespace) in places {
            // A kernel that does not tell leaves the place out; it translates all the same.
            let Ok(tracking) = self.executor.tracking(&namespace) else { continue };
            let mut status = TranslationStatus {
                connections: tracking.connections,
                connections_max: tracking.connections_max,
                refused: tracking.refused,
                dropped: tracking.dropped,
                ..TranslationStatus::default()
            };
            if tracking.connections >= CONNECTIONS_LOOKED_THROUGH_MIN {
                let busiest = self.looked_through(&place, &namespace);
                (status.busiest_destination, status.source_ports) = busiest.unzip();
            }
            found.insert(place, status);
        }
        found
    }

    /// The busiest destination of a place, as it was found within the last half minute.
    fn looked_through(&mut self, place: &str, namespace: &Namespace) -> Option<(String, u32)> {
        let now = monotonic_now();
        if let Some((when, busiest)) = self.busiest.get(place)
            && now - *when < LOOKED_THROUGH_EVERY
        {
            return busiest.clone();
        }
        let busiest = busiest(&self.executor.flows(namespace).unwrap_or_default());
        self.busiest.insert(place.to_owned(), (now, busiest.clone()));
        busiest
    }
}

/// The destination to which most translated connections lead, and how many of its ports they take.
fn busiest(flows: &[Flow]) -> Option<(String, u32)> {
    let mut taken: BTreeMap<_, u32> = BTreeMap::new();
    for flow in flows {
        let TupleDetail::Ports { source: port, .. } = flow.reply.detail else { continue };
        if flow.reply.destination != flow.original.source {
            let sources = (flow.reply.destination, flow.reply.protocol);
            *taken.entry((sources, flow.reply.source, port)).or_default() += 1;
        }
    }
    let (((_, protocol), address, port), count) = taken.into_iter().max_by_key(|one| one.1)?;
    let protocol = match protocol {
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        other => format!("protocol {other}"),
    };
    Some((format!("{} {protocol}", std::net::SocketAddr::new(address, port)), count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_sys::conntrack::Tuple;

    fn flow(source: &str, translated: &str, destination: &str, port: u16) -> Flow {
        let tuple = |source: &str, destination: &str, detail| Tuple {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            protocol: 6,
            detail,
        };
        let ports = |source, destination| TupleDetail::Ports { source, destination };
        Flow {
            original: tuple(source, destination, ports(port, 443)),
            reply: tuple(destination, translated, ports(443, port)),
        }
    }

    #[test]
    fn ports_are_counted_for_each_destination_and_only_where_sources_are_translated() {
        let mut flows: Vec<Flow> =
            (0..30).map(|n| flow("10.0.0.4", "192.0.2.1", "198.51.100.7", 2000 + n)).collect();
        flows.extend((0..20).map(|n| flow("10.0.0.5", "192.0.2.1", "198.51.100.8", 2000 + n)));
        flows.extend((0..90).map(|n| flow("10.0.0.4", "10.0.0.4", "10.0.0.9", 2000 + n)));
        assert_eq!(busiest(&flows), Some(("198.51.100.7:443 tcp".to_owned(), 30)));
        assert_eq!(busiest(&flows[50..]), None);
    }
}
