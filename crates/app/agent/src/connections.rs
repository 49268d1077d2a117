//! Tracked connections, judged by a policy that may have changed since they began.

use netloom_plan::NodePlan;
use netloom_plan::firewall::CompiledPolicy;
use netloom_policy::packet_set::transport;
use netloom_state::Namespace;
use netloom_sys::conntrack::{Flow, TupleDetail};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Whether a tracked connection could begin under `policy`. What neither comes from nor goes to
/// a workload here (DNS to the network itself, say) is not the policy's to judge.
pub(crate) fn is_allowed(policy: &CompiledPolicy, own: &BTreeSet<IpAddr>, flow: &Flow) -> bool {
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
pub(crate) fn network_addresses(plan: &NodePlan, namespace: &Namespace) -> BTreeSet<IpAddr> {
    let state = plan.host.namespaces.get(namespace);
    state.into_iter().flat_map(|state| &state.addresses).map(|a| a.address.addr()).collect()
}
