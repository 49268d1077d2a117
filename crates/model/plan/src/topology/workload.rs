//! A workload on a node: its namespace, its addresses, and its way out.

use super::Topology;
use super::parts::{
    GATEWAY_V6, METRIC_WAY, default_v4, default_v6, end, link_mac, loopback, network_namespace, way,
};
use crate::WorkloadPlan;
use crate::naming::{WORKLOAD_LINK, link_name};
use netloom_model::fabric::{Attach, Name, Workload};
use netloom_model::lease;
use netloom_state::Namespace;
use netloom_state::host::Neighbour;
use std::net::IpAddr;

impl<'a> Topology<'a> {
    pub(super) fn workload(&mut self, name: &'a Name, workload: &'a Workload) -> WorkloadPlan {
        let network = self.input.fabric.network_of(workload);
        let inside = network_namespace(network);
        let namespace = self.namespace_of(name, workload);
        let addresses = self.input.addresses(name).to_vec();
        if !workload.is_host() {
            let inner = link_name("w-", name);
            self.veth(&end(&inside, &inner), &end(&namespace, WORKLOAD_LINK));
            self.attach(&inside, &inner, &namespace, WORKLOAD_LINK, &addresses);
            self.ways_out(&namespace, workload, &addresses, link_mac(&inner, &inside));
        }
        WorkloadPlan {
            network: network.clone(),
            namespace,
            addresses,
            attach: workload.attach.clone(),
            resolv_conf: self.resolv_conf(workload),
        }
    }

    fn namespace_of(&self, name: &str, workload: &Workload) -> Namespace {
        if let Some(known) = self.input.attachments.get(name) {
            return known.clone();
        }
        match &workload.attach {
            Attach::Host => Namespace::Host,
            Attach::Netns { path } => Namespace::Path(path.clone()),
            Attach::Container { .. } | Attach::Process { .. } | Attach::Serve(_) => {
                Namespace::Own(format!("workload-{name}"))
            }
        }
    }

    /// A workload's defaults: everything goes to the network's side of its link.
    fn ways_out(
        &mut self,
        namespace: &Namespace,
        workload: &Workload,
        addresses: &[IpAddr],
        gateway_mac: [u8; 6],
    ) {
        let subnet = &self.input.fabric.subnets[&workload.subnet];
        let gateways: Vec<IpAddr> = subnet
            .cidrs
            .iter()
            .filter(|cidr| addresses.iter().any(|address| cidr.contains(address)))
            .map(
                |cidr| {
                    if cidr.addr().is_ipv6() { GATEWAY_V6.into() } else { lease::gateway(*cidr) }
                },
            )
            .collect();
        let state = self.in_namespace(namespace);
        for gateway in gateways {
            let to = if gateway.is_ipv6() { default_v6() } else { default_v4() };
            state.routes.insert(way(to, METRIC_WAY, WORKLOAD_LINK, Some(gateway), None));
            let link = WORKLOAD_LINK.to_owned();
            state.neighbours.insert(Neighbour { link, address: gateway, mac: gateway_mac });
        }
        if let Namespace::Own(_) = namespace {
            state.links.insert("lo".to_owned(), loopback());
            for (key, value) in
                [("ipv4/ping_group_range", "0\t0"), ("ipv4/ip_unprivileged_port_start", "0")]
            {
                state.sysctls.insert(format!("net/{key}"), value.to_owned());
            }
        }
    }

    fn resolv_conf(&self, workload: &Workload) -> String {
        let subnet = &self.input.fabric.subnets[&workload.subnet];
        let domain = &self.input.fabric.networks[&subnet.network].domain;
        let servers = subnet.cidrs.iter().map(|cidr| lease::resolver(*cidr));
        let lines: String = servers.map(|server| format!("nameserver {server}\n")).collect();
        format!("{lines}search {domain}\noptions ndots:4 timeout:1 attempts:2\n")
    }
}
