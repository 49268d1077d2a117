//! Tracked connections, judged by a policy that may have changed since they began.

use crate::agent::Agent;
use netloom_plan::firewall::Uplink;
use netloom_plan::{NetworkPlan, NodePlan};
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
                if !is_allowed(network, &own, &flow) {
                    self.executor.delete_flow(&network.namespace, &flow)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a tracked connection could begin as the network is now. What neither comes from nor goes to
/// a workload here (DNS to the network itself, say) is not the policy's to judge.
fn is_allowed(network: &NetworkPlan, own: &BTreeSet<IpAddr>, flow: &Flow) -> bool {
    if network.uplink.as_ref().is_some_and(|uplink| !comes_in(uplink, own, flow)) {
        return false;
    }
    let policy = &network.policy;
    let source = flow.original.source;
    let (destination, port) = called(flow);
    let knows = |address| policy.identities.contains_key(&address);
    if !knows(source) && !knows(destination) {
        return true;
    }
    if own.contains(&destination) {
        return true;
    }
    policy.allows(source, destination, transport(flow.original.protocol, port))
}

/// Whether a connection that began outside of the fabric could begin now: by a port that is published, or with IPv6
/// where an internet gateway takes it. Others are not the uplink's to judge.
fn comes_in(uplink: &Uplink, own: &BTreeSet<IpAddr>, flow: &Flow) -> bool {
    let (source, destination) = (flow.original.source, flow.original.destination);
    let (called, called_port) = called(flow);
    if own.contains(&destination) && called != destination {
        let TupleDetail::Ports { destination: port, .. } = flow.original.detail else {
            return true;
        };
        let is_published =
            uplink.published.contains(&(flow.original.protocol, port, called, called_port));
        return is_published && uplink.lets_in(source, called);
    }
    let is_inside = |address: &IpAddr| uplink.inside.iter().any(|prefix| prefix.contains(address));
    let is_from_outside = source.is_ipv6() && !is_inside(&source) && is_inside(&destination);
    !is_from_outside || uplink.lets_in(source, destination)
}

/// Who is called and on which port: what is published is called by another address, and answered from
/// this one.
fn called(flow: &Flow) -> (IpAddr, u16) {
    let port = match (flow.reply.detail, flow.original.detail) {
        (TupleDetail::Ports { source, .. }, _) => source,
        (_, TupleDetail::Icmp { kind, code, .. }) => u16::from(kind) << 8 | u16::from(code),
        _ => 0,
    };
    (flow.reply.source, port)
}

/// The addresses of a network's namespace itself: its gateways and resolvers.
fn network_addresses(plan: &NodePlan, namespace: &Namespace) -> BTreeSet<IpAddr> {
    let state = plan.host.namespaces.get(namespace);
    state.into_iter().flat_map(|state| &state.addresses).map(|a| a.address.addr()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_model::lease::{self, Leases};
    use netloom_plan::firewall::Entry;
    use netloom_plan::input::{Directory, PlanInput};
    use netloom_plan::membership::Memberships;
    use netloom_sys::conntrack::Tuple;
    use std::collections::BTreeMap;

    /// The plan of a node with a gateway and, beside it, a workload that publishes port 443 as 8443.
    fn node(group: &str) -> NodePlan {
        let fabric = netloom_testkit::fabric(&format!(
            "version: 1\nfabric: f\nregions: {{ r: {{ zones: [a] }} }}\nnodes: {{ n: {{ region: r }} }}\n\
             networks: {{ app: {{ cidr: [10.0.0.0/16] }} }}\n\
             internet_gateways: {{ out: {{ network: app, nodes: [n] }} }}\n\
             subnets: {{ one: {{ network: app, cidr: [10.0.1.0/24], public: true }} }}\n\
             security_groups: {{ g: {group} }}\n\
             workloads:\n  w:\n    node: n\n    subnet: one\n    address: 10.0.1.10\n    \
             security_groups: [g]\n    publish: [{{ port: 8443, protocol: tcp, to: 443 }}]\n    \
             attach: {{ serve: {{ tcp: 443 }} }}\n"
        ));
        let (leases, _) = lease::assign(&fabric, &Leases::default());
        let plan = netloom_plan::plan(
            &PlanInput {
                fabric: &fabric,
                fabric_id: 1,
                leases: &leases,
                directory: &Directory::default(),
                memberships: &Memberships::of(&fabric),
                attachments: &BTreeMap::new(),
            },
            "n",
        );
        plan.unwrap()
    }

    fn tuple(from: (&str, u16), to: (&str, u16)) -> Tuple {
        Tuple {
            source: from.0.parse().unwrap(),
            destination: to.0.parse().unwrap(),
            protocol: 6,
            detail: TupleDetail::Ports { source: from.1, destination: to.1 },
        }
    }

    #[test]
    fn a_published_port_is_judged_as_the_workload_that_is_called_by_it() {
        let flow = Flow {
            original: tuple(("203.0.113.1", 40_000), ("100.64.0.2", 8443)),
            reply: tuple(("10.0.1.10", 443), ("203.0.113.1", 40_000)),
        };
        for (group, expected) in [
            ("{ ingress: [{ protocol: tcp, ports: 443, from: all }] }", true),
            ("{ ingress: [{ protocol: tcp, ports: 443, from: 10.0.0.0/8 }] }", false),
            ("{ ingress: [{ protocol: tcp, ports: 8443, from: all }] }", false),
        ] {
            let plan = node(group);
            assert_eq!(judged(&plan, &flow), expected, "{group}");
        }
    }

    fn judged(plan: &NodePlan, flow: &Flow) -> bool {
        let network = &plan.networks["app"];
        let mut own = network_addresses(plan, &network.namespace);
        own.insert("100.64.0.2".parse().unwrap());
        is_allowed(network, &own, flow)
    }

    #[test]
    fn what_came_in_by_a_port_that_is_published_no_more_is_ended() {
        let plan = node("{ ingress: [{ protocol: tcp, from: all }] }");
        let called = |port, to: (&str, u16)| Flow {
            original: tuple(("203.0.113.1", 40_000), ("100.64.0.2", port)),
            reply: tuple(to, ("203.0.113.1", 40_000)),
        };
        assert!(judged(&plan, &called(8443, ("10.0.1.10", 443))));
        assert!(!judged(&plan, &called(8444, ("10.0.1.10", 443))), "another port");
        assert!(!judged(&plan, &called(8443, ("10.0.1.10", 80))), "it leads elsewhere now");
        assert!(!judged(&plan, &called(8443, ("10.0.1.11", 443))), "to another workload");
    }

    #[test]
    fn what_began_outside_with_ipv6_is_ended_where_only_egress_is_left() {
        let mut plan = node("{ ingress: [{ protocol: tcp, from: all }], egress: [{ to: all }] }");
        let flow = |from, to| Flow { original: tuple(from, to), reply: tuple(to, from) };
        let (outside, inside) = (("2001:db8::1", 40_000), ("fd00:1::5", 443));
        let uplink = plan.networks.get_mut("app").unwrap().uplink.as_mut().unwrap();
        uplink.inside.push("fd00:1::/48".parse().unwrap());
        assert!(!judged(&plan, &flow(outside, inside)));
        assert!(judged(&plan, &flow(inside, outside)), "it began inside");
        let uplink = plan.networks.get_mut("app").unwrap().uplink.as_mut().unwrap();
        let [elsewhere, all, to] =
            ["2001:db8:9::/48", "::/0", "fd00:1::/64"].map(|prefix| prefix.parse().unwrap());
        uplink.entries.extend([
            Entry { outside: elsewhere, to, lets_in: false },
            Entry { outside: all, to, lets_in: true },
        ]);
        assert!(judged(&plan, &flow(outside, inside)));
        assert!(!judged(&plan, &flow(("2001:db8:9::1", 40_000), inside)), "led elsewhere");
    }
}
