//! The agent: from its files to the kernel, and what it runs beside.

use crate::attachments::{self, Attachments};
use crate::desired::{Desired, Source};
use crate::drift::Drift;
use crate::enforce::Seen;
use crate::follow::Follower;
use crate::protocol::SOCKET;
use crate::translation::{Busiest, left_here};
use crate::trial::UnderWay;
use crate::tunnels::NodeTunnels;
use crate::workloads::Workloads;
use crate::{log, requests, resolvers};
use netloom_base::Time;
use netloom_control_protocol::Changes;
use netloom_plan::input::PlanInput;
use netloom_plan::{NodePlan, Stale};
use netloom_state::{HostState, diff};
use netloom_sys::Executor;
use netloom_sys::clock::monotonic_now;
use netloom_sys::unix_socket;
use std::collections::BTreeSet;
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
    let restored = executor.restore_sysctls()?;
    Ok(operations.iter().map(ToString::to_string).chain(restored).collect())
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
    /// Networks whose packets leave the fabric here.
    pub(crate) left_here: BTreeSet<String>,
    pub(crate) busiest: Busiest,
    pub(crate) desired: Desired,
    pub(crate) follower: Follower,
    pub(crate) attachments: Attachments,
    pub(crate) drift: Drift,
    pub(crate) trials: UnderWay,
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
            left_here: BTreeSet::new(),
            busiest: Busiest::new(),
            desired: Desired::default(),
            follower: Follower::start(&source, options.state.clone())?,
            attachments: Attachments::default(),
            drift: Drift::start(&fabric)?,
            trials: UnderWay::default(),
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
        if let Some(why) = &self.source.unusable {
            if self.last_error.as_ref() != Some(why) {
                log::line(why);
                self.last_error = Some(why.clone());
            }
            return Ok(());
        }
        self.apply_from(Seen::Nothing)
    }

    /// The same after a change that control has sent: where it does not concern the kernel, as when
    /// another node's key becomes known, the kernel is not asked what it holds. What others have changed
    /// there is noticed by the watch for drift. What other nodes do all the time is planned alone.
    pub(crate) fn apply_change(&mut self, changes: &Changes) -> anyhow::Result<()> {
        if self.last_error.is_some() {
            return self.apply();
        }
        let node = &self.source.joined.facts.node;
        let stale = if self.desired.refused.is_empty() {
            self.desired.slice.revise(node, changes.parts())
        } else {
            None
        };
        let Some(stale) = stale else { return self.apply_from(Seen::Planned) };
        let result = self.refresh(&stale);
        self.note(result)
    }

    fn apply_from(&mut self, seen: Seen) -> anyhow::Result<()> {
        let result = self.try_apply(seen);
        self.note(result)
    }

    fn note(&mut self, result: anyhow::Result<()>) -> anyhow::Result<()> {
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
        self.change_to(plan, &desired.private_keys, seen)?;
        (self.desired, self.attachments) = (desired, attachments);
        Ok(())
    }

    /// Plans again what is stale of the plan in force, and puts it in force.
    fn refresh(&mut self, stale: &Stale) -> anyhow::Result<()> {
        let mut plan = self.plan.clone();
        let input = plan_input(&self.desired, &self.attachments);
        netloom_plan::refresh(&mut plan, &input, self.node(), stale);
        let keys = self.desired.private_keys.clone();
        self.change_to(plan, &keys, Seen::Planned)
    }

    fn find_attachments(&self, desired: &Desired) -> Attachments {
        attachments::find(&desired.slice.fabric, self.node(), self.options.stand_ins)
    }

    /// The plan; an empty one for a node that the fabric does not have (any more).
    fn plan(&mut self, desired: &Desired, attachments: &Attachments) -> NodePlan {
        let input = plan_input(desired, attachments);
        let node = &self.source.joined.facts.node;
        self.address = Some(input.node_address(node).into());
        self.left_here = left_here(&input, node);
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
        if self.tunnels.has_new_endpoint() {
            // A failure leaves the peer to call by itself.
            let keys = &self.desired.private_keys;
            let _ = self.tunnels.set(&self.plan, keys, &mut self.executor);
        }
        if self.tunnels.has_lost_device(&self.plan) {
            self.drift.suspect(monotonic_now());
        }
        let again = self.mend().min(monotonic_now() + LOOK_INTERVAL);
        self.report(false);
        self.workloads.tend(&mut self.executor).map_or(again, |due| due.min(again))
    }
}

fn plan_input<'a>(desired: &'a Desired, attachments: &'a Attachments) -> PlanInput<'a> {
    PlanInput {
        fabric: &desired.slice.fabric,
        fabric_id: desired.slice.fabric_id,
        leases: &desired.slice.leases,
        directory: &desired.slice.directory,
        memberships: &desired.slice.memberships,
        attachments: &attachments.places,
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
