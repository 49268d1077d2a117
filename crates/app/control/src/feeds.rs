//! What each node shall have, kept up to date at the cost of a change.

use crate::world::{Shared, World};
use netloom_control_protocol::{Changes, Feed, ResourceKey, ResourceSet, delta_between};
use netloom_resource::Topic;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Signs what nodes keep: Ed25519.
pub type Sign = dyn Fn(&[u8]) -> [u8; 64] + Send + Sync;

/// The feeds of the nodes that have asked for theirs.
pub struct Feeds {
    sign: Box<Sign>,
    feeds: BTreeMap<String, Feed>,
    followers: BTreeMap<Topic, BTreeSet<String>>,
}

impl fmt::Debug for Feeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feeds").field("nodes", &self.feeds.len()).finish_non_exhaustive()
    }
}

impl Feeds {
    /// No feeds yet.
    pub fn new(sign: Box<Sign>) -> Self {
        Self { sign, feeds: BTreeMap::new(), followers: BTreeMap::new() }
    }

    /// The feed of a node, made if it is the first time. None for who is not to have any.
    pub fn of(&mut self, world: &World, node: &str, now_ms: u64) -> Option<&Feed> {
        if !world.is_member(node) {
            self.forget(node);
            return None;
        }
        if !self.feeds.contains_key(node) {
            let topics = world.accepted.topics.get(node).cloned().unwrap_or_default();
            let set = wanted(world, &topics);
            let fabric = world.identity.id;
            let feed = Feed::new(fabric, node, set, world.version, now_ms, &self.sign);
            self.feeds.insert(node.to_owned(), feed);
            for topic in topics {
                self.followers.entry(topic).or_default().insert(node.to_owned());
            }
        }
        self.feeds.get(node)
    }

    /// Goes from one world to the next; gives the nodes that have something to fetch.
    pub fn advance(&mut self, before: &World, after: &World, now_ms: u64) -> BTreeSet<String> {
        let gone: Vec<String> =
            self.feeds.keys().filter(|node| !after.is_member(node)).cloned().collect();
        gone.iter().for_each(|node| self.forget(node));
        let mut concerned = self.follow_otherwise(before, after, now_ms);
        let mut changes: BTreeMap<&String, Changes> = BTreeMap::new();
        for (key, old, new) in differences(&before.table, &after.table) {
            let of = |shared: Option<&Shared>| {
                let topics = shared.into_iter().flat_map(|shared| &shared.topics);
                let nodes = topics.filter_map(|topic| self.followers.get(topic)).flatten();
                nodes.collect::<BTreeSet<&String>>()
            };
            let (had, has) = (of(old), of(new));
            if let Some(shared) = new {
                for node in &has {
                    let upserts = &mut changes.entry(node).or_default().upserts;
                    upserts.push(Arc::clone(&shared.resource));
                }
            }
            for node in had.difference(&has) {
                changes.entry(node).or_default().removals.push(key.clone());
            }
        }
        for (node, changes) in changes {
            if let Some(feed) = self.feeds.get_mut(node)
                && feed.revision() < after.version
                && feed.apply(after.version, changes, now_ms, &self.sign).is_ok()
            {
                concerned.insert(node.clone());
            }
        }
        concerned
    }

    /// Nodes whose topics are others now: what they shall have is looked up as a whole.
    fn follow_otherwise(&mut self, before: &World, after: &World, now_ms: u64) -> BTreeSet<String> {
        let mut concerned = BTreeSet::new();
        if Arc::ptr_eq(&before.accepted, &after.accepted) {
            return concerned;
        }
        for (node, feed) in &mut self.feeds {
            let (old, new) = (before.accepted.topics.get(node), after.accepted.topics.get(node));
            if old == new {
                continue;
            }
            for topic in old.into_iter().flatten() {
                if let Some(followers) = self.followers.get_mut(topic) {
                    followers.remove(node);
                }
            }
            for topic in new.into_iter().flatten() {
                self.followers.entry(topic.clone()).or_default().insert(node.clone());
            }
            let target = wanted(after, &new.cloned().unwrap_or_default());
            let changes = delta_between(feed.set(), &target);
            if feed.apply(after.version, changes, now_ms, &self.sign).is_ok() {
                concerned.insert(node.clone());
            }
        }
        concerned
    }

    fn forget(&mut self, node: &str) {
        if self.feeds.remove(node).is_some() {
            for nodes in self.followers.values_mut() {
                nodes.remove(node);
            }
        }
    }
}

/// What a node that follows `topics` shall have.
fn wanted(world: &World, topics: &BTreeSet<Topic>) -> ResourceSet {
    let entries = world.table.values();
    entries
        .filter(|shared| shared.topics.iter().any(|topic| topics.contains(topic)))
        .map(|shared| Arc::clone(&shared.resource))
        .collect()
}

/// Keys whose resources differ, with what they were and are.
fn differences<'a>(
    old: &'a BTreeMap<ResourceKey, Shared>,
    new: &'a BTreeMap<ResourceKey, Shared>,
) -> Vec<(&'a ResourceKey, Option<&'a Shared>, Option<&'a Shared>)> {
    let same =
        |a: &Shared, b: &Shared| Arc::ptr_eq(&a.resource, &b.resource) && a.topics == b.topics;
    let mut found = Vec::new();
    for (key, is) in new {
        let was = old.get(key);
        if was.is_none_or(|was| !same(was, is)) {
            found.push((key, was, Some(is)));
        }
    }
    found.extend(
        old.iter()
            .filter(|(key, _)| !new.contains_key(*key))
            .map(|(key, was)| (key, Some(was), None)),
    );
    found
}
