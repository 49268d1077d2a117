//! Tracked connections, judged by a policy that may have changed since they began.

use crate::agent::Agent;
use netloom_plan::NodePlan;
use netloom_plan::firewall::CompiledPolicy;
use netloom_policy::packet_set::transport;
use netloom_state::Namespace;
use netloom_sys::conntrack::{Flow, TupleDetail};
use std::collections::BTreeSet;
use std::net::IpAddr;

impl Agent {
    /// Ends tracked connections that the policy no longer allows: without this they would live on.
    pub(crate) fn end_forbidden(&mut self, plan: &NodePlan) -> anyhow::Result<()> {
        for network in plan.networks.values() {
            let own = network_addresses(plan, &network.namespace);
            for flow in self.executor.flows(&network.namespace)? {
                if !is_allowed(&network.policy, &own, &flow) {
                    self.executor.delete_flow(&network.namespace, &flow)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a tracked connection could begin under `policy`. What neither comes from nor goes to
/// a workload here (DNS to the network itself, say) is not the policy's to judge.
fn is_allowed(policy: &CompiledPolicy, own: &BTreeSet<IpAddr>, flow: &Flow) -> bool {
    let original = &flow.original;
    let knows = |address| policy.identities.contains_key(&address);
    if !knows(original.source) && !knows(original.destination) {
        return true;
    }
    if own.contains(&original.destination) {
        return true;
    }
    let port = match original.detail {
        TupleDetail::Ports { destination, .. } => destination,
        TupleDetail::Icmp { kind, code, .. } => u16::from(kind) << 8 | u16::from(code),
        TupleDetail::None => 0,
    };
    policy.allows(original.source, original.destination, transport(original.protocol, port))
}

/// The addresses of a network's namespace itself: its gateways and resolvers.
fn network_addresses(plan: &NodePlan, namespace: &Namespace) -> BTreeSet<IpAddr> {
    let state = plan.host.namespaces.get(namespace);
    state.into_iter().flat_map(|state| &state.addresses).map(|a| a.address.addr()).collect()
}
