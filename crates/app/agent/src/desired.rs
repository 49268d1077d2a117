//! What a node is to be, and where it learns that: from files, or from control.

use crate::files::{StateFolder, load_fabric};
use crate::joined::Joined;
use crate::kept::Kept;
use anyhow::Context as _;
use netloom_control_protocol::ResourceSet;
use netloom_plan::membership::Memberships;
use netloom_resource::{Refused, Slice, assemble};
use netloom_wireguard::PrivateKey;
use std::collections::BTreeMap;

/// A node's part of the fabric, and what only the node has.
#[derive(Debug, Default)]
pub(crate) struct Desired {
    /// Its part of the fabric.
    pub(crate) slice: Slice,
    /// Its own keys by network.
    pub(crate) private_keys: BTreeMap<String, PrivateKey>,
    /// UDP port of its tunnels.
    pub(crate) listen_port: u16,
    /// What control has sent and cannot be used.
    pub(crate) refused: Vec<Refused>,
}

/// Where a node learns what it is to be.
#[derive(Debug)]
pub(crate) enum Source {
    /// From the fabric's files, and from keys and a directory in the state folder.
    Files {
        /// The fabric's files.
        fabric: Vec<String>,
        /// Folder of the rest.
        state: StateFolder,
    },
    /// From control, which may be away: what it sent last is kept.
    Control(Box<FromControl>),
}

/// What control has sent.
#[derive(Debug)]
pub(crate) struct FromControl {
    /// Who this node is.
    pub(crate) joined: Joined,
    /// What it holds, and of which commit.
    pub(crate) held: ResourceSet,
    /// The commit of control's store that it is of; 0 before the first.
    pub(crate) revision: u64,
    /// When control signed it: a floor for the clock.
    pub(crate) time_ms: u64,
}

impl Source {
    /// From control, beginning with what is kept.
    pub(crate) fn kept(state: &StateFolder) -> anyhow::Result<Self> {
        let joined = Joined::read(&state.0)?;
        let Kept { held, revision, time_ms } = Kept::read(&state.0, &joined);
        Ok(Self::Control(Box::new(FromControl { joined, held, revision, time_ms })))
    }

    /// The fabric's name.
    pub(crate) fn fabric_name(&self) -> anyhow::Result<String> {
        Ok(match self {
            Self::Files { fabric, .. } => load_fabric(fabric)?.name,
            Self::Control(control) => control.joined.facts.fabric.clone(),
        })
    }

    /// UDP port of the tunnels.
    pub(crate) fn listen_port(&self) -> anyhow::Result<u16> {
        Ok(match self {
            Self::Files { state, .. } => state.read()?.listen_port,
            Self::Control(control) => control.joined.facts.listen_port,
        })
    }

    /// What the node is to be now.
    pub(crate) fn read(&mut self, node: &str) -> anyhow::Result<Desired> {
        match self {
            Self::Files { fabric, state } => {
                let fabric = load_fabric(fabric)?;
                let names: Vec<&str> = fabric.nodes.keys().map(String::as_str).collect();
                anyhow::ensure!(
                    fabric.nodes.contains_key(node),
                    "the fabric has no node `{node}`; it has {}",
                    names.join(", ")
                );
                let facts = state.read()?;
                let slice = Slice {
                    memberships: Memberships::of(&fabric),
                    fabric,
                    fabric_id: facts.fabric_id,
                    leases: facts.leases,
                    directory: facts.directory,
                    control: Vec::new(),
                };
                let (private_keys, listen_port) = (facts.private_keys, facts.listen_port);
                Ok(Desired { slice, private_keys, listen_port, refused: Vec::new() })
            }
            Self::Control(control) => control.read(node),
        }
    }
}

impl FromControl {
    fn read(&mut self, node: &str) -> anyhow::Result<Desired> {
        let parts = self.held.iter().map(|resource| {
            let key = resource.key();
            (key.kind, key.name.as_str(), resource.payload())
        });
        let (mut slice, refused) = assemble(parts);
        if slice.fabric.name.is_empty() {
            // Nothing has come yet: a node of a fabric without networks.
            slice.fabric.name.clone_from(&self.joined.facts.fabric);
            slice.fabric_id = self.joined.fabric_id();
        }
        self.joined.keep_control(&slice.control).context("control's addresses cannot be kept")?;
        let networks = slice.memberships.of_node(node);
        let networks = networks.into_iter().flat_map(|membership| &membership.networks);
        self.joined.make_keys(networks).context("the node's keys cannot be kept")?;
        Ok(Desired {
            slice,
            private_keys: self.joined.private_keys.clone(),
            listen_port: self.joined.facts.listen_port,
            refused,
        })
    }
}
