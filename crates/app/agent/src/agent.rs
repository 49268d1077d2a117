//! The agent: from its files to the kernel, and what it runs beside.

use crate::files::{NodeFacts, StateFolder};
use crate::protocol::{Applied, NetworkStatus, PeerStatus, Status};
use crate::workloads::Workloads;
use crate::{requests, resolvers};
use anyhow::{Context as _, bail};
use netloom_base::Seed;
use netloom_model::Fabric;
use netloom_model::fabric::Attach;
use netloom_node::{NetworkId, PeerConfig};
use netloom_plan::firewall::{CompiledPolicy, TABLE};
use netloom_plan::input::PlanInput;
use netloom_plan::peers::PeerPlan;
use netloom_plan::{NodePlan, TUNNEL_MTU_BYTES};
use netloom_policy::packet_set::transport;
use netloom_state::{HostState, LinkEnd, Namespace, diff};
use netloom_sys::Executor;
use netloom_sys::conntrack::{Flow, TupleDetail};
use netloom_sys::tunnel::TunnelDevice;
use netloom_tunnel::{NetworkSetup, Tunnels};
use netloom_wireguard::PublicKey;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;

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
    tunnels: Tunnels,
    resolvers: resolvers::Resolvers,
    pub(crate) workloads: Workloads,
    plan: NodePlan,
    network_ids: BTreeMap<String, NetworkId>,
    last_error: Option<String>,
    address: Option<IpAddr>,
}

impl Agent {
    fn start(options: Options) -> anyhow::Result<Self> {
        let state = StateFolder(options.state.clone());
        let fabric = load_fabric(&options.fabric)?;
        let facts = state.read()?;
        let mut seed = [0; 32];
        netloom_sys::process::random(&mut seed).context("the kernel gives no randomness")?;
        Ok(Self {
            executor: Executor::new(&fabric.name, &options.run)?,
            tunnels: Tunnels::start(facts.listen_port, Seed(seed))?,
            resolvers: resolvers::Resolvers::default(),
            workloads: Workloads::new(&options)?,
            plan: NodePlan::default(),
            network_ids: BTreeMap::new(),
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
        self.set_tunnels(&plan, &facts)?;
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

    // === tunnels ===

    fn set_tunnels(&mut self, plan: &NodePlan, facts: &NodeFacts) -> anyhow::Result<()> {
        let gone: Vec<String> =
            self.network_ids.keys().filter(|n| !plan.networks.contains_key(*n)).cloned().collect();
        for network in gone {
            if let Some(id) = self.network_ids.remove(&network) {
                self.tunnels.remove_network(id)?;
            }
        }
        for (name, network) in &plan.networks {
            let Some(private_key) = facts.private_keys.get(name) else {
                bail!("node.json has no key for network `{name}`; it comes with the directory");
            };
            let id = self.network_id(name);
            let device = self.take_device(&network.tunnel);
            let peers = network.peers.iter().map(|(name, peer)| (name.clone(), config(peer)));
            let setup = NetworkSetup {
                name: name.clone(),
                private_key: private_key.clone(),
                mtu_bytes: TUNNEL_MTU_BYTES as usize,
                device,
                peers: peers.collect(),
            };
            self.tunnels.set_network(id, setup)?;
        }
        Ok(())
    }

    fn take_device(&mut self, end: &LinkEnd) -> Option<TunnelDevice> {
        self.executor.take_tunnel(end)
    }

    fn network_id(&mut self, name: &str) -> NetworkId {
        let next = self.network_ids.values().map(|id| id.0 + 1).max().unwrap_or(1);
        *self.network_ids.entry(name.to_owned()).or_insert(NetworkId(next))
    }

    // === status ===

    pub(crate) fn status(&mut self) -> anyhow::Result<Status> {
        let tunnels = self.tunnels.status()?;
        let mut networks = BTreeMap::new();
        for (name, network) in &self.plan.networks {
            let id = self.network_ids.get(name).copied().unwrap_or(NetworkId(0));
            let mut status = NetworkStatus {
                namespace: self.path(&network.namespace),
                tunnel: match tunnels.devices.get(&id) {
                    Some(netloom_sys::tunnel::TunnelKind::Tun) => "tun".to_owned(),
                    Some(netloom_sys::tunnel::TunnelKind::StandIn) => "stand-in".to_owned(),
                    None => "none".to_owned(),
                },
                ..NetworkStatus::default()
            };
            for (peer, plan) in &network.peers {
                let key = PublicKey::from_bytes(plan.public_key);
                let Some(now) = tunnels.peers.get(&(id, key)) else { continue };
                status.peers.insert(peer.clone(), peer_status(plan, now));
            }
            let counters = self.executor.counters(&network.namespace, TABLE)?;
            status.denied =
                counters.into_iter().map(|(reason, counter)| (reason, counter.packets)).collect();
            networks.insert(name.clone(), status);
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

    /// Looks after the workloads; gives when to look again.
    pub(crate) fn tend(&mut self) -> Option<netloom_base::Time> {
        self.workloads.tend(&mut self.executor)
    }
}

fn config(peer: &PeerPlan) -> PeerConfig {
    PeerConfig {
        public_key: PublicKey::from_bytes(peer.public_key),
        psk: None,
        endpoint: peer.endpoint,
        allowed: peer.allowed.clone(),
        keepalive: peer.keepalive,
    }
}

fn peer_status(plan: &PeerPlan, now: &netloom_node::PeerStatus) -> PeerStatus {
    PeerStatus {
        endpoint: now.endpoint,
        has_session: now.has_session,
        keepalive: plan.keepalive.is_some(),
        handshakes: now.handshakes,
        rx_bytes: now.rx_bytes,
        tx_bytes: now.tx_bytes,
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
