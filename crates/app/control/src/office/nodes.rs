//! Nodes: their records in the store, what they shall have, and what they say of themselves.

use super::{ATTEMPTS_MAX, Inner, Office, OfficeError, now_ms, put};
use crate::observed::Observed;
use crate::record::{NodeRecord, node_name};
use crate::world::World;
use netloom_cbor::to_bytes;
use netloom_control_protocol::Feed;
use netloom_store::{Change, CommitError, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Office {
    // === records ===

    /// Makes changes of records that `change` computes from what is in force, until nobody else
    /// comes first.
    ///
    /// # Errors
    /// `change` fails, or the store does.
    pub fn update<E: From<OfficeError>>(
        &self,
        mut change: impl FnMut(&World, &Snapshot) -> Result<Vec<Change>, E>,
    ) -> Result<Arc<World>, E> {
        for _ in 0..ATTEMPTS_MAX {
            let snapshot = self.store.snapshot().map_err(OfficeError::from)?;
            let world = self.advance_to(&snapshot, None)?;
            let changes = change(&world, &snapshot)?;
            let _commits = self.commits();
            match self.store.commit(&snapshot, changes) {
                Ok(after) => return Ok(self.advance_to(&after, None)?),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(OfficeError::from(error).into()),
            }
        }
        Err(OfficeError::Busy.into())
    }

    /// Changes the records of nodes that have joined, in one commit; names of others are passed over.
    ///
    /// # Errors
    /// The store fails.
    pub fn change_nodes<'n>(
        &self,
        names: impl Iterator<Item = &'n String> + Clone,
        change: impl Fn(&String, &mut NodeRecord),
    ) -> Result<Arc<World>, OfficeError> {
        self.update(|world, _| {
            let changed = names.clone().filter_map(|name| {
                let before = world.nodes.get(name)?;
                let mut record = NodeRecord::clone(before);
                change(name, &mut record);
                (record != **before).then(|| put(node_name(name), to_bytes(&record)))
            });
            Ok(changed.collect())
        })
    }

    /// Changes the record of a node that has joined.
    ///
    /// # Errors
    /// There is none, or the store fails.
    pub fn change_node(
        &self,
        name: &str,
        change: impl Fn(&mut NodeRecord),
    ) -> Result<Arc<World>, OfficeError> {
        self.update(|world, _| {
            let record = world.nodes.get(name);
            let Some(record) = record else {
                return Err(OfficeError::NoNode { name: name.to_owned() });
            };
            let mut changed = NodeRecord::clone(record);
            change(&mut changed);
            if changed == **record {
                return Ok(Vec::new());
            }
            Ok(vec![put(node_name(name), to_bytes(&changed))])
        })
    }

    /// Forgets a node; it may join again with a new token.
    ///
    /// # Errors
    /// There is none, or the store fails.
    pub fn remove_node(&self, name: &str) -> Result<Arc<World>, OfficeError> {
        let world = self.update(|world, _| {
            if !world.nodes.contains_key(name) {
                return Err(OfficeError::NoNode { name: name.to_owned() });
            }
            Ok(vec![Change::Delete { name: node_name(name) }])
        })?;
        self.inner().observed.remove(name);
        Ok(world)
    }

    // === agents ===

    /// Calls `use_feed` with what a node shall have; nothing for who is not to have any.
    pub fn with_feed<T>(&self, node: &str, use_feed: impl FnOnce(&Feed) -> T) -> Option<T> {
        let mut inner = self.inner();
        let world = Arc::clone(&inner.world);
        inner.feeds.of(&world, node, now_ms()).map(use_feed)
    }

    /// Changes what is known of a node's state.
    pub fn observe(&self, node: &str, change: impl FnOnce(&mut Observed)) {
        change(self.inner().observed.entry(node.to_owned()).or_default());
        (self.notify)(self.world().version);
    }

    /// What nodes have said of themselves.
    pub fn observed(&self) -> BTreeMap<String, Observed> {
        self.inner().observed.clone()
    }

    /// Connected nodes that do not hold what they shall have yet.
    pub fn behind(&self) -> BTreeSet<String> {
        let mut inner = self.inner();
        let world = Arc::clone(&inner.world);
        let Inner { feeds, observed, .. } = &mut *inner;
        let connected = observed.iter().filter(|(_, node)| node.connected);
        connected
            .filter(|(name, node)| {
                let feed = feeds.of(&world, name, now_ms());
                feed.is_some_and(|feed| node.held != Some(feed.digest()))
            })
            .map(|(name, _)| name.clone())
            .collect()
    }
}
