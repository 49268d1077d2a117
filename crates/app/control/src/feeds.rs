//! What each node shall have, kept up to date at the cost of a change.

use crate::reached::Former;
use crate::world::{Shared, Table, World};
use netloom_control_protocol::{
    Changes, Digest, Feed, Resource, ResourceKey, ResourceSet, delta_between,
};
use netloom_resource::Topic;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Signs what nodes keep: Ed25519.
pub type Sign = dyn Fn(&[u8]) -> [u8; 64] + Send + Sync;

/// The feeds of the nodes that have asked for theirs.
pub struct Feeds {
    sign: Box<Sign>,
    feeds: BTreeMap<String, NodeFeed>,
    followers: BTreeMap<Topic, BTreeSet<String>>,
    /// Resources by topic, of the world that was advanced to last.
    by_topic: BTreeMap<Topic, BTreeMap<ResourceKey, Arc<Resource>>>,
}

/// A feed, and what has changed since somebody looked at it: a thousand nodes that come back at once
/// change each other's feeds a thousand times, and each is brought up to date and signed once.
struct NodeFeed {
    feed: Feed,
    /// What it takes to bring the feed to the newest world; gone resources are nothing.
    pending: BTreeMap<ResourceKey, Option<Arc<Resource>>>,
    /// The version of that world.
    version: u64,
    /// The first version that changed anything since.
    since: u64,
    /// What the feed was before.
    former: Former,
}

impl fmt::Debug for Feeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feeds").field("nodes", &self.feeds.len()).finish_non_exhaustive()
    }
}

impl Feeds {
    /// No feeds yet, of a world that begins.
    pub fn new(world: &World, sign: Box<Sign>) -> Self {
        let mut by_topic: BTreeMap<Topic, BTreeMap<ResourceKey, Arc<Resource>>> = BTreeMap::new();
        for (key, shared) in &world.table {
            for topic in shared.topics.iter() {
                let below = by_topic.entry(topic.clone()).or_default();
                below.insert(key.clone(), Arc::clone(&shared.resource));
            }
        }
        Self { sign, feeds: BTreeMap::new(), followers: BTreeMap::new(), by_topic }
    }

    /// The feed of a node, made if it is the first time. Nothing is in it for a node that takes part no more
    /// or not yet, so that it gives up what it holds; strangers have none.
    pub fn of(&mut self, world: &World, node: &str, now_ms: u64) -> Option<&Feed> {
        if !world.nodes.contains_key(node) {
            self.forget(node);
            return None;
        }
        if !self.feeds.contains_key(node) {
            let topics = topics_of(world, node).cloned().unwrap_or_default();
            let set = self.wanted(&topics);
            let fabric = world.identity.id;
            let feed = Feed::new(fabric, node, set, world.version, now_ms, &self.sign);
            self.feeds.insert(node.to_owned(), NodeFeed::new(feed));
            for topic in topics {
                self.followers.entry(topic).or_default().insert(node.to_owned());
            }
        }
        self.feeds.get_mut(node).map(|feed| feed.now(now_ms, &self.sign))
    }

    /// Goes from one world to the next; gives the nodes that have something to fetch.
    pub fn advance(&mut self, before: &World, after: &World) -> BTreeSet<String> {
        let gone: Vec<String> =
            self.feeds.keys().filter(|node| !after.nodes.contains_key(*node)).cloned().collect();
        gone.iter().for_each(|node| self.forget(node));
        let mut concerned = BTreeSet::new();
        for (key, old, new) in differences(&before.table, &after.table) {
            self.index(key, old, new);
            let (had, has) = (self.followers_of(old), self.followers_of(new));
            let resource = new.map(|shared| &shared.resource);
            for (nodes, wanted) in [(&had, None), (&has, resource)] {
                for node in nodes {
                    if let Some(feed) = self.feeds.get_mut(node) {
                        feed.change(after.version);
                        feed.pending.insert(key.clone(), wanted.cloned());
                    }
                }
            }
            concerned.extend(had.union(&has).cloned());
        }
        concerned.extend(self.follow_otherwise(before, after));
        concerned
    }

    /// Nodes whose topics are others now: what they shall have is looked up as a whole.
    fn follow_otherwise(&mut self, before: &World, after: &World) -> BTreeSet<String> {
        let mut concerned = BTreeSet::new();
        let same = Arc::ptr_eq(&before.accepted, &after.accepted);
        if same && before.nodes.ptr_eq(&after.nodes) {
            return concerned;
        }
        let others = |node: &&String| topics_of(before, node) != topics_of(after, node);
        let standing = |node: &&String| before.is_member(node) != after.is_member(node);
        let looked_at = self.feeds.keys().filter(|node| !same || standing(node));
        let moved: Vec<String> = looked_at.filter(others).cloned().collect();
        for node in moved {
            for topic in topics_of(before, &node).into_iter().flatten() {
                if let Some(followers) = self.followers.get_mut(topic) {
                    followers.remove(&node);
                }
            }
            let topics = topics_of(after, &node).cloned().unwrap_or_default();
            for topic in &topics {
                self.followers.entry(topic.clone()).or_default().insert(node.clone());
            }
            let target = self.wanted(&topics);
            if let Some(feed) = self.feeds.get_mut(&node) {
                feed.want(&target, after.version);
                concerned.insert(node);
            }
        }
        concerned
    }

