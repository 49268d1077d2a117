//! A slice brought up to date with what other nodes do, without putting all of it together again.

use crate::assemble::{network, unknown_place};
use crate::form::group::GroupForm;
use crate::form::{NodeForm, WorkloadForm};
use crate::{Kind, Slice};
use netloom_cbor::from_bytes;
use netloom_model::fabric::{Advertised, Attach, Name, Network, NextHop, SecurityGroup, Workload};
use netloom_plan::Stale;
use netloom_plan::input::NodeEntry;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// A change of one resource that leaves the shape of the slice as it is.
enum Step {
    /// Another node's keys and endpoints.
    Entry(Name, NodeEntry),
    /// What a group that is known allows.
    Group(Name, SecurityGroup),
    /// A network that the node takes no part in, or none any more.
    Network(Name, Option<Network>),
    /// A workload on another node, or none any more.
    Workload(Name, Option<(Workload, Vec<IpAddr>)>),
}

impl Slice {
    /// Takes changes in (number of the kind, name, payload or none where it is gone), if all are of
    /// groups, of other nodes' keys, endpoints and workloads, and of networks that `node` is not in,
    /// which is what changes all the time. Gives what of
    /// the plan of `node` is stale then; none where the slice has to be [put together](crate::assemble)
    /// again, and is as it was. Holds for slices of which nothing was refused.
    pub fn revise<'c>(
        &mut self,
        node: &str,
        changes: impl IntoIterator<Item = (u16, &'c str, Option<&'c [u8]>)>,
    ) -> Option<Stale> {
        let mut steps = Vec::new();
        for (kind, name, payload) in changes {
            steps.push(match (Kind::of(kind)?, payload) {
                (Kind::Node, Some(payload)) if name != node => self.entry(name, payload)?,
                (Kind::Group, Some(payload)) if self.fabric.security_groups.contains_key(name) => {
                    let form: GroupForm = from_bytes(payload).ok()?;
                    Step::Group(name.to_owned(), form.into_group(unknown_place()))
                }
                (Kind::Network, payload) => self.network(name, payload)?,
                (Kind::Workload, payload) => self.workload(node, name, payload)?,
                _ => return None,
            });
        }
        let mut stale = Stale::default();
        for step in steps {
            match step {
                Step::Entry(name, entry) => {
                    self.directory.nodes.insert(name.clone(), entry);
                    stale.peers.insert(name);
                }
                Step::Group(name, group) => {
                    stale.networks.extend(self.governed_by(&name, node));
                    self.fabric.security_groups.insert(name, group);
                }
                Step::Network(name, network) => {
                    stale.prefixes = true;
                    match network {
                        Some(network) => drop(self.fabric.networks.insert(name, network)),
                        None => drop(self.fabric.networks.remove(&name)),
                    }
                }
                Step::Workload(name, workload) => {
                    self.forget(&name, &mut stale);
                    if let Some((workload, addresses)) = workload {
                        self.note(name, workload, addresses, &mut stale);
                    }
                }
            }
        }
        Some(stale)
    }

    /// A node that is what it was but for its keys and endpoints.
    fn entry(&self, name: &str, payload: &[u8]) -> Option<Step> {
        let form: NodeForm = from_bytes(payload).ok()?;
        let known = self.fabric.nodes.get(name)?;
        let membership = self.memberships.of_node(name)?;
        let here = |networks: &BTreeSet<Name>| -> BTreeSet<Name> {
            let networks = networks.iter();
            networks.filter(|name| self.fabric.networks.contains_key(*name)).cloned().collect()
        };
        let same = form.region == known.region
            && form.groups == known.security_groups
            && here(&form.networks) == membership.networks
            && here(&form.stack) == membership.stack
            && form
                .advertise
                .clone()
                .unwrap_or_default()
                .into_iter()
                .map(Advertised::from)
                .eq(known.advertise.iter().cloned())
            && form.private_key_files.clone().unwrap_or_default() == known.private_key_files;
        same.then(|| Step::Entry(name.to_owned(), form.entry()))
    }

    /// A network that nothing else here refers to.
    fn network(&self, name: &str, payload: Option<&[u8]>) -> Option<Step> {
        let joined = self.memberships.of_network(name).is_some();
        let mut subnets = self.fabric.subnets.values();
        if joined || subnets.any(|subnet| subnet.network == name) {
            return None;
        }
        let network = match payload {
            Some(payload) => Some(network(from_bytes(payload).ok()?)),
            None => None,
        };
        Some(Step::Network(name.to_owned(), network))
    }

    /// A workload that neither was nor becomes one of `node`.
    fn workload(&self, node: &str, name: &str, payload: Option<&[u8]>) -> Option<Step> {
        let former = self.fabric.workloads.get(name);
        let tables = self.fabric.route_tables.values();
        let is_hop = |via: &NextHop| matches!(via, NextHop::Workload(hop) if hop == name);
        if tables.flat_map(|table| &table.routes).any(|route| is_hop(&route.via)) {
            return None;
        }
        let leads_on =
            |former: &Workload| !former.advertise.is_empty() || !former.publish.is_empty();
        if former.is_some_and(|former| former.node == node || leads_on(former)) {
            return None;
        }
        let Some(payload) = payload else {
            return Some(Step::Workload(name.to_owned(), None));
        };
        let form: WorkloadForm = from_bytes(payload).ok()?;
        let known = form.node != node
            && form.advertise.is_none()
            && form.publish.is_none()
            && self.fabric.nodes.contains_key(&form.node)
            && self.fabric.subnets.contains_key(&form.subnet);
        let workload = Workload {
            span: unknown_place(),
            was: None,
            node: form.node,
            subnet: form.subnet,
            addresses: Vec::new(),
            labels: form.labels,
            advertise: Vec::new(),
            security_groups: form.groups,
            publish: Vec::new(),
            attach: former.map_or(Attach::Serve(Vec::new()), |former| former.attach.clone()),
        };
        known.then(|| Step::Workload(name.to_owned(), Some((workload, form.addresses))))
    }

    /// The networks in which a group governs something of `node`.
    fn governed_by(&self, group: &str, node: &str) -> BTreeSet<Name> {
        let Some(membership) = self.memberships.of_node(node) else { return BTreeSet::new() };
        let is_governed = |network: &&Name| {
            let workloads = self.memberships.workloads_of(network, node);
            let mut workloads = workloads.filter_map(|name| self.fabric.workloads.get(name));
            workloads.any(|workload| workload.security_groups.contains(group))
        };
        let of_node = self.fabric.nodes.get(node).map(|node| &node.security_groups);
        let stack =
            of_node.is_some_and(|groups| groups.contains(group)).then_some(&membership.stack);
        let networks = membership.networks.iter().filter(is_governed);
        networks.chain(stack.into_iter().flatten()).cloned().collect()
    }

    /// A network's policy and names are stale, and the policies of those that are peered with it, whose
    /// groups have members there.
    fn governed_with(&self, network: Name, stale: &mut Stale) {
        stale.networks.extend(self.fabric.peers_of(&network).map(|(.., other)| other.clone()));
        stale.networks.insert(network);
    }

    fn forget(&mut self, name: &str, stale: &mut Stale) {
        self.leases.workloads.remove(name);
        let Some(workload) = self.fabric.workloads.remove(name) else { return };
        let network = self.fabric.network_of(&workload).clone();
        self.memberships.remove_workload(&network, &workload.node, name);
        self.governed_with(network, stale);
        stale.peers.insert(workload.node);
    }

    fn note(&mut self, name: Name, workload: Workload, leased: Vec<IpAddr>, stale: &mut Stale) {
        let network = self.fabric.network_of(&workload).clone();
        self.memberships.insert_workload(&network, &workload.node, &name);
        self.governed_with(network, stale);
        stale.peers.insert(workload.node.clone());
        self.leases.workloads.insert(name.clone(), leased);
        self.fabric.workloads.insert(name, workload);
    }
}
