//! Where nodes can be called, as long as none has said so: what is asked before anything runs.

use crate::input::{Attachment, Directory, NodeEntry, PlanInput};
use crate::membership::Memberships;
use netloom_model::fabric::{Fabric, Name, Node};
use netloom_model::lease::{self, Leases};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where a node can be called that has not said so, and of which the file does not: a port that nobody has.
const SOMEWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// An endpoint in words, behind who is called there; nothing where it is only assumed that there is one.
pub(crate) fn at(endpoint: SocketAddr) -> String {
    if endpoint == SOMEWHERE { String::new() } else { format!(" at {endpoint}") }
}

/// Facts for a fabric that does not run, or does not yet.
#[derive(Clone, Debug, Default)]
pub struct Assumed {
    fabric_id: u128,
    leases: Leases,
    directory: Directory,
    memberships: Memberships,
    attachments: BTreeMap<Name, Attachment>,
}

impl Assumed {
    /// Addresses as a first start would give them; every node outside a translator can be called.
    pub fn of(fabric: &Fabric) -> Self {
        Self::with(fabric, lease::assign(fabric, &Leases::default()).0)
    }

    /// The same with addresses that are known.
    pub fn with(fabric: &Fabric, leases: Leases) -> Self {
        let entry = |(name, node): (&Name, &Node)| {
            let declared = node.endpoint.as_ref().and_then(|text| text.parse().ok());
            let endpoint = Some(declared.unwrap_or(SOMEWHERE));
            let visible = !fabric.regions[&node.region].nat;
            let entry = NodeEntry {
                public_keys: BTreeMap::new(),
                endpoint: endpoint.filter(|_| visible),
                local_endpoint: endpoint,
                has_aes_gcm: false,
            };
            (name.clone(), entry)
        };
        let nodes = fabric.nodes.iter().map(entry).collect();
        Self {
            fabric_id: 0,
            leases,
            directory: Directory { nodes },
            memberships: Memberships::of(fabric),
            attachments: BTreeMap::new(),
        }
    }

    /// With the fabric's random id, from which the addresses of nodes follow.
    #[must_use]
    pub fn with_id(mut self, fabric_id: u128) -> Self {
        self.fabric_id = fabric_id;
        self
    }

    /// With where nodes are called, as far as they have said so.
    #[must_use]
    pub fn with_endpoints(mut self, fabric: &Fabric, known: &BTreeMap<Name, SocketAddr>) -> Self {
        for (name, endpoint) in known {
            let Some(node) = fabric.nodes.get(name) else { continue };
            // What is seen of a node behind a translator says nothing of where its neighbours call it.
            if let Some(entry) = self.directory.nodes.get_mut(name)
                && !fabric.regions[&node.region].nat
            {
                (entry.endpoint, entry.local_endpoint) = (Some(*endpoint), None);
            }
        }
        self
    }

    /// What plans and answers are made from.
    pub fn input<'a>(&'a self, fabric: &'a Fabric) -> PlanInput<'a> {
        PlanInput {
            fabric,
            fabric_id: self.fabric_id,
            leases: &self.leases,
            directory: &self.directory,
            memberships: &self.memberships,
            attachments: &self.attachments,
        }
    }
}
