//! A fabric built in private namespaces: ground, nodes with their plans in force, tunnels between.

mod setting;
mod stranger;

use crate::fault::{self, Fault};
use crate::flow::Trial;
use anyhow::Context as _;
use netloom_base::Seed;
use netloom_lab::underlay;
use netloom_model::Fabric;
use netloom_model::fabric::{Name, Party};
use netloom_model::lease::{self, Leases};
use netloom_node::limits::KEY_ROTATION;
use netloom_node::{NetworkId, PeerConfig};
use netloom_plan::firewall::{TABLE, drop_reason};
use netloom_plan::input::{Directory, PlanInput};
use netloom_plan::membership::Memberships;
use netloom_plan::reach::StepKind;
use netloom_plan::{NodePlan, TUNNEL_MTU_BYTES, plan};
use netloom_state::host::Namespace;
use netloom_state::{HostState, diff};
use netloom_sys::Executor;
use netloom_sys::clock::monotonic_now;
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::packet::{PacketSocket, inject_packet};
use netloom_tunnel::{NetworkSetup, Tunnels};
use netloom_wireguard::{PrivateKey, PublicKey};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

/// Longest wait for packets that should arrive or be counted.
const SETTLE_MAX: Duration = Duration::from_millis(2500);
/// Wait after the last packet is accounted for, in which one that should not might still arrive.
const GRACE: Duration = Duration::from_millis(15);

/// A fabric in force.
pub struct World {
    /// The fabric.
    pub fabric: Fabric,
    leases: Leases,
    directory: Directory,
    keys: BTreeMap<(Name, Name), PrivateKey>,
    ground: Executor,
    ground_plan: HostState,
    nodes: BTreeMap<Name, Node>,
}

/// Who has a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seat {
    /// The ground: the internet, a region's router.
    Ground,
    /// A node.
    Node(Name),
}

struct Node {
    executor: Executor,
    plan: NodePlan,
    /// Its engine, until it is killed.
    tunnels: Option<Tunnels>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("fabric", &self.fabric.name).finish_non_exhaustive()
    }
}

const FABRIC_ID: u128 = 0x0123_4567_89ab_cdef << 64;

impl World {
    /// Builds a fabric, with a fault in the plans if one is given.
    ///
    /// # Errors
    /// The kernel refuses something.
    pub fn build(fabric: Fabric, run_dir: &Path, fault: Option<Fault>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(run_dir)?;
        let (leases, refused) = lease::assign(&fabric, &Leases::default());
        anyhow::ensure!(refused.is_empty(), "no addresses for {refused:?}");
        let ground_plan = underlay::plan(&fabric, &underlay::Numbers::default())?;
        let mut ground = Executor::new("policy-packets", &run_dir.join("ground"))?;
        ground.execute(&diff(&ground_plan.host, &HostState::default()))?;
        let keys = setting::keys(&fabric);
        let directory = setting::directory(&ground_plan, &keys);
        let ground_plan = ground_plan.host;
        let nodes = BTreeMap::new();
        let mut world = Self { fabric, leases, directory, keys, ground, ground_plan, nodes };
        let names: Vec<Name> = world.fabric.nodes.keys().cloned().collect();
        for name in names {
            let node = world.start(&name, run_dir, fault)?;
            world.nodes.insert(name, node);
        }
        Ok(world)
    }

