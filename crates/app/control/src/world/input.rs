//! What is in force, as plans and answers are made from it.

use super::World;
use netloom_plan::input::{Attachment, PlanInput};
use std::collections::BTreeMap;

/// Where others' workloads are, nodes find out for themselves.
static NOWHERE: BTreeMap<String, Attachment> = BTreeMap::new();

impl World {
    /// With the addresses, keys and endpoints that are in force.
    pub fn input(&self) -> PlanInput<'_> {
        PlanInput {
            fabric: &self.accepted.fabric,
            fabric_id: self.fabric_id(),
            leases: &self.leases,
            directory: &self.directory,
            memberships: &self.accepted.memberships,
            attachments: &NOWHERE,
        }
    }
}
