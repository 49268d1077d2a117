//! Where nodes can be called, as long as none has said so: what is asked before anything runs.

use crate::input::{Attachment, Directory, NodeEntry, PlanInput};
use crate::membership::Memberships;
use netloom_model::fabric::{Fabric, Name, Node};
use netloom_model::lease::{self, Leases};
use std::collections::BTreeMap;

/// Facts for a fabric that does not run, or does not yet.
#[derive(Clone, Debug, Default)]
pub struct Assumed {
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
        let entry = |(index, (name, node)): (usize, (&Name, &Node))| {
            let address = [192, 0, 2, u8::try_from(index % 254 + 1).unwrap_or(1)];
            let endpoint = Some((address, 51820).into());
            let visible = !fabric.regions[&node.region].nat;
            let entry = NodeEntry {
                public_keys: BTreeMap::new(),
                endpoint: endpoint.filter(|_| visible),
                local_endpoint: endpoint,
                has_aes_gcm: false,
            };
            (name.clone(), entry)
        };
        let nodes = fabric.nodes.iter().enumerate().map(entry).collect();
        Self {
            leases,
            directory: Directory { nodes },
            memberships: Memberships::of(fabric),
            attachments: BTreeMap::new(),
        }
    }

    /// What plans and answers are made from.
    pub fn input<'a>(&'a self, fabric: &'a Fabric) -> PlanInput<'a> {
        PlanInput {
            fabric,
            fabric_id: 0,
            leases: &self.leases,
            directory: &self.directory,
            memberships: &self.memberships,
            attachments: &self.attachments,
        }
    }
}
