//! A node's part of a fabric, put together from its resources.

use crate::Kind;
use crate::form::acl::{NetworkAclForm, published};
use crate::form::attach::AttachForm;
use crate::form::group::GroupForm;
use crate::form::routing::{GatewayForm, PeeringForm, RouteTableForm};
use crate::form::{
    FabricForm, NetworkForm, NodeForm, RegionForm, ServiceForm, SubnetForm, WorkloadForm,
};
use netloom_cbor::{DecodeError, from_bytes};
use netloom_model::Span;
use netloom_model::fabric::{
    Attach, Fabric, KEY_ROTATION, NETWORK_MTU_BYTES, Name, Network, Node, Region, Reserved,
    Service, Subnet, Workload,
};
use netloom_model::lease::Leases;
use netloom_plan::input::Directory;
use netloom_plan::membership::{Membership, Memberships};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a node knows of a fabric. Nodes and workloads are those of its networks; what others'
/// workloads are is not known, and stands as a server of nothing.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    /// Its part of the fabric.
    pub fabric: Fabric,
    /// The fabric's random id.
    pub fabric_id: u128,
    /// Addresses of workloads.
    pub leases: Leases,
    /// Keys and endpoints of nodes.
    pub directory: Directory,
    /// Which nodes take part in which networks.
    pub memberships: Memberships,
    /// Where the members of control answer, each `host:port`; empty where there is only one.
    pub control: Vec<String>,
}

/// A resource that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Number of its kind.
    pub kind: u16,
    /// Its name.
    pub name: String,
    /// Why, in words.
    pub reason: String,
}

/// Puts resources (number of the kind, name, payload) together. What cannot be used is left out
/// and named, with all that refers to it.
pub fn assemble<'a>(
    resources: impl IntoIterator<Item = (u16, &'a str, &'a [u8])>,
) -> (Slice, Vec<Refused>) {
    let mut assembly = Assembly::default();
    for (kind, name, payload) in resources {
        let result = match Kind::of(kind) {
            Some(kind) => assembly.add(kind, name, payload).map_err(|error| error.to_string()),
            None => Err(format!("kind {kind} is newer than this node's version; update it")),
        };
        if let Err(reason) = result {
            assembly.refused.push(Refused { kind, name: name.to_owned(), reason });
        }
    }
    assembly.finish()
}

#[derive(Default)]
struct Assembly {
    slice: Slice,
    memberships: BTreeMap<Name, Membership>,
    attach: BTreeMap<Name, Attach>,
    refused: Vec<Refused>,
}

impl Assembly {
    fn add(&mut self, kind: Kind, name: &str, payload: &[u8]) -> Result<(), DecodeError> {
        let fabric = &mut self.slice.fabric;
        let (key, span) = (name.to_owned(), unknown_place());
        match kind {
            Kind::Fabric => {
                let form: FabricForm = from_bytes(payload)?;
                fabric.name = form.name;
                self.slice.control = form.control.unwrap_or_default();
                self.slice.fabric_id = u128::from_be_bytes(form.id);
            }
            Kind::Region => {
                let RegionForm { nat } = from_bytes(payload)?;
                let (zones, networks) = (BTreeSet::new(), Vec::new());
                fabric.regions.insert(key, Region { span, zones, networks, nat });
            }
            Kind::Network => {
                fabric.networks.insert(key, network(from_bytes(payload)?));
            }
            Kind::Subnet => {
                fabric.subnets.insert(key, subnet(from_bytes(payload)?, span));
            }
            Kind::Group => {
                let form: GroupForm = from_bytes(payload)?;
                fabric.security_groups.insert(key, form.into_group(span));
            }
            Kind::Service => {
                let form: ServiceForm = from_bytes(payload)?;
                let service = Service {
                    span,
                    namespace: form.namespace,
                    port: form.port,
                    protocol: form.protocol.into(),
                    select: form.select,
                    health: None,
                };
                fabric.services.insert(key, service);
            }
            Kind::Node => self.node(key, from_bytes(payload)?),
            Kind::Workload => self.workload(key, from_bytes(payload)?),
            Kind::Attach => {
                let form: AttachForm = from_bytes(payload)?;
                self.attach.insert(key, form.into());
            }
            Kind::RouteTable => {
                let form: RouteTableForm = from_bytes(payload)?;
                fabric.route_tables.insert(key, form.into_table(span));
            }
            Kind::Gateway => {
                let form: GatewayForm = from_bytes(payload)?;
                fabric.gateways.insert(key, form.into_gateway(span));
            }
            Kind::Peering => {
                let form: PeeringForm = from_bytes(payload)?;
                fabric.peerings.insert(key, form.into_peering(span));
            }
            Kind::NetworkAcl => {
                let form: NetworkAclForm = from_bytes(payload)?;
                fabric.network_acls.insert(key, form.into_acl(span));
            }
        }
        Ok(())
    }

