//! What only the agent knows, for somebody who looks for what is wrong; nothing is changed.

use crate::agent::Agent;
use crate::protocol::{Examination, Examined, Uplink};
use netloom_plan::naming::UPLINK;
use netloom_plan::{NetworkPlan, TUNNEL_MTU_BYTES};
use netloom_state::{Link, LinkEnd, LinkKind, Namespace, Route, RouteKind, diff};
use std::collections::BTreeMap;
use std::net::IpAddr;

impl Agent {
    /// Compares plan and kernel, and gives what can be asked of the node's resolvers.
    pub(crate) fn examine(&mut self) -> anyhow::Result<Examined> {
        if let Some(why) = &self.source.unusable {
            anyhow::bail!("{why}");
        }
        let observed = self.executor.observe(&self.plan.host)?;
        let operations = diff(&self.plan.host, &observed);
        let fabric = &self.desired.slice.fabric;
        let signed_ms = Some(self.source.time_ms).filter(|time| *time > 0);
        let cidrs = fabric.networks.values().flat_map(|network| &network.cidrs);
        let largest = self.plan.networks.values().map(|network| network.mtu_bytes).max();
        let networks = self.plan.networks.iter();
        let resolvers = networks.map(|(name, plan)| (name.clone(), self.examination(name, plan)));
        Ok(Examined {
            differences: operations.iter().map(ToString::to_string).collect(),
            prefixes: cidrs.map(ToString::to_string).collect(),
            signed_ms,
            clock_ahead_ms: self.follower.clock_ahead_ms,
            tunnel_mtu_bytes: largest.unwrap_or(TUNNEL_MTU_BYTES),
            resolvers: resolvers.collect(),
            uplinks: self.uplinks(),
        })
    }

    /// The host's ends of the links by which networks leave the fabric here.
    fn uplinks(&self) -> BTreeMap<String, Uplink> {
        let Some(host) = self.plan.host.namespaces.get(&Namespace::Host) else {
            return BTreeMap::new();
        };
        let leads = |route: &Route, wanted: &str| match &route.kind {
            RouteKind::Unicast { link, .. } => link == wanted && route.destination.addr().is_ipv6(),
            _ => false,
        };
        let of_network = |(network, plan): (&String, &NetworkPlan)| {
            let inner = LinkEnd { namespace: plan.namespace.clone(), link: UPLINK.to_owned() };
            let is_outer =
                |link: &Link| matches!(&link.kind, LinkKind::Veth { peer } if *peer == inner);
            let (link, _) = host.links.iter().find(|(_, link)| is_outer(link))?;
            let has_ipv6 = host.routes.iter().any(|route| leads(route, link));
            Some((network.clone(), Uplink { link: link.clone(), has_ipv6 }))
        };
        self.plan.networks.iter().filter_map(of_network).collect()
    }

    /// A workload's and a node's name in a network, and their addresses.
    fn examination(&self, network: &str, plan: &NetworkPlan) -> Examination {
        let fabric = &self.desired.slice.fabric;
        let is_of = |name: &str, first: &str| name.split('.').next() == Some(first);
        let workload = fabric.workloads.iter().find(|(_, one)| fabric.network_of(one) == network);
        let wanted = [workload.map(|(name, _)| name.as_str()), Some(self.node())];
        let mut names: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
        for first in wanted.into_iter().flatten() {
            let found = plan.names.addresses.iter().find(|(name, _)| is_of(name, first));
            names.extend(found.map(|(name, addresses)| (name.clone(), addresses.clone())));
        }
        Examination {
            namespace: self.path(&plan.namespace),
            servers: plan.resolver_addresses.clone(),
            names,
        }
    }
}
