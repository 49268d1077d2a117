//! The agent: from its files to the kernel, and what it runs beside.

use crate::attachments::{self, Attachments};
use crate::desired::{Desired, Source};
use crate::drift::Drift;
use crate::follow::Follower;
use crate::protocol::SOCKET;
use crate::tunnels::NodeTunnels;
use crate::workloads::Workloads;
use crate::{log, requests, resolvers};
use netloom_base::Time;
use netloom_plan::NodePlan;
use netloom_plan::input::PlanInput;
use netloom_state::host::RouteKind;
use netloom_state::{HostState, Operation, diff};
use netloom_sys::Executor;
use netloom_sys::clock::monotonic_now;
use netloom_sys::unix_socket;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the agent looks after what it runs when nothing happens.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How an agent is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the node has kept since it joined, and the agent's socket.
    pub state: PathBuf,
    /// Where namespaces and other things of this run are kept.
    pub run: PathBuf,
    /// Give an empty namespace to workloads that somebody else should have made
    /// (containers, foreign namespaces), as the lab does.
    pub stand_ins: bool,
}

/// Runs the agent until it is told to stop.
///
/// # Errors
/// The first apply fails, or the agent cannot answer for itself.
pub fn run(options: Options) -> anyhow::Result<()> {
    let mut desk = requests::Desk::open(&options.state)?;
    let mut agent = Agent::start(options)?;
    agent.apply()?;
    desk.ready()?;
    desk.serve(&mut agent)
}

/// Removes everything of the fabric from the host: recognised by its marks, not by memory.
///
/// # Errors
/// Something could not be removed; what is left is named.
pub fn remove(options: &Options) -> anyhow::Result<Vec<String>> {
    let fabric = Source::kept(&options.state)?.joined.facts.fabric;
    if unix_socket::connect(&options.state.join(SOCKET)).is_ok() {
        anyhow::bail!("the agent of this node is running; stop it first");
    }
    remove_fabric(&fabric, &options.run)
}

/// Removes everything of a fabric from the host, by its name alone.
///
/// # Errors
/// As [`remove`].
pub fn remove_fabric(fabric: &str, run: &Path) -> anyhow::Result<Vec<String>> {
    let mut executor = Executor::new(fabric, &run.join(fabric))?;
    let nothing = HostState::default();
    executor.adopt_tables(&nothing)?;
    let observed = executor.observe(&nothing)?;
    let operations = diff(&nothing, &observed);
    executor.execute(&operations)?;
    Ok(operations.iter().map(ToString::to_string).collect())
}

/// What is known of what the kernel holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
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

pub(crate) struct Agent {
    pub(crate) options: Options,
    pub(crate) source: Source,
    pub(crate) executor: Executor,
    pub(crate) tunnels: NodeTunnels,
    pub(crate) resolvers: resolvers::Resolvers,
    pub(crate) workloads: Workloads,
    pub(crate) plan: NodePlan,
    pub(crate) last_error: Option<String>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) desired: Desired,
    pub(crate) follower: Follower,
    pub(crate) attachments: Attachments,
    pub(crate) drift: Drift,
}

impl Agent {
    fn start(mut options: Options) -> anyhow::Result<Self> {
        let source = Source::kept(&options.state)?;
        let facts = &source.joined.facts;
        let (fabric, listen_port) = (facts.fabric.clone(), facts.listen_port);
        // Several fabrics may share a host, and each removes only what is in its own folder.
        options.run = options.run.join(&fabric);
        Ok(Self {
            executor: Executor::new(&fabric, &options.run)?,
            tunnels: NodeTunnels::start(&options.state, listen_port)?,
            resolvers: resolvers::Resolvers::default(),
            workloads: Workloads::new(&options)?,
            plan: NodePlan::default(),
            last_error: None,
            address: None,
            desired: Desired::default(),
            follower: Follower::start(&source, options.state.clone())?,
            attachments: Attachments::default(),
            drift: Drift::start(&fabric)?,
            source,
            options,
        })
    }

    /// Which node this is.
    pub(crate) fn node(&self) -> &str {
        &self.source.joined.facts.node
    }

    /// Makes the node what it is to be, whatever the kernel holds now.
    pub(crate) fn apply(&mut self) -> anyhow::Result<()> {
        self.apply_from(Seen::Nothing)
    }

