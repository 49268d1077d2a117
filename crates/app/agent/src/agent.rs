//! The agent: from its files to the kernel, and what it runs beside.

use crate::attachments::{self, Attachments};
use crate::files::{NodeFacts, StateFolder, load_fabric};
use crate::protocol::{Applied, NetworkStatus, Status, WorkloadStatus};
use crate::tunnels::NodeTunnels;
use crate::workloads::Workloads;
use crate::{connections, requests, resolvers};
use anyhow::Context as _;
use netloom_base::Time;
use netloom_model::Fabric;
use netloom_model::lease::Leases;
use netloom_plan::NodePlan;
use netloom_plan::firewall::TABLE;
use netloom_plan::input::PlanInput;
use netloom_plan::membership::Memberships;
use netloom_state::host::RouteKind;
use netloom_state::{HostState, Namespace, Operation, diff};
use netloom_sys::Executor;
use netloom_sys::clock::monotonic_now;
use netloom_sys::unix_socket;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How often the agent looks after what it runs when nothing happens.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How an agent is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The fabric's files.
    pub fabric: Vec<String>,
    /// Which node this is.
    pub node: String,
    /// Where keys, directory and leases are, and the agent's socket.
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
    let mut desk = requests::Desk::open(&StateFolder(options.state.clone()))?;
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
    let fabric = load_fabric(&options.fabric)?;
    if unix_socket::connect(&StateFolder(options.state.clone()).socket()).is_ok() {
        anyhow::bail!("the agent of this node is running; stop it first");
    }
    let mut executor = Executor::new(&fabric.name, &options.run.join(&fabric.name))?;
    let nothing = HostState::default();
    executor.adopt_tables(&nothing)?;
    let observed = executor.observe(&nothing)?;
    let operations = diff(&nothing, &observed);
    executor.execute(&operations)?;
    Ok(operations.iter().map(ToString::to_string).collect())
}

pub(crate) struct Agent {
    options: Options,
    state: StateFolder,
    executor: Executor,
    tunnels: NodeTunnels,
    resolvers: resolvers::Resolvers,
    pub(crate) workloads: Workloads,
    plan: NodePlan,
    last_error: Option<String>,
    address: Option<IpAddr>,
    fabric: Fabric,
    attachments: Attachments,
    leases: Leases,
}

impl Agent {
    fn start(mut options: Options) -> anyhow::Result<Self> {
        let state = StateFolder(options.state.clone());
        let fabric = load_fabric(&options.fabric)?;
        // Several fabrics may share a host, and each removes only what is in its own folder.
        options.run = options.run.join(&fabric.name);
        let facts = state.read()?;
        Ok(Self {
            executor: Executor::new(&fabric.name, &options.run)?,
            tunnels: NodeTunnels::start(&state, &facts)?,
            resolvers: resolvers::Resolvers::default(),
            workloads: Workloads::new(&options)?,
            plan: NodePlan::default(),
            last_error: None,
            address: None,
            fabric,
            attachments: Attachments::default(),
            leases: facts.leases,
            state,
            options,
        })
    }

    /// Reads the files again and makes what they say so.
    pub(crate) fn apply(&mut self) -> anyhow::Result<Applied> {
        let result = self.try_apply();
        self.last_error = result.as_ref().err().map(|error| format!("{error:#}"));
        result
    }

    fn try_apply(&mut self) -> anyhow::Result<Applied> {
        let fabric = load_fabric(&self.options.fabric)?;
        let facts = self.state.read()?;
        let stand_ins = self.options.stand_ins;
        let attachments = attachments::find(&fabric, &self.options.node, stand_ins);
        let plan = self.plan(&fabric, &facts, &attachments)?;
        NodeTunnels::check(&plan, &facts)?;
        self.executor.adopt_tables(&plan.host)?;
        let before = self.executor.observe(&plan.host)?;
        let mut applied = Applied::default();
        if let Err(error) = self.put_in_force(&plan, &facts, &before, &mut applied) {
            return Err(self.taken_back(error, &plan, &before));
        }
        self.plan = plan;
        (self.fabric, self.attachments, self.leases) = (fabric, attachments, facts.leases);
        Ok(applied)
    }

