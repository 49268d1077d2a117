//! What a change of the fabric does, told before it is done: operations on each node, and the
//! flows that policy opens or closes.
//!
//! ```text
//! Whole (in force) ┐
//!                  ├─ operations ─► node → operations        what the kernel is told, per node
//! Whole (proposed) ┘─ flows ──────► opened and closed flows  between workloads and nodes
//! ```
//! Both are pure, and both come from what the agents run: the planner, `diff`, and the allowances.
#![forbid(unsafe_code)]

mod flows;
mod operations;
mod passing;
mod ways;

pub use flows::{FlowChange, Flows, flows};
pub use operations::{NODES_MAX, NodeChange, Operations, operations};
pub use passing::Passing;
