//! Records read from a snapshot.

use crate::record::{NodeRecord, Standing};
use crate::world::WorldError;
use netloom_cbor::{Decode, from_bytes};
use netloom_plan::input::{Directory, NodeEntry};
use netloom_resource::call::has_aes_gcm;
use netloom_store::Snapshot;
use std::collections::BTreeMap;

/// The record of a name that must be there.
pub(crate) fn required<T: Decode>(snapshot: &Snapshot, name: &str) -> Result<T, WorldError> {
    let bytes = snapshot.get(name)?.ok_or_else(|| WorldError::Missing { name: name.to_owned() })?;
    from_bytes(&bytes).map_err(|error| WorldError::Record { name: name.to_owned(), error })
}

/// The record of a name, if it is there.
pub(crate) fn optional<T: Decode>(
    snapshot: &Snapshot,
    name: &str,
) -> Result<Option<T>, WorldError> {
    let Some(bytes) = snapshot.get(name)? else { return Ok(None) };
    let damaged = |error| WorldError::Record { name: name.to_owned(), error };
    from_bytes(&bytes).map(Some).map_err(damaged)
}

/// All records below a prefix, by the rest of their names.
pub(crate) fn records<T: Decode>(
    snapshot: &Snapshot,
    prefix: &str,
) -> Result<BTreeMap<String, T>, WorldError> {
    snapshot
        .values(prefix)?
        .into_iter()
        .map(|(name, bytes)| {
            let record = from_bytes(&bytes)
                .map_err(|error| WorldError::Record { name: name.clone(), error })?;
            Ok((name[prefix.len()..].to_owned(), record))
        })
        .collect()
}

pub(crate) fn directory(nodes: &BTreeMap<String, NodeRecord>) -> Directory {
    let entries =
        nodes.iter().filter_map(|(name, node)| Some((name.clone(), directory_entry(node)?)));
    Directory { nodes: entries.collect() }
}

/// What others need to call a node, if it takes part.
pub(crate) fn directory_entry(node: &NodeRecord) -> Option<NodeEntry> {
    (node.standing == Standing::Approved).then(|| NodeEntry {
        public_keys: node.public_keys.clone(),
        endpoint: node.endpoint,
        local_endpoint: node.local_endpoint,
        has_aes_gcm: has_aes_gcm(node.ciphers.as_ref()),
    })
}

/// Network and address of `NETWORK/ADDRESS`.
pub(crate) fn resting(name: &str) -> Option<(String, std::net::IpAddr)> {
    let (network, address) = name.split_once('/')?;
    Some((network.to_owned(), address.parse().ok()?))
}
