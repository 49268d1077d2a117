//! Mends what others have undone: compares plan and kernel, executes what differs, and says so.

use crate::agent::{Agent, chain};
use crate::drift;
use crate::enforce::Applied;
use crate::protocol::DriftEvent;
use netloom_base::Time;
use netloom_plan::NodePlan;
use netloom_state::{Namespace, Operation, diff};
use netloom_sys::clock::{monotonic_now, wall_now};
use std::collections::BTreeSet;
use std::time::Duration;

/// How often plan and kernel are compared again: some operations undo others, as a hardware address
/// that is set takes the link's neighbours along.
const ROUNDS_MAX: usize = 3;
/// How soon to look again where it is not known what the node is to be.
const UNKNOWN_INTERVAL: Duration = Duration::from_secs(1);

impl Agent {
    /// Compares and mends, if there is a reason to; gives when to look again.
    pub(crate) fn mend(&mut self) -> Time {
        let now = monotonic_now();
        // What would be compared with an empty plan is what the node has.
        let is_known = self.source.unusable.is_none();
        if is_known && self.drift.is_due(&self.plan.host, &mut self.executor, now) {
            let event = self.compare();
            self.drift.checked(event, monotonic_now());
        }
        if is_known { self.drift.next() } else { now + UNKNOWN_INTERVAL }
    }

    fn compare(&mut self) -> Option<DriftEvent> {
        let mut noticed = self.drift.take();
        let (plan, desired) = (std::mem::take(&mut self.plan), std::mem::take(&mut self.desired));
        let (mut operations, mut applied) = (Vec::new(), Applied::default());
        let mut result = Ok(());
        for _ in 0..ROUNDS_MAX {
            let before = match self.executor.observe(&plan.host) {
                Ok(before) => before,
                Err(error) => {
                    result = Err(error.into());
                    break;
                }
            };
            let found = diff(&plan.host, &before);
            if found.is_empty() {
                break;
            }
            self.leave_lost(&plan, &found);
            operations.extend(found);
            let mut round = Applied::default();
            result = self.put_in_force(&plan, &desired.private_keys, &before, &mut round);
            applied.operations.extend(round.operations);
            applied.started.extend(round.started);
            if result.is_err() {
                break;
            }
        }
        (self.plan, self.desired) = (plan, desired);
        let error = result.err().as_ref().map(chain);
        if operations.is_empty() && error.is_none() {
            return None;
        }
        let Applied { operations: mut done, started } = applied;
        done.extend(started.iter().map(|name| format!("workload {name} started again")));
        noticed.changes.extend(self.drift.overheard().changes);
        let time_ms = wall_now().0 / 1_000_000;
        Some(drift::event(time_ms, &operations, done, &noticed, error))
    }

    /// Ends what still runs in namespaces that have lost their names, so that it starts in the new.
    fn leave_lost(&mut self, plan: &NodePlan, operations: &[Operation]) {
        let lost: BTreeSet<&Namespace> = operations
            .iter()
            .filter_map(|operation| match operation {
                Operation::CreateNamespace { namespace } => Some(namespace),
                _ => None,
            })
            .collect();
        if lost.is_empty() {
            return;
        }
        self.workloads.stop_in(&lost);
        for (name, network) in &plan.networks {
            if lost.contains(&network.namespace) {
                self.resolvers.forget(name);
            }
        }
    }
}
