//! What the tests share: a run directory, states to execute, operations that make a state.

use netloom_state::nft::{Change, Table};
use netloom_state::{HostState, LinkEnd, LinkKind, Namespace, NamespaceState, Operation};
use netloom_sys::Executor;
use std::path::{Path, PathBuf};

/// The exit code by which a test says that it cannot run here.
pub(crate) const EXIT_SKIPPED: u8 = 77;

/// A folder of this test, on a file system of its own if need be.
pub(crate) fn run_dir() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("netloom-sys-{:?}", random_name()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    folder
}

fn random_name() -> u64 {
    let mut bytes = [0; 8];
    netloom_sys::process::random(&mut bytes).expect("randomness");
    u64::from_ne_bytes(bytes)
}

/// An executor with a folder of its own.
pub(crate) struct Bench {
    pub(crate) executor: Executor,
    pub(crate) run_dir: PathBuf,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let run_dir = run_dir();
        Self { executor: executor(&run_dir), run_dir }
    }

    /// Executes what makes `desired` out of nothing.
    pub(crate) fn make(&mut self, desired: &HostState) {
        self.executor.execute(&creation(desired)).expect("the state can be made");
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let registry = netloom_sys::namespace::NamespaceRegistry::new(&self.run_dir);
        for name in registry.list() {
            let _ = registry.delete(&name);
        }
        let _ = std::fs::remove_dir_all(&self.run_dir);
    }
}

pub(crate) fn executor(run_dir: &Path) -> Executor {
    Executor::new("test", run_dir).expect("an executor")
}

pub(crate) fn own(name: &str) -> Namespace {
    Namespace::Own(name.to_owned())
}

pub(crate) fn end(namespace: &Namespace, link: &str) -> LinkEnd {
    LinkEnd { namespace: namespace.clone(), link: link.to_owned() }
}

/// The operations that make a state out of nothing, in an order that works.
pub(crate) fn creation(desired: &HostState) -> Vec<Operation> {
    let mut operations = Vec::new();
    for namespace in desired.namespaces.keys() {
        if matches!(namespace, Namespace::Own(_)) {
            operations.push(Operation::CreateNamespace { namespace: namespace.clone() });
        }
    }
    for (namespace, state) in &desired.namespaces {
        links(namespace, state, &mut operations);
    }
    for (namespace, state) in &desired.namespaces {
        for (table, content) in &state.tables {
            operations.push(Operation::ChangeTable {
                namespace: namespace.clone(),
                table: table.clone(),
                changes: table_creation(content),
            });
        }
        for (key, value) in &state.sysctls {
            operations.push(Operation::SetSysctl {
                namespace: namespace.clone(),
                key: key.clone(),
                value: value.clone(),
            });
        }
    }
    for (namespace, state) in &desired.namespaces {
        for (name, link) in &state.links {
            let end = end(namespace, name);
            operations.push(Operation::SetLinkUp { end, up: link.up });
        }
    }
    for (namespace, state) in &desired.namespaces {
        routing(namespace, state, &mut operations);
    }
    operations
}

fn links(namespace: &Namespace, state: &NamespaceState, operations: &mut Vec<Operation>) {
    for (name, link) in &state.links {
        let end = end(namespace, name);
        match &link.kind {
            LinkKind::Loopback => continue,
            LinkKind::Tunnel => operations.push(Operation::CreateTunnel { end }),
            LinkKind::Veth { peer } if end < *peer => {
                operations.push(Operation::CreateVeth { end, peer: peer.clone() });
            }
            LinkKind::Veth { .. } => {}
        }
    }
    for (name, link) in &state.links {
        let end = end(namespace, name);
        let (mtu_bytes, mac) = (link.mtu_bytes, link.mac);
        operations.push(Operation::ConfigureLink { end, mtu_bytes, mac });
    }
}

fn routing(namespace: &Namespace, state: &NamespaceState, operations: &mut Vec<Operation>) {
    let namespace = || namespace.clone();
    for address in state.addresses.iter().cloned() {
        operations.push(Operation::AddAddress { namespace: namespace(), address });
    }
    for neighbour in state.neighbours.iter().cloned() {
        operations.push(Operation::AddNeighbour { namespace: namespace(), neighbour });
    }
    for route in state.routes.iter().cloned() {
        operations.push(Operation::AddRoute { namespace: namespace(), route });
    }
    for rule in state.rules.iter().cloned() {
        operations.push(Operation::AddRule { namespace: namespace(), rule });
    }
}

/// The changes that make a table out of nothing.
pub(crate) fn table_creation(table: &Table) -> Vec<Change> {
    let mut changes = vec![Change::AddTable];
    for (chain, content) in &table.chains {
        changes.push(Change::AddChain { chain: chain.clone(), base: content.base });
    }
    for (set, content) in &table.sets {
        let (set, kind) = (set.clone(), content.kind());
        changes.push(Change::AddSet { set: set.clone(), kind });
        changes.push(Change::AddElements { set, kind, elements: content.elements.clone() });
    }
    for (chain, content) in &table.chains {
        for rule in content.rules.iter().cloned() {
            changes.push(Change::AppendRule { chain: chain.clone(), rule });
        }
    }
    changes
}
