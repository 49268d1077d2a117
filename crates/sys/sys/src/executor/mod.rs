//! Executes operations and observes their effect, over one cached set of sockets per namespace.

mod error;
mod observe;
mod originals;
mod perform;
mod space;

pub use error::{Cause, ExecuteError, ObserveError};

use crate::conntrack::{self, Flow, Tracking};
use crate::namespace::{NamespaceError, NamespaceHandle, NamespaceRegistry};
use crate::nft::{self, Counter};
use crate::route;
use crate::tunnel::{TunnelDevice, TunnelPreference};
use ipnet::IpNet;
use netloom_state::{ALIAS_PREFIX, HostState, LinkEnd, Namespace, Operation};
use space::Space;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The one that changes a host. It is made in the namespace that [`Namespace::Host`] means.
///
/// It holds the sockets that own the fabric's nf_tables tables: with it, ownership ends, while the
/// tables stay in force.
#[derive(Debug)]
pub struct Executor {
    fabric: String,
    run_dir: PathBuf,
    registry: NamespaceRegistry,
    host: NamespaceHandle,
    spaces: BTreeMap<Namespace, Space>,
    tunnels: BTreeMap<LinkEnd, Tunnel>,
    preference: TunnelPreference,
}

/// A tunnel device that this executor made.
#[derive(Debug)]
struct Tunnel {
    /// The link's index, which tells it from another of the same name.
    index: u32,
    /// The device, until the engine takes it.
    device: Option<TunnelDevice>,
}

impl Executor {
    /// An executor for `fabric` that keeps its namespaces under `run_dir`.
    pub fn new(fabric: &str, run_dir: &Path) -> Result<Self, NamespaceError> {
        Ok(Self {
            fabric: fabric.to_owned(),
            run_dir: run_dir.to_owned(),
            registry: NamespaceRegistry::new(run_dir),
            host: NamespaceHandle::current()?,
            spaces: BTreeMap::new(),
            tunnels: BTreeMap::new(),
            preference: TunnelPreference::default(),
        })
    }

    /// Chooses the kind of tunnel device to make from now on.
    pub fn prefer_tunnel(&mut self, preference: TunnelPreference) {
        self.preference = preference;
    }

    /// Executes operations in order, up to the first that fails.
    pub fn execute(&mut self, operations: &[Operation]) -> Result<(), ExecuteError> {
        self.forget_stale_spaces();
        for (index, operation) in operations.iter().enumerate() {
            self.perform(operation).map_err(|cause| ExecuteError {
                index,
                operation: operation.to_string(),
                cause,
            })?;
        }
        Ok(())
    }

    /// What is there of ours: in the namespaces of ours that exist, and in those `desired` names.
    pub fn observe(&mut self, desired: &HostState) -> Result<HostState, ObserveError> {
        self.forget_stale_spaces();
        self.observe_all(desired)
    }

    /// The tunnel device called `end`, if this executor made it and nobody has taken it yet.
    pub fn take_tunnel(&mut self, end: &LinkEnd) -> Option<TunnelDevice> {
        self.tunnels.get_mut(end)?.device.take()
    }

    /// Takes over the tables that `desired` names and whose owner is gone; gives their number.
    pub fn adopt_tables(&mut self, desired: &HostState) -> Result<usize, ObserveError> {
        let mut adopted = 0;
        for (namespace, state) in &desired.namespaces {
            if state.tables.is_empty() || !self.exists(namespace) {
                continue;
            }
            for table in state.tables.keys() {
                let result = self.space(namespace).and_then(|space| {
                    nft::adopt_table(space.netfilter()?, table).map_err(Cause::from)
                });
                adopted += usize::from(result.map_err(|cause| ObserveError {
                    namespace: namespace.to_string(),
                    what: "table ownership",
                    cause,
                })?);
            }
        }
        Ok(adopted)
    }

    /// A handle on a namespace, to open sockets or start processes in it.
    pub fn namespace(&mut self, namespace: &Namespace) -> Result<&NamespaceHandle, Cause> {
        Ok(self.space(namespace)?.handle())
    }

    /// The namespace that has this name now, which may be another than it was; `None` if there is
    /// none.
    pub fn find(&self, namespace: &Namespace) -> Option<NamespaceHandle> {
        let found = match namespace {
            Namespace::Host => self.host.try_clone(),
            Namespace::Own(name) => self.registry.open(name),
            Namespace::Path(path) => NamespaceHandle::open(Path::new(path)),
        };
        found.ok()
    }

    /// Whether a sysctl is not as `desired` has it. The kernel tells nobody of most of them, so that this is asked
    /// often: a file for each, and no dump. One that cannot be read is left to [`Self::observe`] to tell.
    pub fn has_other_sysctls(&mut self, desired: &HostState) -> bool {
        desired.namespaces.iter().any(|(namespace, state)| {
            !state.sysctls.is_empty()
                && self.exists(namespace)
                && self.space(namespace).is_ok_and(|space| space.differs_from(&state.sysctls))
        })
    }

    /// The destination of the route by which packets to an address leave a namespace, whoever has made it.
    pub fn destination_towards(
        &mut self,
        namespace: &Namespace,
        to: IpAddr,
    ) -> Result<Option<IpNet>, Cause> {
        Ok(route::destination_towards(self.space(namespace)?.route(), to)?)
    }

    /// The netlink ports by which the kernel tells others of what this executor does.
    pub fn ports(&self) -> BTreeSet<u32> {
        self.spaces.values().flat_map(Space::ports).collect()
    }

    /// What the named rules of a table have counted.
    pub fn counters(
        &mut self,
        namespace: &Namespace,
        table: &str,
    ) -> Result<BTreeMap<String, Counter>, Cause> {
        Ok(nft::read_counters(self.space(namespace)?.netfilter()?, table)?)
    }

    /// The connections that a namespace tracks.
    pub fn flows(&mut self, namespace: &Namespace) -> Result<Vec<Flow>, Cause> {
        Ok(conntrack::dump_flows(self.space(namespace)?.netfilter()?)?)
    }

    /// How full a namespace's table of connections is.
    pub fn tracking(&mut self, namespace: &Namespace) -> Result<Tracking, Cause> {
        Ok(conntrack::tracking(self.space(namespace)?.netfilter()?)?)
    }

    /// Forgets a tracked connection; one that is not there is no error.
    pub fn delete_flow(&mut self, namespace: &Namespace, flow: &Flow) -> Result<(), Cause> {
        Ok(conntrack::delete_flow(self.space(namespace)?.netfilter()?, flow)?)
    }

    /// The alias that marks a link as this fabric's.
    fn mark(&self) -> String {
        format!("{ALIAS_PREFIX}{}", self.fabric)
    }

    fn exists(&self, namespace: &Namespace) -> bool {
        match namespace {
            Namespace::Host => true,
            Namespace::Own(name) => self.registry.exists(name),
            Namespace::Path(path) => Path::new(path).exists(),
        }
    }
}
