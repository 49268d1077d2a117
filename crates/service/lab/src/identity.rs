//! What the lab hands out in place of control: fabric id, keys, directory and leases, as files.

use crate::underlay::Underlay;
use netloom_base::Seed;
use netloom_model::Fabric;
use netloom_model::lease::Leases;
use netloom_wireguard::{PrivateKey, PublicKey};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The secrets of a lab, and what follows from them.
#[derive(Debug)]
pub struct Identity {
    /// The fabric's id.
    pub fabric_id: u128,
    /// Keys by node and network, made when first asked for.
    keys: BTreeMap<(String, String), PrivateKey>,
}

impl Identity {
    /// A new fabric's.
    ///
    /// # Errors
    /// The kernel gives no randomness.
    pub fn new() -> io::Result<Self> {
        let mut id = [0; 16];
        netloom_sys::process::random(&mut id)?;
        Ok(Self { fabric_id: u128::from_be_bytes(id), keys: BTreeMap::new() })
    }

    /// Makes the keys of nodes and networks that have none yet.
    ///
    /// # Errors
    /// The kernel gives no randomness.
    pub fn make_keys(&mut self, fabric: &Fabric) -> io::Result<()> {
        for node in fabric.nodes.keys() {
            for network in fabric.networks.keys() {
                let place = (node.clone(), network.clone());
                if let std::collections::btree_map::Entry::Vacant(entry) = self.keys.entry(place) {
                    let mut seed = [0; 32];
                    netloom_sys::process::random(&mut seed)?;
                    entry.insert(PrivateKey::from_seed(Seed(seed)));
                }
            }
        }
        Ok(())
    }

    fn keys_of<'a>(&'a self, node: &'a str) -> impl Iterator<Item = (&'a String, &'a PrivateKey)> {
        let own = self.keys.iter().filter(move |((of, _), _)| of == node);
        own.map(|((_, network), key)| (network, key))
    }

    /// Writes a node's state folder.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(
        &self,
        folder: &Path,
        node: &str,
        underlay: &Underlay,
        leases: &Leases,
    ) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let private: BTreeMap<&String, String> = self
            .keys_of(node)
            .map(|(network, key)| (network, key.to_base64().to_string()))
            .collect();
        let own = json!({
            "fabric_id": format!("{:032x}", self.fabric_id),
            "listen_port": crate::underlay::PORT,
            "private_keys": private,
        });
        write_json(&folder.join("node.json"), &own, 0o600)?;
        write_json(&folder.join("directory.json"), &self.directory(underlay), 0o644)?;
        let leases = json!({ "workloads": leases.workloads, "resting": leases.resting });
        write_json(&folder.join("leases.json"), &leases, 0o644)
    }

    fn directory(&self, underlay: &Underlay) -> Value {
        let nodes: BTreeMap<&String, Value> = underlay
            .nodes
            .iter()
            .map(|(name, place)| {
                let public: BTreeMap<&String, String> = self
                    .keys_of(name)
                    .map(|(network, key)| (network, PublicKey::to_string(&key.public())))
                    .collect();
                let entry = json!({
                    "public_keys": public,
                    "endpoint": place.endpoint,
                    "local_endpoint": place.local_endpoint,
                });
                (name, entry)
            })
            .collect();
        json!({ "nodes": nodes })
    }
}

/// Writes a file so that a reader finds the old or the new content, never a part.
fn write_json(path: &Path, value: &Value, mode: u32) -> io::Result<()> {
    use std::io::Write as _;
    let fresh = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&fresh)?;
    file.write_all(value.to_string().as_bytes())?;
    std::fs::rename(&fresh, path)
}
