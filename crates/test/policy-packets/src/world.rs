//! A fabric built in private namespaces: ground, nodes with their plans in force, tunnels between.

mod packets;
mod setting;
mod stranger;

pub use setting::behind_workloads;

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
use netloom_plan::input::{Directory, PlanInput};
use netloom_plan::membership::Memberships;
use netloom_plan::{NodePlan, TUNNEL_MTU_BYTES, plan};
use netloom_state::host::Namespace;
use netloom_state::{HostState, diff};
use netloom_sys::Executor;
use netloom_sys::namespace::NamespaceHandle;
use netloom_tunnel::{NetworkSetup, Tunnels};
use netloom_wireguard::{PrivateKey, PublicKey};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

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
    /// Packets of conversations that were sent a second time.
    pub sent_again: u64,
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
        let mut world =
            Self { fabric, leases, directory, keys, ground, ground_plan, nodes, sent_again: 0 };
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
        setting::put_behind_workloads(&self.fabric, &mut plan);
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
                endpoints: BTreeMap::new(),
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

    /// A node's address on the ground, if others can call it there.
    pub fn outer_address(&self, node: &str) -> Option<IpAddr> {
        Some(self.directory.nodes.get(node)?.endpoint?.ip())
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
        let behind = |(_, at): &(_, IpAddr)| *party == Party::Address(*at);
        if let Some((name, _)) = behind_workloads(&self.fabric).find(behind) {
            return self.place(&Party::Workload(name.clone()));
        }
        let (seat, namespace, state) = match party {
            Party::Address(address) if self.keeps(*address).is_some() => {
                let (node, namespace) = self.keeps(*address)?;
                let state = self.nodes.get(&node)?.plan.host.namespaces.get(&namespace)?;
                (Seat::Node(node), namespace, state)
            }
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

    /// Where a subnet's gateway or resolver is: the first node that has it, and the network's namespace.
    fn keeps(&self, address: IpAddr) -> Option<(Name, Namespace)> {
        self.nodes.iter().find_map(|(name, node)| {
            let mut networks = node.plan.networks.values();
            let network = networks.find(|network| {
                let state = node.plan.host.namespaces.get(&network.namespace);
                state.is_some_and(|state| {
                    state.addresses.iter().any(|one| one.address.addr() == address)
                })
            })?;
            Some((name.clone(), network.namespace.clone()))
        })
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