    /// Kernel, tunnels, resolvers and workloads as the plan says.
    fn put_in_force(
        &mut self,
        plan: &NodePlan,
        facts: &NodeFacts,
        before: &HostState,
        applied: &mut Applied,
    ) -> anyhow::Result<()> {
        let operations = diff(&plan.host, before);
        self.executor.execute(&operations)?;
        applied.operations = operations.iter().map(ToString::to_string).collect();
        applied.connections_ended = self.end_forbidden(plan)?;
        self.tunnels.set(plan, facts, &mut self.executor)?;
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
        if let Ok(facts) = self.state.read() {
            // What ran before runs on; what cannot is told by status and tried again.
            let _ = self.tunnels.set(&old, &facts, &mut self.executor);
            let _ = self.resolvers.set(&old, &mut self.executor);
            let _ = self.workloads.set(&old, &mut self.executor, &mut Applied::default());
        }
        self.plan = old;
        match result {
            Ok(()) => error.context("the change was taken back"),
            Err(second) => error.context(format!(
                "the change could not be taken back either ({second}); run the node again"
            )),
        }
    }

    fn plan(
        &mut self,
        fabric: &Fabric,
        facts: &NodeFacts,
        attachments: &Attachments,
    ) -> anyhow::Result<NodePlan> {
        let input = PlanInput {
            fabric,
            fabric_id: facts.fabric_id,
            leases: &facts.leases,
            directory: &facts.directory,
            memberships: &Memberships::of(fabric),
            attachments: &attachments.places,
        };
        self.address = Some(input.node_address(&self.options.node).into());
        let node = &self.options.node;
        netloom_plan::plan(&input, node).with_context(|| {
            let names: Vec<&str> = fabric.nodes.keys().map(String::as_str).collect();
            format!("the fabric has no node `{node}`; it has {}", names.join(", "))
        })
    }

    // === kernel ===

    /// Ends tracked connections that the policy no longer allows: without this they would live on.
    fn end_forbidden(&mut self, plan: &NodePlan) -> anyhow::Result<usize> {
        let mut ended = 0;
        for network in plan.networks.values() {
            let own = connections::network_addresses(plan, &network.namespace);
            for flow in self.executor.flows(&network.namespace)? {
                if !connections::is_allowed(&network.policy, &own, &flow) {
                    self.executor.delete_flow(&network.namespace, &flow)?;
                    ended += 1;
                }
            }
        }
        Ok(ended)
    }

    // === status ===

    pub(crate) fn status(&mut self) -> anyhow::Result<Status> {
        let tunnels = self.tunnels.status()?;
        let mut networks = BTreeMap::new();
        for (name, network) in &self.plan.networks {
            let (peers, tunnel) = self.tunnels.of_network(&tunnels, name, network);
            let counters = self.executor.counters(&network.namespace, TABLE)?;
            let denied =
                counters.into_iter().map(|(reason, counter)| (reason, counter.packets)).collect();
            let namespace = self.path(&network.namespace);
            let tunnel = tunnel.to_owned();
            networks.insert(name.clone(), NetworkStatus { namespace, tunnel, peers, denied });
        }
        Ok(Status {
            node: self.options.node.clone(),
            address: self.address,
            networks,
            workloads: self.workload_status(),
            error: self.last_error.clone(),
        })
    }

    fn workload_status(&self) -> BTreeMap<String, WorkloadStatus> {
        let mut status = self.workloads.status();
        for (name, why) in &self.attachments.absent {
            let absent = WorkloadStatus {
                addresses: self.leases.workloads.get(name).cloned().unwrap_or_default(),
                state: "absent".to_owned(),
                detail: Some(why.clone()),
                ..WorkloadStatus::default()
            };
            status.insert(name.clone(), absent);
        }
        status
    }

    fn path(&self, namespace: &Namespace) -> String {
        match namespace {
            Namespace::Host => String::new(),
            Namespace::Own(name) => {
                self.options.run.join("netns").join(name).to_string_lossy().into_owned()
            }
            Namespace::Path(path) => path.clone(),
        }
    }

    /// Looks after the workloads and remembers peers; gives when to look again.
    pub(crate) fn tend(&mut self) -> Time {
        // A tunnels' thread that has ended is told by status.
        let _ = self.tunnels.remember();
        let attachments =
            attachments::find(&self.fabric, &self.options.node, self.options.stand_ins);
        if self.tunnels.has_lost_device(&self.plan) || attachments != self.attachments {
            // Somebody removed it, or a container came or went; the error, if there is one, is
            // told by status.
            let _ = self.apply();
        }
        let again = monotonic_now() + LOOK_INTERVAL;
        self.workloads.tend(&mut self.executor).map_or(again, |due| due.min(again))
    }
}

fn is_stop_removal(operation: &Operation) -> bool {
    matches!(operation, Operation::DeleteRoute { route, .. } if route.kind == RouteKind::Unreachable)
}