    fn node(&mut self, name: Name, form: NodeForm) {
        let entry = form.entry();
        let node = Node {
            span: unknown_place(),
            region: form.region,
            zone: None,
            roles: BTreeSet::new(),
            endpoint: None,
            advertise: form.advertise.into_iter().flatten().map(Into::into).collect(),
            tags: BTreeSet::new(),
            security_groups: form.groups,
            private_key_files: form.private_key_files.unwrap_or_default(),
        };
        self.slice.fabric.nodes.insert(name.clone(), node);
        let membership = Membership { networks: form.networks, stack: form.stack };
        self.memberships.insert(name.clone(), membership);
        self.slice.directory.nodes.insert(name, entry);
    }

    fn workload(&mut self, name: Name, form: WorkloadForm) {
        let workload = Workload {
            span: unknown_place(),
            was: None,
            node: form.node,
            subnet: form.subnet,
            addresses: Vec::new(),
            labels: form.labels,
            advertise: form.advertise.unwrap_or_default(),
            security_groups: form.groups,
            publish: form.publish.into_iter().flatten().map(published).collect(),
            attach: Attach::Serve(Vec::new()),
        };
        self.slice.fabric.workloads.insert(name.clone(), workload);
        self.slice.leases.workloads.insert(name, form.addresses);
    }

    /// Leaves out what refers to something that is not there, so that the planner finds all it needs.
    fn finish(mut self) -> (Slice, Vec<Refused>) {
        let fabric = &mut self.slice.fabric;
        let mut refuse = |kind: Kind, name: &str, missing: String| {
            let reason = format!("it refers to {missing}, which is not here");
            self.refused.push(Refused { kind: kind as u16, name: name.to_owned(), reason });
        };
        let mut subnets = std::mem::take(&mut fabric.subnets);
        subnets.retain(|name, subnet| {
            let known = fabric.networks.contains_key(&subnet.network);
            if !known {
                refuse(Kind::Subnet, name, format!("network `{}`", subnet.network));
            }
            known
        });
        fabric.subnets = subnets;
        let mut nodes = std::mem::take(&mut fabric.nodes);
        nodes.retain(|name, node| {
            let known = fabric.regions.contains_key(&node.region);
            if !known {
                refuse(Kind::Node, name, format!("region `{}`", node.region));
            }
            known
        });
        fabric.nodes = nodes;
        let mut workloads = std::mem::take(&mut fabric.workloads);
        workloads.retain(|name, workload| {
            let missing = if !fabric.subnets.contains_key(&workload.subnet) {
                format!("subnet `{}`", workload.subnet)
            } else if !fabric.nodes.contains_key(&workload.node) {
                format!("node `{}`", workload.node)
            } else {
                return true;
            };
            refuse(Kind::Workload, name, missing);
            false
        });
        for (name, attach) in self.attach {
            if let Some(workload) = workloads.get_mut(&name) {
                workload.attach = attach;
            }
        }
        fabric.workloads = workloads;
        let here = |name: &Name| fabric.nodes.contains_key(name);
        self.slice.directory.nodes.retain(|name, _| here(name));
        self.memberships.retain(|name, _| here(name));
        for membership in self.memberships.values_mut() {
            membership.networks.retain(|network| fabric.networks.contains_key(network));
            membership.stack.retain(|network| fabric.networks.contains_key(network));
        }
        self.slice.memberships = Memberships::of_part(fabric, self.memberships);
        (self.slice, self.refused)
    }
}

fn subnet(form: SubnetForm, span: Span) -> Subnet {
    Subnet {
        span,
        network: form.network,
        cidrs: form.cidrs,
        zone: None,
        public: form.public == Some(true),
        route_table: form.route_table,
        nat_gateway: form.nat_gateway,
        network_acl: form.network_acl,
        tags: BTreeMap::new(),
        reserved: if form.reserved_last == Some(true) { Reserved::Last } else { Reserved::First },
    }
}

pub(crate) fn network(form: NetworkForm) -> Network {
    Network {
        span: unknown_place(),
        cidrs: form.cidrs,
        region: None,
        zones: BTreeSet::new(),
        domain: form.domain,
        resolvers: form.resolvers,
        key_rotation: form.key_rotation_ms.map_or(KEY_ROTATION, Duration::from_millis),
        mtu_bytes: form.mtu_bytes.unwrap_or(NETWORK_MTU_BYTES),
        tags: BTreeMap::new(),
    }
}

/// Where an object stands in the file is told to nodes only where explanations need it.
pub(crate) fn unknown_place() -> Span {
    Span { file: "".into(), line: 0, column: 0 }
}
