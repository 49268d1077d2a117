//! What a node is to be, as control has said.

use crate::joined::Joined;
use crate::kept::Kept;
use crate::key_files;
use anyhow::Context as _;
use netloom_control_protocol::{ResourceSet, Seal};
use netloom_resource::{Refused, Slice, assemble};
use netloom_wireguard::PrivateKey;
use std::collections::BTreeMap;
use std::path::Path;

/// What becomes of a node that does not know what it is to be.
const AWAITED: &str = "the host stays as it is, without tunnels, until control has sent it again: \
                       see that control can be reached, and that the disk is sound";

/// A node's own keys, by network.
pub(crate) type PrivateKeys = BTreeMap<String, PrivateKey>;

/// A node's part of the fabric, and what only the node has.
#[derive(Debug, Default)]
pub(crate) struct Desired {
    /// Its part of the fabric.
    pub(crate) slice: Slice,
    /// Its own keys by network.
    pub(crate) private_keys: PrivateKeys,
    /// UDP port of its tunnels.
    pub(crate) listen_port: u16,
    /// What control has sent and cannot be used.
    pub(crate) refused: Vec<Refused>,
}

/// What control has sent. Control may be away: what it sent last is kept.
#[derive(Debug)]
pub(crate) struct Source {
    /// Who this node is.
    pub(crate) joined: Joined,
    /// What it holds, and of which commit.
    pub(crate) held: ResourceSet,
    /// The commit of control's store that it is of; 0 before the first.
    pub(crate) revision: u64,
    /// When control signed it: a floor for the clock.
    pub(crate) time_ms: u64,
    /// Control's word for what is held, where that is not on disk.
    pub(crate) unkept: Option<Seal>,
    /// Why what was kept cannot be used, until control has sent it again: what the node is to be is not
    /// known, and nothing that it has is taken away for that.
    pub(crate) unusable: Option<String>,
}

impl Source {
    /// What is kept in a state folder.
    pub(crate) fn kept(state: &Path) -> anyhow::Result<Self> {
        let joined = Joined::read(state)?;
        let (kept, unusable) = match Kept::read(state, &joined) {
            Ok(kept) => (kept, None),
            Err(error) => (Kept::default(), Some(format!("{error}; {AWAITED}"))),
        };
        let Kept { held, revision, time_ms } = kept;
        Ok(Self { joined, held, revision, time_ms, unkept: None, unusable })
    }

    /// What the node is to be now.
    pub(crate) fn read(&mut self) -> anyhow::Result<Desired> {
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
        let networks = slice.memberships.of_node(&self.joined.facts.node);
        let networks = networks.into_iter().flat_map(|membership| &membership.networks);
        self.joined.make_keys(networks).context("the node's keys cannot be kept")?;
        let mut private_keys = self.joined.private_keys.clone();
        let own = slice.fabric.nodes.get(&self.joined.facts.node);
        for (network, path) in own.into_iter().flat_map(|node| &node.private_key_files) {
            if private_keys.contains_key(network) {
                private_keys.insert(network.clone(), key_files::private_key(path)?);
            }
        }
        Ok(Desired { slice, private_keys, listen_port: self.joined.facts.listen_port, refused })
    }
}
