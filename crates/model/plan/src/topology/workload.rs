//! A workload on a node: its namespace, its addresses, and its way out.

use super::Topology;
use super::parts::{
    GATEWAY_V6, METRIC_WAY, default_v4, default_v6, end, host_link_name, link_mac, loopback,
    network_namespace, stop, way,
};
use crate::WorkloadPlan;
use crate::input::Attachment;
use crate::naming::{WORKLOAD_LINK, link_name};
use netloom_model::fabric::{Attach, Name, Workload};
use netloom_state::Namespace;
use netloom_state::host::Neighbour;
use std::net::IpAddr;

/// A workload's link, and who is at its other end.
struct WayIn {
    link: String,
    gateway_mac: [u8; 6],
}

impl<'a> Topology<'a> {
    pub(super) fn workload(
        &mut self,
        name: &'a Name,
        workload: &'a Workload,
        namespace: &Namespace,
    ) -> WorkloadPlan {
        let network = self.input.fabric.network_of(workload);
        let inside = network_namespace(network);
        let addresses = self.input.addresses(name).to_vec();
        if !workload.is_host() {
            let inner = link_name("w-", name);
            let outer = match namespace {
                // Others have their own `eth0` there.
                Namespace::Path(_) => host_link_name(self.input.fabric_id, network),
                Namespace::Host | Namespace::Own(_) => WORKLOAD_LINK.to_owned(),
            };
            let mtu_bytes = self.input.fabric.networks[network].mtu_bytes;
            self.veth(&end(&inside, &inner), &end(namespace, &outer), mtu_bytes);
            self.attach(&inside, &inner, namespace, &outer, &addresses);
            let way_in = WayIn { link: outer, gateway_mac: link_mac(&inner, &inside) };
            self.ways_out(namespace, workload, &addresses, &way_in);
        }
        WorkloadPlan {
            network: network.clone(),
            namespace: namespace.clone(),
            addresses,
            attach: workload.attach.clone(),
            resolv_conf: self.resolv_conf(workload),
        }
    }

    /// Where a workload is, if it is anywhere.
    pub(super) fn namespace_of(&self, name: &str, workload: &Workload) -> Option<Namespace> {
        match self.input.attachments.get(name) {
            Some(Attachment::At(namespace)) => return Some(namespace.clone()),
            Some(Attachment::Absent) => return None,
            None => {}
        }
        Some(match &workload.attach {
            Attach::Host => Namespace::Host,
            Attach::Netns { path } => Namespace::Path(path.clone()),
            Attach::Container { .. } | Attach::Process { .. } | Attach::Serve(_) => {
                Namespace::Own(format!("workload-{name}"))
            }
            // It is elsewhere; its packets come out of the tunnel.
            Attach::Wireguard(_) => network_namespace(self.input.fabric.network_of(workload)),
        })
    }

    /// Who calls a workload that is not there is told so at once.
    pub(super) fn stop_absent(&mut self, name: &str, workload: &Workload) {
        let namespace = network_namespace(self.input.fabric.network_of(workload));
        let worst = netloom_state::stop_metric(&self.input.fabric.name);
        for address in self.input.addresses(name) {
            let state = self.in_namespace(&namespace);
            state.routes.insert(stop((*address).into(), worst));
        }
    }

    /// A workload's ways to the network's side of its link: all of them in a namespace of ours;
    /// in one of others, which has its own, those to the network.
    fn ways_out(
        &mut self,
        namespace: &Namespace,
        workload: &Workload,
        addresses: &[IpAddr],
        way_in: &WayIn,
    ) {
        let subnet = &self.input.fabric.subnets[&workload.subnet];
        let gateways: Vec<IpAddr> = subnet
            .cidrs
            .iter()
            .filter(|cidr| addresses.iter().any(|address| cidr.contains(address)))
            .map(|cidr| {
                if cidr.addr().is_ipv6() {
                    GATEWAY_V6.into()
                } else {
                    subnet.reserved.gateway(*cidr)
                }
            })
            .collect();
        let destinations = match namespace {
            Namespace::Path(_) => {
                let cidrs = &self.input.fabric.networks[&subnet.network].cidrs;
                let behind = self.behind_peers(&subnet.network);
                cidrs.iter().copied().chain([self.node_prefix()]).chain(behind).collect()
            }
            Namespace::Host | Namespace::Own(_) => vec![default_v4(), default_v6()],
        };
        let state = self.in_namespace(namespace);
        for gateway in gateways {
            for to in destinations.iter().filter(|to| to.addr().is_ipv6() == gateway.is_ipv6()) {
                state.routes.insert(way(*to, METRIC_WAY, &way_in.link, Some(gateway), None));
            }
            let (link, mac) = (way_in.link.clone(), way_in.gateway_mac);
            state.neighbours.insert(Neighbour { link, address: gateway, mac });
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
        let servers = subnet.cidrs.iter().map(|cidr| subnet.reserved.resolver(*cidr));
        let lines: String = servers.map(|server| format!("nameserver {server}\n")).collect();
        format!("{lines}search {domain}\noptions ndots:4 timeout:1 attempts:2\n")
    }
}