    /// Whether a node that holds the set with a digest has all that its feed shall bring it.
    pub fn is_reached(&self, node: &str, held: Option<&Digest>) -> bool {
        self.feeds.get(node).is_none_or(|of_node| {
            let NodeFeed { feed, version, .. } = of_node;
            *version <= feed.revision() && held == Some(&feed.digest())
        })
    }

    /// The newest commit of which a node has all that it shall have, if that is known. It holds the set with
    /// the digest `held`, and has said to have `applied` that commit.
    pub fn reached(
        &mut self,
        world: &World,
        node: &str,
        (held, applied): (&Digest, u64),
        now_ms: u64,
    ) -> Option<u64> {
        if self.of(world, node, now_ms)?.digest() == *held {
            return Some(world.version);
        }
        // A store that was restored from a copy counts its commits anew.
        let said = Some(applied).filter(|applied| (1..=world.version).contains(applied));
        self.feeds.get(node)?.former.newest(held).or(said)
    }

    fn forget(&mut self, node: &str) {
        if self.feeds.remove(node).is_some() {
            for nodes in self.followers.values_mut() {
                nodes.remove(node);
            }
        }
    }

    /// What a node that follows `topics` shall have.
    fn wanted(&self, topics: &BTreeSet<Topic>) -> ResourceSet {
        let below = topics.iter().filter_map(|topic| self.by_topic.get(topic));
        let found: BTreeMap<&ResourceKey, &Arc<Resource>> = below.flatten().collect();
        found.into_values().map(Arc::clone).collect()
    }

    fn followers_of(&self, shared: Option<&Shared>) -> BTreeSet<String> {
        let topics = shared.into_iter().flat_map(|shared| shared.topics.iter());
        topics.filter_map(|topic| self.followers.get(topic)).flatten().cloned().collect()
    }

    /// Takes a resource that has changed into its topics, and out of those that it has left.
    fn index(&mut self, key: &ResourceKey, old: Option<&Shared>, new: Option<&Shared>) {
        for topic in old.into_iter().flat_map(|shared| shared.topics.iter()) {
            if let Some(below) = self.by_topic.get_mut(topic) {
                below.remove(key);
                if below.is_empty() {
                    self.by_topic.remove(topic);
                }
            }
        }
        let Some(shared) = new else { return };
        for topic in shared.topics.iter() {
            let below = self.by_topic.entry(topic.clone()).or_default();
            below.insert(key.clone(), Arc::clone(&shared.resource));
        }
    }
}

impl NodeFeed {
    /// Nothing has changed yet.
    fn new(feed: Feed) -> Self {
        let version = feed.revision();
        Self { feed, pending: BTreeMap::new(), version, since: version, former: Former::default() }
    }

    /// Something changes at `version`.
    fn change(&mut self, version: u64) {
        if self.version <= self.feed.revision() {
            self.since = version;
        }
        self.version = version;
    }

    /// The feed, brought up to date.
    fn now(&mut self, now_ms: u64, sign: &Sign) -> &Feed {
        if self.version > self.feed.revision() {
            let mut changes = Changes::default();
            for (key, resource) in std::mem::take(&mut self.pending) {
                match resource {
                    Some(resource) => changes.upserts.push(resource),
                    None => changes.removals.push(key),
                }
            }
            let before = self.feed.digest();
            let applied = self.feed.apply(self.version, changes, now_ms, sign);
            debug_assert!(applied.is_ok(), "the version was compared");
            if self.feed.digest() != before {
                self.former.leave(before, self.since);
            }
        }
        &self.feed
    }

    /// Wants exactly `target` from `version` on.
    fn want(&mut self, target: &ResourceSet, version: u64) {
        let Changes { upserts, removals } = delta_between(self.feed.set(), target);
        let upserts = upserts.into_iter().map(|one| (one.key().clone(), Some(one)));
        self.pending = upserts.chain(removals.into_iter().map(|key| (key, None))).collect();
        self.change(version);
    }
}

/// What a node follows, if it takes part.
fn topics_of<'a>(world: &'a World, node: &str) -> Option<&'a BTreeSet<Topic>> {
    world.accepted.topics.get(node).filter(|_| world.is_member(node))
}

/// Keys whose resources differ, with what they were and are. What the tables share is not looked at.
fn differences<'a>(
    old: &'a Table,
    new: &'a Table,
) -> Vec<(&'a ResourceKey, Option<&'a Shared>, Option<&'a Shared>)> {
    use imbl::ordmap::DiffItem;
    old.diff(new)
        .map(|difference| match difference {
            DiffItem::Add(key, is) => (key, None, Some(is)),
            DiffItem::Remove(key, was) => (key, Some(was), None),
            DiffItem::Update { old: (_, was), new: (key, is) } => (key, Some(was), Some(is)),
        })
        .collect()
}
