//! The agent: from its files to the kernel, and what it runs beside.

use crate::files::{NodeFacts, StateFolder};
use crate::protocol::{Applied, NetworkStatus, Status};
use crate::tunnels::NodeTunnels;
use crate::workloads::Workloads;
use crate::{requests, resolvers};
use anyhow::Context as _;
use netloom_base::Time;
use netloom_model::Fabric;
use netloom_model::fabric::Attach;
use netloom_plan::NodePlan;
use netloom_plan::firewall::{CompiledPolicy, TABLE};
use netloom_plan::input::PlanInput;
use netloom_policy::packet_set::transport;
use netloom_state::{HostState, Namespace, diff};
use netloom_sys::Executor;
use netloom_sys::clock::monotonic_now;
use netloom_sys::conntrack::{Flow, TupleDetail};
use std::collections::{BTreeMap, BTreeSet};
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
    desk.ready();
    desk.serve(&mut agent)
}

/// Removes everything of the fabric from the host: recognised by its marks, not by memory.
///
/// # Errors
/// Something could not be removed; what is left is named.
pub fn remove(options: &Options) -> anyhow::Result<Vec<String>> {
    let fabric = load_fabric(&options.fabric)?;
    let mut executor = Executor::new(&fabric.name, &options.run)?;
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
}

impl Agent {
    fn start(options: Options) -> anyhow::Result<Self> {
        let state = StateFolder(options.state.clone());
        let fabric = load_fabric(&options.fabric)?;
        let facts = state.read()?;
        Ok(Self {
            executor: Executor::new(&fabric.name, &options.run)?,
            tunnels: NodeTunnels::start(&state, &facts)?,
            resolvers: resolvers::Resolvers::default(),
            workloads: Workloads::new(&options)?,
            plan: NodePlan::default(),
            last_error: None,
            address: None,
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
        let plan = self.plan(&fabric, &facts)?;
        let mut applied = Applied::default();
        self.change_kernel(&plan, &mut applied)?;
        self.tunnels.set(&plan, &facts, &mut self.executor)?;
        self.resolvers.set(&plan, &mut self.executor)?;
        self.workloads.set(&plan, &mut self.executor, &mut applied)?;
        self.plan = plan;
        Ok(applied)
    }

    fn plan(&mut self, fabric: &Fabric, facts: &NodeFacts) -> anyhow::Result<NodePlan> {
        let attachments = self.attachments(fabric);
        let input = PlanInput {
            fabric,
            fabric_id: facts.fabric_id,
            leases: &facts.leases,
            directory: &facts.directory,
            attachments: &attachments,
        };
        self.address = Some(input.node_address(&self.options.node).into());
        let node = &self.options.node;
        netloom_plan::plan(&input, node).with_context(|| {
            let names: Vec<&str> = fabric.nodes.keys().map(String::as_str).collect();
            format!("the fabric has no node `{node}`; it has {}", names.join(", "))
        })
    }

    fn attachments(&self, fabric: &Fabric) -> BTreeMap<String, Namespace> {
        let foreign = fabric.workloads.iter().filter(|(_, workload)| {
            matches!(workload.attach, Attach::Container { .. } | Attach::Netns { .. })
        });
        foreign
            .filter(|_| self.options.stand_ins)
            .map(|(name, _)| (name.clone(), Namespace::Own(format!("workload-{name}"))))
            .collect()
    }

    // === kernel ===

    /// Changes the kernel to the plan. If an operation fails, what was in force before is restored.
    fn change_kernel(&mut self, plan: &NodePlan, applied: &mut Applied) -> anyhow::Result<()> {
        self.executor.adopt_tables(&plan.host)?;
        let observed = self.executor.observe(&plan.host)?;
        let operations = diff(&plan.host, &observed);
        if let Err(error) = self.executor.execute(&operations) {
            let restored = self.restore();
            return match restored {
                Ok(()) => Err(error).context("the change was taken back"),
                Err(second) => Err(error).context(format!(
                    "the change could not be taken back either ({second:#}); run the node again"
                )),
            };
        }
        applied.operations = operations.iter().map(ToString::to_string).collect();
        applied.connections_ended = self.end_forbidden(plan)?;
        Ok(())
    }

    fn restore(&mut self) -> anyhow::Result<()> {
        let before = self.plan.host.clone();
        let observed = self.executor.observe(&before)?;
        self.executor.execute(&diff(&before, &observed))?;
        Ok(())
    }

    /// Ends tracked connections that the policy no longer allows: without this they would live on.
    fn end_forbidden(&mut self, plan: &NodePlan) -> anyhow::Result<usize> {
        let mut ended = 0;
        for network in plan.networks.values() {
            let own = network_addresses(plan, &network.namespace);
            for flow in self.executor.flows(&network.namespace)? {
                if !is_allowed(&network.policy, &own, &flow) {
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
            workloads: self.workloads.status(),
            error: self.last_error.clone(),
        })
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
        let again = monotonic_now() + LOOK_INTERVAL;
        self.workloads.tend(&mut self.executor).map_or(again, |due| due.min(again))
    }
}

/// Whether a tracked connection could begin under `policy`. What neither comes from nor goes to
/// a workload here (DNS to the network itself, say) is not the policy's to judge.
fn is_allowed(policy: &CompiledPolicy, own: &BTreeSet<IpAddr>, flow: &Flow) -> bool {
    let original = &flow.original;
    let knows = |address| policy.identities.contains_key(&address);
    if !knows(original.source) && !knows(original.destination) {
        return true;
    }
    if own.contains(&original.destination) {
        return true;
    }
    let port = match original.detail {
        TupleDetail::Ports { destination, .. } => destination,
        TupleDetail::Icmp { kind, code, .. } => u16::from(kind) << 8 | u16::from(code),
        TupleDetail::None => 0,
    };
    policy.allows(original.source, original.destination, transport(original.protocol, port))
}

/// The addresses of a network's namespace itself: its gateways and resolvers.
fn network_addresses(plan: &NodePlan, namespace: &Namespace) -> BTreeSet<IpAddr> {
    let state = plan.host.namespaces.get(namespace);
    state.into_iter().flat_map(|state| &state.addresses).map(|a| a.address.addr()).collect()
}

fn load_fabric(files: &[String]) -> anyhow::Result<Fabric> {
    let loaded =
        netloom_model::load(files, |path| std::fs::read(path).map_err(|error| error.to_string()));
    let errors: Vec<_> = loaded
        .diagnostics
        .iter()
        .filter(|found| found.severity == netloom_model::Severity::Error)
        .cloned()
        .collect();
    let shown = netloom_model::diagnostic::render(&errors, &loaded.sources);
    loaded.fabric.with_context(|| format!("{} cannot be used:\n{shown}", files.join(", ")))
}
