//! Nodes: their records in the store, what they shall have, and what they say of themselves.

use super::{ATTEMPTS_MAX, Inner, Office, OfficeError, now_ms, put};
use crate::observed::Observed;
use crate::record::{MemberRecord, NodeRecord, Standing, member_name, node_name};
use crate::world::World;
use netloom_cbor::to_bytes;
use netloom_control_protocol::{Digest, Feed};
use netloom_store::{Change, CommitError, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often it is looked at how far nodes are.
const LOOK: Duration = Duration::from_millis(5);

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

    /// Lets a node take part that waits for it.
    ///
    /// # Errors
    /// There is none, or it was revoked, or the store fails.
    pub fn approve_node(&self, name: &str) -> Result<Arc<World>, OfficeError> {
        self.update(|world, _| {
            let name = name.to_owned();
            let Some(record) = world.nodes.get(&name) else {
                return Err(OfficeError::NoNode { name });
            };
            match record.standing {
                Standing::Approved => Ok(Vec::new()),
                Standing::Revoked => Err(OfficeError::Revoked { name }),
                Standing::Waiting => {
                    let mut approved = NodeRecord::clone(record);
                    approved.standing = Standing::Approved;
                    Ok(vec![put(node_name(&name), to_bytes(&approved))])
                }
            }
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
        let mut inner = self.inner();
        inner.observed.remove(name);
        inner.elsewhere.values_mut().for_each(|heard| drop(heard.remove(name)));
        drop(inner);
        Ok(world)
    }

    // === agents ===

    /// Calls `use_feed` with what a node shall have; nothing for who is not to have any.
    pub fn with_feed<T>(&self, node: &str, use_feed: impl FnOnce(&Feed) -> T) -> Option<T> {
        let mut inner = self.inner();
        let world = Arc::clone(&inner.world);
        inner.feeds.of(&world, node, now_ms()).map(use_feed)
    }

    /// Changes what is known of the state of a node that is connected here.
    pub fn observe(&self, node: &str, change: impl FnOnce(&mut Observed)) {
        let mut inner = self.inner();
        inner.sequence += 1;
        let sequence = inner.sequence;
        let observed = inner.observed.entry(node.to_owned()).or_default();
        change(observed);
        observed.sequence = sequence;
        let version = inner.world.version;
        drop(inner);
        (self.notify)(version);
    }

    /// What nodes have said of themselves, to whichever member of control.
    pub fn observed(&self) -> BTreeMap<String, Observed> {
        let inner = self.inner();
        let everything = inner.everything_observed().into_iter();
        everything.map(|(name, observed)| (name.clone(), observed.clone())).collect()
    }

    /// Waits until all connected nodes hold what they shall have, or as long as `patience` says.
    pub(super) fn wait_for_nodes(&self, patience: Duration) {
        let start = Instant::now();
        while start.elapsed() < patience && !self.inner().is_everyone_reached() {
            std::thread::sleep(LOOK);
        }
    }

    /// Connected nodes that do not hold what they shall have yet.
    pub fn behind(&self) -> BTreeSet<String> {
        let mut inner = self.inner();
        let world = Arc::clone(&inner.world);
        let everything = inner.everything_observed();
        let connected = everything.into_iter().filter(|(_, node)| node.connected);
        let held: Vec<(String, Option<Digest>)> =
            connected.map(|(name, node)| (name.clone(), node.held)).collect();
        let mut is_behind = |(name, held): &(String, Option<Digest>)| {
            inner.feeds.of(&world, name, now_ms()).is_some_and(|feed| *held != Some(feed.digest()))
        };
        held.into_iter().filter(|one| is_behind(one)).map(|(name, _)| name).collect()
    }

    /// The newest revision of which each node holds all that concerns it, where that is known.
    pub fn revisions(&self) -> BTreeMap<String, u64> {
        let mut inner = self.inner();
        let world = Arc::clone(&inner.world);
        let everything = inner.everything_observed().into_iter();
        let held: Vec<(String, Digest, u64)> = everything
            .filter_map(|(name, node)| Some((name.clone(), node.held?, node.applied)))
            .collect();
        let mut revision = |(name, held, applied): (String, Digest, u64)| {
            let reached = inner.feeds.reached(&world, &name, (&held, applied), now_ms())?;
            Some((name, inner.revisions.at(reached)?))
        };
        held.into_iter().filter_map(&mut revision).collect()
    }

    // === other members ===

    /// Keeps where a member of control answers, or forgets the member.
    ///
    /// # Errors
    /// The store fails.
    pub fn keep_member(
        &self,
        name: &str,
        record: Option<&MemberRecord>,
    ) -> Result<(), OfficeError> {
        self.update(|world, _| {
            let name = member_name(name);
            Ok::<_, OfficeError>(match record {
                _ if world.members.get(&name["member/".len()..]) == record => Vec::new(),
                Some(record) => vec![put(name, to_bytes(record))],
                None => vec![Change::Delete { name }],
            })
        })
        .map(drop)
    }

    /// What nodes have said here since change number `sequence`, and the number of the newest.
    pub fn said_since(&self, sequence: u64) -> (Vec<(String, Observed)>, u64) {
        let inner = self.inner();
        let newer = inner.observed.iter().filter(|(_, observed)| observed.sequence > sequence);
        let said = newer.map(|(name, observed)| (name.clone(), observed.clone())).collect();
        (said, inner.sequence)
    }

    /// A member answers: another one, or this one itself.
    pub fn find(&self, member: &str) {
        let mut inner = self.inner();
        inner.heard.insert(member.to_owned());
        let version = inner.world.version;
        drop(inner);
        (self.notify)(version);
    }

    /// Members that answer.
    pub fn heard_members(&self) -> BTreeSet<String> {
        self.inner().heard.clone()
    }

    /// Takes in what a node has said to another member.
    pub fn hear(&self, member: &str, node: String, mut observed: Observed) {
        let mut inner = self.inner();
        let heard = inner.elsewhere.entry(member.to_owned()).or_default();
        if let Some(former) = heard.get(&node) {
            observed.follow(former);
        }
        heard.insert(node, observed);
        let version = inner.world.version;
        drop(inner);
        (self.notify)(version);
    }

    /// Another member is not heard any more: its nodes are away until they are connected elsewhere.
    pub fn lose(&self, member: &str) {
        let mut inner = self.inner();
        let mut lost = inner.heard.remove(member);
        for observed in inner.elsewhere.get_mut(member).into_iter().flat_map(BTreeMap::values_mut) {
            lost |= std::mem::take(&mut observed.connected);
        }
        let version = inner.world.version;
        drop(inner);
        if lost {
            (self.notify)(version);
        }
    }
}

impl Inner {
    fn is_everyone_reached(&self) -> bool {
        let everything = self.everything_observed().into_iter();
        let mut connected = everything.filter(|(_, node)| node.connected);
        connected.all(|(name, node)| self.feeds.is_reached(name, node.held.as_ref()))
    }

    fn everything_observed(&self) -> BTreeMap<&String, &Observed> {
        let mut all: BTreeMap<&String, &Observed> = self.observed.iter().collect();
        for (node, heard) in self.elsewhere.values().flatten() {
            if all.get(node).is_none_or(|known| heard.is_newer_than(known)) {
                all.insert(node, heard);
            }
        }
        all
    }
}
