//! What one agent holds: its part of the fabric, its plan, and a model of its kernel.

use netloom_control_protocol::{Delta, ResourceSet};
use netloom_plan::NodePlan;
use netloom_plan::input::{Attachment, PlanInput};
use netloom_resource::{Slice, assemble};
use netloom_state::apply::apply;
use netloom_state::{HostState, diff};
use std::collections::BTreeMap;

/// What a node has put together, planned, and carried out on its model of the kernel.
#[derive(Default)]
pub(super) struct Enforced {
    pub(super) slice: Slice,
    plan: NodePlan,
    kernel: HostState,
}

impl Enforced {
    /// Goes the agent's ways: what other nodes do is planned alone, everything else whole.
    pub(super) fn take(&mut self, node: &str, held: &ResourceSet, delta: &Delta) {
        let Some(stale) = self.slice.revise(node, delta.changes.parts()) else {
            let parts =
                held.iter().map(|one| (one.key().kind, one.key().name.as_str(), one.payload()));
            (self.slice, _) = assemble(parts);
            self.plan = netloom_plan::plan(&input(&self.slice), node).unwrap_or_default();
            let operations = diff(&self.plan.host, &self.kernel);
            operations.iter().for_each(|operation| apply(&mut self.kernel, operation));
            return;
        };
        let changed = netloom_plan::refresh(&mut self.plan, &input(&self.slice), node, &stale);
        let part = |state: &mut HostState| HostState {
            namespaces: changed
                .iter()
                .filter_map(|name| state.namespaces.remove_entry(name))
                .collect(),
        };
        let (desired, mut observed) = (part(&mut self.plan.host), part(&mut self.kernel));
        let operations = diff(&desired, &observed);
        operations.iter().for_each(|operation| apply(&mut observed, operation));
        self.plan.host.namespaces.extend(desired.namespaces);
        self.kernel.namespaces.extend(observed.namespaces);
    }
}

fn input(slice: &Slice) -> PlanInput<'_> {
    static NOWHERE: BTreeMap<String, Attachment> = BTreeMap::new();
    PlanInput {
        fabric: &slice.fabric,
        fabric_id: slice.fabric_id,
        leases: &slice.leases,
        directory: &slice.directory,
        memberships: &slice.memberships,
        attachments: &NOWHERE,
    }
}
