//! Prefixes of the fabric that would cut a node off: where control and other nodes are called.

use crate::agent::Agent;
use anyhow::bail;
use ipnet::IpNet;
use netloom_plan::NodePlan;
use netloom_state::host::RouteKind;
use netloom_state::{HostState, Namespace};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

impl Agent {
    /// Refuses a plan whose stop routes would take the packets by which this node calls control or other
    /// nodes: nobody could bring it back then.
    pub(crate) fn stays_connected(&mut self, plan: &NodePlan) -> anyhow::Result<()> {
        let before: BTreeSet<IpNet> = stops(&self.plan.host).collect();
        let new: Vec<IpNet> = stops(&plan.host).filter(|stop| !before.contains(stop)).collect();
        if new.is_empty() {
            return Ok(());
        }
        for (address, who) in self.called(plan) {
            let Some(stop) = new.iter().find(|stop| stop.contains(&address)) else { continue };
            let way = self.executor.destination_towards(&Namespace::Host, address)?;
            if way.is_some_and(|way| way.prefix_len() < stop.prefix_len()) {
                bail!(
                    "the fabric's prefix {stop} holds {address}, where this node calls {who}, and would cut it \
                     off, since what is for such a prefix never leaves as it is; give that network another prefix, or \
                     name other prefixes behind its peers"
                );
            }
        }
        Ok(())
    }

    /// Addresses that this node calls on the underlay, and who is there.
    fn called(&self, plan: &NodePlan) -> BTreeMap<IpAddr, String> {
        let peers = plan.networks.values().flat_map(|network| &network.peers);
        let nodes = peers.filter_map(|(name, peer)| {
            Some((peer.endpoint?.ip().to_canonical(), format!("node `{name}`")))
        });
        let control = self.source.joined.facts.control.iter();
        let control = control.filter_map(|text| {
            let address: SocketAddr = text.parse().ok()?;
            Some((address.ip().to_canonical(), "control".to_owned()))
        });
        nodes.chain(control).collect()
    }
}

/// Destinations of the routes that stop what is for the fabric on the node's own stack.
fn stops(host: &HostState) -> impl Iterator<Item = IpNet> {
    let routes = host.namespaces.get(&Namespace::Host).into_iter().flat_map(|own| &own.routes);
    let stops = routes.filter(|route| route.kind == RouteKind::Unreachable);
    stops.map(|route| route.destination)
}
