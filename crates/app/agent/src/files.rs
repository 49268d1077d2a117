//! What a node keeps in its state folder: its keys, what it knows of others, and the leases.
//!
//! ```text
//! STATE/node.json       { fabric_id, listen_port, private_keys: { network: base64 } }   mode 0600
//! STATE/directory.json  { nodes: { name: { public_keys: { network: base64 }, endpoint, local_endpoint } } }
//! STATE/leases.json     { workloads: { name: [address] }, resting: [[network, address]] }
//! STATE/agent.sock      where the agent answers
//! ```

use anyhow::Context as _;
use netloom_model::Fabric;
use netloom_model::lease::Leases;
use netloom_plan::input::{Directory, NodeEntry};
use netloom_wireguard::{PrivateKey, PublicKey};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// `node.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeFile {
    /// The fabric's id, 32 hexadecimal digits.
    pub fabric_id: String,
    /// UDP port of the tunnels.
    pub listen_port: u16,
    /// The node's X25519 key of each network, in base64.
    pub private_keys: BTreeMap<String, String>,
}

/// `directory.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryFile {
    /// By node.
    pub nodes: BTreeMap<String, NodeEntryFile>,
}

/// A node in `directory.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeEntryFile {
    /// Public keys by network, in base64.
    pub public_keys: BTreeMap<String, String>,
    /// Where anyone can call it.
    pub endpoint: Option<SocketAddr>,
    /// Where its own region can call it.
    pub local_endpoint: Option<SocketAddr>,
}

/// `leases.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeasesFile {
    /// Addresses by workload.
    pub workloads: BTreeMap<String, Vec<IpAddr>>,
    /// Released addresses that rest.
    #[serde(default)]
    pub resting: BTreeSet<(String, IpAddr)>,
}

/// A node's state folder.
#[derive(Clone, Debug)]
pub struct StateFolder(pub PathBuf);

/// What the state folder holds, read and checked.
#[derive(Debug)]
pub struct NodeFacts {
    /// The fabric's id.
    pub fabric_id: u128,
    /// UDP port of the tunnels.
    pub listen_port: u16,
    /// The node's own keys by network.
    pub private_keys: BTreeMap<String, PrivateKey>,
    /// What is known of all nodes.
    pub directory: Directory,
    /// Addresses of workloads.
    pub leases: Leases,
}

impl StateFolder {
    /// Where the agent answers.
    pub fn socket(&self) -> PathBuf {
        self.0.join("agent.sock")
    }

    /// Reads everything.
    pub fn read(&self) -> anyhow::Result<NodeFacts> {
        let node: NodeFile = self.json("node.json")?;
        let directory: DirectoryFile = self.json("directory.json")?;
        let leases: LeasesFile = self.json("leases.json")?;
        let fabric_id = u128::from_str_radix(&node.fabric_id, 16)
            .context("`fabric_id` of node.json is not 32 hexadecimal digits")?;
        let private_keys = node
            .private_keys
            .iter()
            .map(|(network, text)| {
                let key = text.parse::<PrivateKey>();
                let key = key.with_context(|| format!("the key of network `{network}`"))?;
                Ok((network.clone(), key))
            })
            .collect::<anyhow::Result<_>>()?;
        let nodes = directory
            .nodes
            .iter()
            .map(|(name, entry)| Ok((name.clone(), entry.parse(name)?)))
            .collect::<anyhow::Result<_>>()?;
        Ok(NodeFacts {
            fabric_id,
            listen_port: node.listen_port,
            private_keys,
            directory: Directory { nodes },
            leases: Leases { workloads: leases.workloads, resting: leases.resting },
        })
    }

    fn json<T: for<'a> Deserialize<'a>>(&self, name: &str) -> anyhow::Result<T> {
        let path = self.0.join(name);
        read_json(&path)
    }
}

/// The checked fabric of `files`, or all their errors.
pub(crate) fn load_fabric(files: &[String]) -> anyhow::Result<Fabric> {
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

fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("cannot read {}; it comes with the node's keys", path.display())
    })?;
    serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
}

impl NodeEntryFile {
    fn parse(&self, node: &str) -> anyhow::Result<NodeEntry> {
        let keys = self.public_keys.iter().map(|(network, text)| {
            let key = text.parse::<PublicKey>();
            let key = key.with_context(|| format!("the key of `{node}` in `{network}`"))?;
            Ok((network.clone(), *key.as_bytes()))
        });
        Ok(NodeEntry {
            public_keys: keys.collect::<anyhow::Result<_>>()?,
            endpoint: self.endpoint,
            local_endpoint: self.local_endpoint,
        })
    }
}