    /// Calls with what plans are made from.
    pub fn with_input<T>(&self, ask: impl FnOnce(&PlanInput<'_>) -> T) -> T {
        ask(&PlanInput {
            fabric: &self.fabric,
            fabric_id: FABRIC_ID,
            leases: &self.leases,
            directory: &self.directory,
            memberships: &Memberships::of(&self.fabric),
            attachments: &BTreeMap::new(),
        })
    }

    fn start(&mut self, name: &str, run: &Path, fault: Option<Fault>) -> anyhow::Result<Node> {
        let mut plan = self.with_input(|input| plan(input, name)).context("no such node")?;
        setting::without_bridge_filter(&mut plan.host);
        if let Some(fault) = fault {
            fault::plant(fault, &mut plan);
        }
        let namespace = self.ground.namespace(&underlay::node(name))?.try_clone()?;
        let run = run.join(name);
        let (executor, tunnels) = namespace.run(|| {
            let executor = Executor::new(&self.fabric.name, &run);
            (
                executor,
                Tunnels::start(underlay::PORT, Seed::from_number(u64::from(name.len() as u32))),
            )
        })?;
        let (mut executor, tunnels) = (executor?, tunnels?);
        let observed = executor.observe(&plan.host)?;
        executor.execute(&diff(&plan.host, &observed))?;
        for (number, (network, planned)) in (1..).zip(&plan.networks) {
            let peers = planned.peers.iter().map(|(name, peer)| {
                let config = PeerConfig {
                    endpoint: peer.endpoint,
                    allowed: peer.allowed.clone(),
                    sends_from: peer.sends_from.clone(),
                    keepalive: peer.keepalive,
                    is_node: true,
                    ..PeerConfig::new(PublicKey::from_bytes(peer.public_key))
                };
                (name.clone(), config)
            });
            let setup = NetworkSetup {
                name: network.clone(),
                private_key: self.keys[&(name.to_owned(), network.clone())].clone(),
                mtu_bytes: TUNNEL_MTU_BYTES as usize,
                key_rotation: KEY_ROTATION,
                device: executor.take_tunnel(&planned.tunnel),
                peers: peers.collect(),
                exits: setting::exits(planned),
                timestamp_floors: BTreeMap::new(),
                calls: BTreeSet::new(),
            };
            tunnels.set_network(NetworkId(number), setup)?;
        }
        Ok(Node { executor, plan, tunnels: Some(tunnels) })
    }

    /// An end's address of a family.
    pub fn address(&self, party: &Party, ipv6: bool) -> Option<IpAddr> {
        match party {
            Party::Workload(name) => {
                let addresses = self.leases.workloads.get(name)?;
                addresses.iter().copied().find(|address| address.is_ipv6() == ipv6)
            }
            Party::Node(name) if ipv6 => {
                Some(self.with_input(|input| input.node_address(name)).into())
            }
            Party::Node(_) | Party::Internet | Party::Address(_) => None,
        }
    }

    /// Whether an end is on its node's own stack.
    pub fn on_stack(&self, party: &Party) -> bool {
        match party {
            Party::Workload(name) => {
                self.fabric.workloads.get(name).is_some_and(|workload| workload.is_host())
            }
            Party::Node(_) => true,
            Party::Internet | Party::Address(_) => false,
        }
    }

    /// The node that an end is on.
    pub fn node_of<'a>(&'a self, party: &'a Party) -> Option<&'a Name> {
        match party {
            Party::Workload(name) => Some(&self.fabric.workloads.get(name)?.node),
            Party::Node(name) => Some(name),
            Party::Internet | Party::Address(_) => None,
        }
    }

    /// Whose namespace an end is in, which, and the links on which it receives.
    fn place(&self, party: &Party) -> Option<(Seat, Namespace, Vec<String>)> {
        let (seat, namespace, state) = match party {
            Party::Address(address) => {
                let namespace = setting::outside(&self.fabric, *address);
                (Seat::Ground, namespace.clone(), self.ground_plan.namespaces.get(&namespace)?)
            }
            _ => {
                let node = self.node_of(party)?.clone();
                let plan = &self.nodes.get(&node)?.plan;
                let namespace = match party {
                    Party::Workload(name) => plan.workloads.get(name)?.namespace.clone(),
                    Party::Node(_) | Party::Internet | Party::Address(_) => Namespace::Host,
                };
                let state = plan.host.namespaces.get(&namespace)?;
                (Seat::Node(node), namespace, state)
            }
        };
        let links = state.links.keys().filter(|link| *link != "lo").cloned().collect();
        Some((seat, namespace, links))
    }

    /// Does something in a namespace of a node or of the ground.
    fn inside<T: Send>(
        &mut self,
        seat: &Seat,
        namespace: &Namespace,
        work: impl FnOnce() -> T + Send,
    ) -> anyhow::Result<T> {
        let executor = match seat {
            Seat::Ground => &mut self.ground,
            Seat::Node(node) => &mut self.nodes.get_mut(node).context("no such node")?.executor,
        };
        Ok(executor.namespace(namespace)?.run(work)?)
    }

    // === packets ===

    /// Sends the packet of every trial and notes which arrived.
    ///
    /// # Errors
    /// A namespace cannot be entered.
    pub fn send(&mut self, trials: &mut [Trial]) -> anyhow::Result<()> {
        let receivers = self.listen(trials)?;
        let refused_before = self.refused()?;
        for trial in &*trials {
            let (seat, namespace, _) =
                self.place(&trial.sender).context("a sender has no place")?;
            let packet = trial.packet();
            // A packet that the kernel does not even take is one that does not arrive.
            let _ = self.inside(&seat, &namespace, || inject_packet(&packet))?;
        }
        self.settle(trials, &receivers, refused_before)
    }

    /// Sends the packet of every trial, and an answer to each that arrived; notes which arrived, and
    /// which answers came back. To TCP and to echo the kernel of who receives them answers itself.
    ///
    /// # Errors
    /// A namespace cannot be entered.
    pub fn converse(&mut self, trials: &mut [Trial]) -> anyhow::Result<()> {
        let mut back: Vec<Trial> = trials.iter().map(Trial::turned).collect();
        let receivers = self.listen(&back)?;
        self.send(trials)?;
        for trial in trials.iter().filter(|trial| trial.arrived && trial.is_udp()) {
            let Some(packet) = trial.seen.as_deref().and_then(crate::flow::answer) else {
                continue;
            };
            let (seat, namespace, _) = self.place(&trial.receiver).context("no place")?;
            let _ = self.inside(&seat, &namespace, || inject_packet(&packet))?;
        }
        for (trial, back) in trials.iter().zip(&mut back) {
            back.expected = trial.arrived && trial.answer_expected;
        }
        let refused = self.refused()?;
        self.settle(&mut back, &receivers, refused)?;
        for (trial, back) in trials.iter_mut().zip(&back) {
            trial.answered = back.arrived;
        }
        Ok(())
    }

    /// Ends a node's engine at once, as a crash does; what it holds in the kernel stays.
    pub fn kill(&mut self, node: &str) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.tunnels = None;
        }
    }

    /// The namespace of an end.
    ///
    /// # Errors
    /// It has none, or it cannot be entered.
    pub fn namespace(&mut self, party: &Party) -> anyhow::Result<NamespaceHandle> {
        let (seat, namespace, _) = self.place(party).context("the end has no place")?;
        let executor = match &seat {
            Seat::Ground => &mut self.ground,
            Seat::Node(node) => &mut self.nodes.get_mut(node).context("no such node")?.executor,
        };
        Ok(executor.namespace(&namespace)?.try_clone()?)
    }

    /// Whether two ends are in one namespace.
    pub fn share_a_namespace(&self, one: &Party, other: &Party) -> bool {
        let (one, other) = (self.place(one), self.place(other));
        one.is_some()
            && one.map(|(seat, place, _)| (seat, place))
                == other.map(|(seat, place, _)| (seat, place))
    }

    /// Whether a flow leaves its network.
    pub fn is_beyond(&self, trial: &Trial) -> bool {
        let network = |party: &Party| match party {
            Party::Workload(name) => {
                self.fabric.workloads.get(name).map(|one| self.fabric.network_of(one).clone())
            }
            _ => None,
        };
        network(&trial.sender) != network(&trial.receiver)
    }

    fn listen(&mut self, trials: &[Trial]) -> anyhow::Result<Vec<(Party, PacketSocket)>> {
        let mut receivers: Vec<(Party, PacketSocket)> = Vec::new();
        for trial in trials {
            if receivers.iter().any(|(party, _)| *party == trial.receiver) {
                continue;
            }
            let (seat, namespace, links) = self.place(&trial.receiver).context("no receiver")?;
            for link in links {
                let socket = self.inside(&seat, &namespace, || PacketSocket::open(&link))??;
                receivers.push((trial.receiver.clone(), socket));
            }
        }
        Ok(receivers)
    }

    fn settle(
        &mut self,
        trials: &mut [Trial],
        receivers: &[(Party, PacketSocket)],
        refused_before: u64,
    ) -> anyhow::Result<()> {
        let expected = trials.iter().filter(|trial| trial.expected).count();
        let counted = trials.iter().filter(|trial| is_counted(trial)).count() as u64;
        let deadline = monotonic_now() + SETTLE_MAX;
        loop {
            collect(trials, receivers);
            let arrived = trials.iter().filter(|trial| trial.expected && trial.arrived).count();
            let refused = self.refused()?.saturating_sub(refused_before);
            if (arrived == expected && refused >= counted) || monotonic_now() > deadline {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(GRACE);
        collect(trials, receivers);
        Ok(())
    }

    /// Packets that policy and source checks have dropped so far, on all nodes.
    fn refused(&mut self) -> anyhow::Result<u64> {
        let mut sum = 0;
        for node in self.nodes.values_mut() {
            for network in node.plan.networks.values() {
                let counters = node.executor.counters(&network.namespace, TABLE)?;
                let reasons = [
                    drop_reason::SPOOFED_SOURCE,
                    drop_reason::EGRESS_DENIED,
                    drop_reason::INGRESS_DENIED,
                    drop_reason::ACL_EGRESS_DENIED,
                    drop_reason::ACL_INGRESS_DENIED,
                ];
                let found = reasons.iter().filter_map(|reason| counters.get(*reason));
                sum += found.map(|counter| counter.packets).sum::<u64>();
            }
        }
        Ok(sum)
    }

    /// Removes all of it.
    ///
    /// # Errors
    /// The kernel refuses something.
    pub fn remove(mut self) -> anyhow::Result<()> {
        let nothing = HostState::default();
        for node in self.nodes.values_mut() {
            let observed = node.executor.observe(&nothing)?;
            node.executor.execute(&diff(&nothing, &observed))?;
        }
        let observed = self.ground.observe(&nothing)?;
        self.ground.execute(&diff(&nothing, &observed))?;
        Ok(())
    }
}

/// Whether the end of a denied packet is visible in a counter.
fn is_counted(trial: &Trial) -> bool {
    matches!(
        trial.obstacle,
        Some(
            StepKind::Egress
                | StepKind::Ingress
                | StepKind::SourceCheck
                | StepKind::AclEgress
                | StepKind::AclIngress
        )
    )
}

fn collect(trials: &mut [Trial], receivers: &[(Party, PacketSocket)]) {
    const ETHERNET_HEADER_BYTES: usize = 14;
    let mut frame = [0; 2048];
    for (party, socket) in receivers {
        while let Ok(Some(captured)) = socket.read(&mut frame) {
            if captured.outgoing || captured.length <= ETHERNET_HEADER_BYTES {
                continue;
            }
            let packet = &frame[ETHERNET_HEADER_BYTES..captured.length];
            for trial in trials.iter_mut().filter(|trial| trial.receiver == *party) {
                if trial.is(packet) {
                    trial.arrived = true;
                    trial.seen.get_or_insert_with(|| packet.to_vec());
                }
            }
        }
    }
}
