//! A whole fabric as resources.

use crate::call::ciphers;
use crate::form::acl::{NetworkAclForm, published_form};
use crate::form::attach::AttachForm;
use crate::form::group::GroupForm;
use crate::form::routing::{AdvertisedForm, GatewayForm, PeeringForm, RouteTableForm};
use crate::form::{
    FabricForm, NetworkForm, NodeForm, RegionForm, ServiceForm, SubnetForm, WorkloadForm,
};
use crate::topic::Topic;
use crate::{Key, Kind};
use netloom_cbor::{Encode, to_bytes};
use netloom_model::Fabric;
use netloom_model::fabric::{
    GatewayKind, KEY_ROTATION, NETWORK_MTU_BYTES, Name, Node, Reserved, Workload,
};
use netloom_model::lease::Leases;
use netloom_plan::input::Directory;
use netloom_plan::membership::Memberships;
use std::collections::BTreeMap;

/// All that control knows and nodes need.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    /// The checked fabric.
    pub fabric: &'a Fabric,
    /// Its random id.
    pub fabric_id: u128,
    /// Addresses of workloads.
    pub leases: &'a Leases,
    /// Keys and endpoints of nodes.
    pub directory: &'a Directory,
    /// Which nodes take part in which networks.
    pub memberships: &'a Memberships,
    /// Where the members of control answer, each `host:port`; empty where there is only one.
    pub control: &'a [String],
}

/// A resource: its bytes, and who gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The encoded record.
    pub payload: Vec<u8>,
    /// A node that follows any of these gets it.
    pub topics: Vec<Topic>,
}

/// Every resource of a fabric.
pub fn resources(whole: &Whole<'_>) -> BTreeMap<Key, Entry> {
    let mut found = resources_but_workloads(whole);
    for (name, workload) in &whole.fabric.workloads {
        found.workload(whole, name, workload);
    }
    found.0
}

/// What of a fabric's resources is not as it was.
#[derive(Debug, Default)]
pub struct Difference {
    /// Resources that may be others now. Of workloads, of which there are the most, only those that are.
    pub made: BTreeMap<Key, Entry>,
    /// Those that are no more.
    pub gone: Vec<Key>,
}

/// What of a fabric's resources is not as it was: `before` and `after` differ in what is declared.
pub fn difference(before: &Whole<'_>, after: &Whole<'_>) -> Difference {
    let mut found = resources_but_workloads(after);
    let (was, is) = (before.fabric, after.fabric);
    for (name, workload) in &is.workloads {
        let is_same = was.workloads.get(name).is_some_and(|former| {
            former.is_like(workload)
                && was.network_of(former) == is.network_of(workload)
                && before.leases.workloads.get(name) == after.leases.workloads.get(name)
        });
        if !is_same {
            found.workload(after, name, workload);
        }
    }
    let mut gone = Vec::new();
    missing(&mut gone, Kind::Region, &was.regions, &is.regions);
    missing(&mut gone, Kind::Network, &was.networks, &is.networks);
    missing(&mut gone, Kind::Subnet, &was.subnets, &is.subnets);
    missing(&mut gone, Kind::Group, &was.security_groups, &is.security_groups);
    missing(&mut gone, Kind::Service, &was.services, &is.services);
    missing(&mut gone, Kind::Node, &was.nodes, &is.nodes);
    missing(&mut gone, Kind::Workload, &was.workloads, &is.workloads);
    missing(&mut gone, Kind::Attach, &was.workloads, &is.workloads);
    missing(&mut gone, Kind::RouteTable, &was.route_tables, &is.route_tables);
    missing(&mut gone, Kind::Gateway, &was.gateways, &is.gateways);
    missing(&mut gone, Kind::Peering, &was.peerings, &is.peerings);
    missing(&mut gone, Kind::NetworkAcl, &was.network_acls, &is.network_acls);
    Difference { made: found.0, gone }
}

/// Adds what is in `was` and not in `is`.
fn missing<T>(gone: &mut Vec<Key>, kind: Kind, was: &BTreeMap<Name, T>, is: &BTreeMap<Name, T>) {
    let names = was.keys().filter(|name| !is.contains_key(*name));
    gone.extend(names.map(|name| (kind, name.clone())));
}

fn resources_but_workloads(whole: &Whole<'_>) -> Collected {
    let fabric = whole.fabric;
    let mut found = Collected(BTreeMap::new());
    found.fabric(whole);
    for (name, region) in &fabric.regions {
        found.add(Kind::Region, name, &RegionForm { nat: region.nat }, vec![Topic::All]);
    }
    for (name, network) in &fabric.networks {
        let form = NetworkForm {
            cidrs: network.cidrs.clone(),
            domain: network.domain.clone(),
            resolvers: network.resolvers.clone(),
            key_rotation_ms: Some(network.key_rotation)
                .filter(|interval| *interval != KEY_ROTATION)
                .map(|interval| u64::try_from(interval.as_millis()).unwrap_or(u64::MAX)),
            mtu_bytes: Some(network.mtu_bytes).filter(|mtu| *mtu != NETWORK_MTU_BYTES),
        };
        // Every node stops the prefixes of all networks on its own stack.
        found.add(Kind::Network, name, &form, vec![Topic::All]);
    }
    for (name, subnet) in &fabric.subnets {
        let form = SubnetForm {
            network: subnet.network.clone(),
            cidrs: subnet.cidrs.clone(),
            reserved_last: (subnet.reserved == Reserved::Last).then_some(true),
            route_table: subnet.route_table.clone(),
            nat_gateway: subnet.nat_gateway.clone(),
            network_acl: subnet.network_acl.clone(),
            public: (subnet.public && has_internet_gateway(fabric, &subnet.network))
                .then_some(true),
        };
        found.add(Kind::Subnet, name, &form, vec![Topic::Network(subnet.network.clone())]);
    }
    for (name, group) in &fabric.security_groups {
        found.add(Kind::Group, name, &GroupForm::from(group), vec![Topic::Group(name.clone())]);
    }
    for (name, service) in &fabric.services {
        let form = ServiceForm {
            namespace: service.namespace.clone(),
            port: service.port,
            protocol: service.protocol.into(),
            select: service.select.clone(),
        };
        found.add(Kind::Service, name, &form, vec![Topic::All]);
    }
    found.ways(fabric);
    for (name, node) in &fabric.nodes {
        found.node(whole, name, node);
    }
    found
}

