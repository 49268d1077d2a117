//! A plan put in force, whole or not at all.

use crate::agent::Agent;
use crate::desired::PrivateKeys;
use crate::log;
use crate::tunnels::NodeTunnels;
use netloom_plan::NodePlan;
use netloom_state::host::RouteKind;
use netloom_state::{HostState, Operation, diff};
use netloom_sys::clock::monotonic_now;

/// What is known of what the kernel holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nothing: it is asked.
    Nothing,
    /// It holds what is planned.
    Planned,
}

/// What was done to put a plan in force.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// Operations on the kernel, in order, in words.
    pub(crate) operations: Vec<String>,
    /// Workloads that were started.
    pub(crate) started: Vec<String>,
}

impl Agent {
    /// Puts a plan in force, whole or not at all.
    pub(crate) fn change_to(
        &mut self,
        plan: NodePlan,
        keys: &PrivateKeys,
        seen: Seen,
    ) -> anyhow::Result<()> {
        NodeTunnels::check(&plan, keys)?;
        self.stays_connected(&plan)?;
        self.executor.adopt_tables(&plan.host)?;
        let mut applied = Applied::default();
        if seen == Seen::Planned && plan.host == self.plan.host {
            self.serve(&plan, keys, &mut applied)
                .map_err(|error| self.taken_back(error, &plan, &plan.host))?;
        } else {
            let before = self.executor.observe(&plan.host)?;
            self.put_in_force(&plan, keys, &before, &mut applied)
                .map_err(|error| self.taken_back(error, &plan, &before))?;
        }
        self.plan = plan;
        self.drift.plan_changed(monotonic_now());
        Ok(())
    }

    /// Kernel, tunnels, resolvers and workloads as the plan says.
    pub(crate) fn put_in_force(
        &mut self,
        plan: &NodePlan,
        keys: &PrivateKeys,
        before: &HostState,
        applied: &mut Applied,
    ) -> anyhow::Result<()> {
        let operations = diff(&plan.host, before);
        if !operations.is_empty() {
            log::line(&format!("applying {} operations", operations.len()));
        }
        self.executor.execute(&operations)?;
        applied.operations = operations.iter().map(ToString::to_string).collect();
        self.end_forbidden(plan)?;
        self.serve(plan, keys, applied)?;
        if !operations.is_empty() {
            log::line("applied");
        }
        Ok(())
    }

    /// Tunnels, resolvers and workloads as the plan says, on a kernel that holds what it says.
    fn serve(
        &mut self,
        plan: &NodePlan,
        keys: &PrivateKeys,
        applied: &mut Applied,
    ) -> anyhow::Result<()> {
        self.tunnels.set(plan, keys, &mut self.executor)?;
        self.resolvers.set(plan, &mut self.executor)?;
        self.workloads.set(plan, &mut self.executor, applied)
    }

    /// Goes back to what the kernel held before a change that failed, and to what ran. Stop routes
    /// that the change has brought stay: they only keep packets from leaving in clear.
    fn taken_back(
        &mut self,
        error: anyhow::Error,
        plan: &NodePlan,
        before: &HostState,
    ) -> anyhow::Error {
        let result = self.executor.observe(&plan.host).map_err(anyhow::Error::from);
        let result = result.and_then(|now| {
            let mut back = diff(before, &now);
            back.retain(|operation| !is_stop_removal(operation));
            Ok(self.executor.execute(&back)?)
        });
        let old = std::mem::take(&mut self.plan);
        // What ran before runs on; what cannot is told by status and tried again.
        let _ = self.tunnels.set(&old, &self.desired.private_keys, &mut self.executor);
        let _ = self.resolvers.set(&old, &mut self.executor);
        let _ = self.workloads.set(&old, &mut self.executor, &mut Applied::default());
        self.plan = old;
        match result {
            Ok(()) => error.context("the change was taken back"),
            Err(second) => error.context(format!(
                "the change could not be taken back either ({second}); run the node again"
            )),
        }
    }
}

fn is_stop_removal(operation: &Operation) -> bool {
    matches!(operation, Operation::DeleteRoute { route, .. } if route.kind == RouteKind::Unreachable)
}