    /// The same after a change that control has sent: where it does not concern the kernel, as when
    /// another node's key becomes known, the kernel is not asked what it holds. What others have changed
    /// there is noticed by the watch for drift.
    pub(crate) fn apply_change(&mut self) -> anyhow::Result<()> {
        self.apply_from(if self.last_error.is_none() { Seen::Planned } else { Seen::Nothing })
    }

    fn apply_from(&mut self, seen: Seen) -> anyhow::Result<()> {
        let result = self.try_apply(seen);
        self.last_error = result.as_ref().err().map(chain);
        if let Some(error) = &self.last_error {
            log::line(&format!("not applied: {error}"));
        }
        result
    }

    fn try_apply(&mut self, seen: Seen) -> anyhow::Result<()> {
        let desired = self.source.read()?;
        let attachments = self.find_attachments(&desired);
        let plan = self.plan(&desired, &attachments);
        NodeTunnels::check(&plan, &desired)?;
        self.executor.adopt_tables(&plan.host)?;
        let mut applied = Applied::default();
        if seen == Seen::Planned && plan.host == self.plan.host {
            self.serve(&plan, &desired, &mut applied)
                .map_err(|error| self.taken_back(error, &plan, &plan.host))?;
        } else {
            let before = self.executor.observe(&plan.host)?;
            self.put_in_force(&plan, &desired, &before, &mut applied)
                .map_err(|error| self.taken_back(error, &plan, &before))?;
        }
        self.plan = plan;
        (self.desired, self.attachments) = (desired, attachments);
        self.drift.plan_changed(monotonic_now());
        Ok(())
    }

    /// Kernel, tunnels, resolvers and workloads as the plan says.
    pub(crate) fn put_in_force(
        &mut self,
        plan: &NodePlan,
        desired: &Desired,
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
        self.serve(plan, desired, applied)?;
        if !operations.is_empty() {
            log::line("applied");
        }
        Ok(())
    }

    /// Tunnels, resolvers and workloads as the plan says, on a kernel that holds what it says.
    fn serve(
        &mut self,
        plan: &NodePlan,
        desired: &Desired,
        applied: &mut Applied,
    ) -> anyhow::Result<()> {
        self.tunnels.set(plan, desired, &mut self.executor)?;
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
        let _ = self.tunnels.set(&old, &self.desired, &mut self.executor);
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

    fn find_attachments(&self, desired: &Desired) -> Attachments {
        attachments::find(&desired.slice.fabric, self.node(), self.options.stand_ins)
    }

    /// The plan; an empty one for a node that the fabric does not have (any more).
    fn plan(&mut self, desired: &Desired, attachments: &Attachments) -> NodePlan {
        let input = PlanInput {
            fabric: &desired.slice.fabric,
            fabric_id: desired.slice.fabric_id,
            leases: &desired.slice.leases,
            directory: &desired.slice.directory,
            memberships: &desired.slice.memberships,
            attachments: &attachments.places,
        };
        let node = &self.source.joined.facts.node;
        self.address = Some(input.node_address(node).into());
        netloom_plan::plan(&input, node).unwrap_or_default()
    }

    /// Looks after the workloads and remembers peers; gives when to look again.
    pub(crate) fn tend(&mut self) -> Time {
        // A tunnels' thread that has ended is told by status.
        let _ = self.tunnels.remember();
        let attachments = self.find_attachments(&self.desired);
        if attachments != self.attachments {
            // A container came or went; the error, if there is one, is told by status.
            let _ = self.apply();
        }
        if self.tunnels.has_lost_device(&self.plan) {
            self.drift.suspect(monotonic_now());
        }
        let again = self.mend().min(monotonic_now() + LOOK_INTERVAL);
        self.report(false);
        self.workloads.tend(&mut self.executor).map_or(again, |due| due.min(again))
    }
}

/// An error with its causes; a cause that an outer text already tells is not told again.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            let colon = if text.is_empty() { "" } else { ": " };
            text.push_str(&format!("{colon}{cause}"));
        }
    }
    text
}

fn is_stop_removal(operation: &Operation) -> bool {
    matches!(operation, Operation::DeleteRoute { route, .. } if route.kind == RouteKind::Unreachable)
}