/// The resource of the fabric itself: what another member of control changes.
pub fn resource_of_fabric(whole: &Whole<'_>) -> BTreeMap<Key, Entry> {
    let mut found = Collected(BTreeMap::new());
    found.fabric(whole);
    found.0
}

/// The resources of some nodes and workloads: what another record of theirs changes.
pub fn resources_of<'n>(
    whole: &Whole<'_>,
    nodes: impl IntoIterator<Item = &'n String>,
    workloads: impl IntoIterator<Item = &'n String>,
) -> BTreeMap<Key, Entry> {
    let mut found = Collected(BTreeMap::new());
    for name in nodes {
        if let Some((name, node)) = whole.fabric.nodes.get_key_value(name) {
            found.node(whole, name, node);
        }
    }
    for name in workloads {
        if let Some((name, workload)) = whole.fabric.workloads.get_key_value(name) {
            found.workload(whole, name, workload);
        }
    }
    found.0
}

struct Collected(BTreeMap<Key, Entry>);

impl Collected {
    fn add(&mut self, kind: Kind, name: &str, form: &impl Encode, topics: Vec<Topic>) {
        self.0.insert((kind, name.to_owned()), Entry { payload: to_bytes(form), topics });
    }

    fn fabric(&mut self, whole: &Whole<'_>) {
        let name = &whole.fabric.name;
        let control = (!whole.control.is_empty()).then(|| whole.control.to_vec());
        let form = FabricForm { id: whole.fabric_id.to_be_bytes(), name: name.clone(), control };
        self.add(Kind::Fabric, name, &form, vec![Topic::All]);
    }

    /// Route tables, gateways, peerings and network ACLs: for who is in their networks.
    fn ways(&mut self, fabric: &Fabric) {
        let of = |network: &Name| vec![Topic::Network(network.clone())];
        for (name, table) in &fabric.route_tables {
            self.add(Kind::RouteTable, name, &RouteTableForm::from(table), of(&table.network));
        }
        for (name, gateway) in &fabric.gateways {
            self.add(Kind::Gateway, name, &GatewayForm::from(gateway), of(&gateway.network));
        }
        for (name, peering) in &fabric.peerings {
            let topics = peering.networks.iter().cloned().map(Topic::Network).collect();
            self.add(Kind::Peering, name, &PeeringForm::from(peering), topics);
        }
        for (name, acl) in &fabric.network_acls {
            self.add(Kind::NetworkAcl, name, &NetworkAclForm::from(acl), of(&acl.network));
        }
    }

    fn node(&mut self, whole: &Whole<'_>, name: &Name, node: &Node) {
        let membership = whole.memberships.of_node(name).cloned().unwrap_or_default();
        let known = whole.directory.nodes.get(name).cloned().unwrap_or_default();
        // What the file says holds where the directory is silent, and only for nodes in the open.
        let declared = || {
            let visible = !whole.fabric.regions[&node.region].nat;
            node.endpoint.as_ref().filter(|_| visible)?.parse().ok()
        };
        let mut topics = vec![Topic::Node(name.clone())];
        topics.extend(membership.networks.iter().cloned().map(Topic::Network));
        let form = NodeForm {
            region: node.region.clone(),
            groups: node.security_groups.clone(),
            networks: membership.networks,
            stack: membership.stack,
            public_keys: known.public_keys,
            endpoint: known.endpoint.or_else(declared),
            local_endpoint: known.local_endpoint,
            ciphers: known.has_aes_gcm.then(|| ciphers(true)),
            private_key_files: some(&node.private_key_files, node.private_key_files.is_empty()),
            advertise: (!node.advertise.is_empty())
                .then(|| node.advertise.iter().map(AdvertisedForm::from).collect()),
        };
        self.add(Kind::Node, name, &form, topics);
    }

    fn workload(&mut self, whole: &Whole<'_>, name: &Name, workload: &Workload) {
        let form = WorkloadForm {
            node: workload.node.clone(),
            subnet: workload.subnet.clone(),
            addresses: whole.leases.workloads.get(name).cloned().unwrap_or_default(),
            groups: workload.security_groups.clone(),
            labels: workload.labels.clone(),
            advertise: some(&workload.advertise, workload.advertise.is_empty()),
            publish: (!workload.publish.is_empty())
                .then(|| workload.publish.iter().map(published_form).collect()),
        };
        let network = whole.fabric.network_of(workload).clone();
        self.add(Kind::Workload, name, &form, vec![Topic::Network(network)]);
        let topics = vec![Topic::Node(workload.node.clone())];
        self.add(Kind::Attach, name, &AttachForm::from(&workload.attach), topics);
    }
}

fn has_internet_gateway(fabric: &Fabric, network: &str) -> bool {
    let mut gateways = fabric.gateways_of(network);
    gateways.any(|(_, gateway)| gateway.kind == GatewayKind::Internet)
}

/// Nothing where there is nothing, so that older nodes get what they always got.
fn some<T: Clone>(value: &T, is_empty: bool) -> Option<T> {
    (!is_empty).then(|| value.clone())
}
