//! A set of resources by kind and name, with its digest kept up to date.

use crate::digest::{Digest, Lanes};
use crate::resource::{Resource, ResourceKey};
use imbl::OrdSet;
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::sync::Arc;

/// Resources by kind and name. Adding or removing one costs the same however many there are, and so does a copy:
/// it shares what has not changed since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceSet {
    resources: OrdSet<Keyed>,
    lanes: Lanes,
}

/// A resource in its place among others. Its key is its own: control holds a set for each node, and
/// a name in each of them would be most of what they need.
#[derive(Clone, Debug)]
struct Keyed(Arc<Resource>);

/// What leads from one set to another: first the removals, then the resources that take their places
/// or those of others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Resources that are new or have another version, by key.
    pub upserts: Vec<Arc<Resource>>,
    /// Keys that are gone, in order.
    pub removals: Vec<ResourceKey>,
}

impl ResourceSet {
    /// The set without resources.
    pub fn new() -> Self {
        Self::default()
    }

    /// What it is told by.
    pub fn digest(&self) -> Digest {
        self.lanes.digest()
    }

    /// The number of resources.
    pub fn len(&self) -> usize {
        self.resources.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// The resource with a key.
    pub fn get(&self, key: &ResourceKey) -> Option<&Arc<Resource>> {
        self.resources.get(key).map(|keyed| &keyed.0)
    }

    /// All resources, by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Resource>> {
        self.resources.iter().map(|keyed| &keyed.0)
    }

    /// Adds a resource, in place of that with the same key.
    pub fn insert(&mut self, resource: Arc<Resource>) -> Option<Arc<Resource>> {
        let key = resource.key();
        self.lanes.add(key.kind, &key.name, resource.version());
        let former = self.resources.insert(Keyed(resource));
        former.map(|former| former.0).inspect(|former| Self::leave(&mut self.lanes, former))
    }

    /// Removes the resource with a key, if there is one.
    pub fn remove(&mut self, key: &ResourceKey) -> Option<Arc<Resource>> {
        let former = self.resources.remove(key).map(|former| former.0);
        former.inspect(|former| Self::leave(&mut self.lanes, former))
    }

    /// Makes all changes.
    pub fn apply(&mut self, changes: &Changes) {
        for key in &changes.removals {
            self.remove(key);
        }
        for resource in &changes.upserts {
            self.insert(Arc::clone(resource));
        }
    }

    /// The digest that the set would have after changes of which no two concern the same key.
    pub(crate) fn digest_after(&self, changes: &Changes) -> Digest {
        let mut lanes = self.lanes.clone();
        for resource in &changes.upserts {
            let key = resource.key();
            lanes.add(key.kind, &key.name, resource.version());
        }
        let replaced = changes.upserts.iter().map(|resource| resource.key());
        for key in replaced.chain(&changes.removals) {
            if let Some(former) = self.get(key) {
                Self::leave(&mut lanes, former);
            }
        }
        lanes.digest()
    }

    fn leave(lanes: &mut Lanes, former: &Resource) {
        lanes.take_away(former.key().kind, &former.key().name, former.version());
    }
}

impl Borrow<ResourceKey> for Keyed {
    fn borrow(&self) -> &ResourceKey {
        self.0.key()
    }
}

// A key borrows like the resource that it belongs to, so both order and compare by it alone. Where
// whole sets are compared, their digests tell contents apart.
impl PartialEq for Keyed {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}

impl Eq for Keyed {}

impl PartialOrd for Keyed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Keyed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.key().cmp(other.0.key())
    }
}

impl Changes {
    /// Each as number of the kind, name, and payload; none where the resource is gone.
    pub fn parts(&self) -> impl Iterator<Item = (u16, &str, Option<&[u8]>)> {
        let gone = self.removals.iter().map(|key| (key.kind, key.name.as_str(), None));
        gone.chain(self.upserts.iter().map(|resource| {
            let key = resource.key();
            (key.kind, key.name.as_str(), Some(resource.payload()))
        }))
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.upserts.is_empty() && self.removals.is_empty()
    }

    /// Resources and removals.
    pub fn len(&self) -> usize {
        self.upserts.len() + self.removals.len()
    }
}

impl FromIterator<Arc<Resource>> for ResourceSet {
    /// A later resource takes the place of an earlier one with the same key.
    fn from_iter<I: IntoIterator<Item = Arc<Resource>>>(resources: I) -> Self {
        let mut set = Self::new();
        for resource in resources {
            set.insert(resource);
        }
        set
    }
}

/// What leads from the set that is held to the one that is wanted.
pub fn delta_between(held: &ResourceSet, target: &ResourceSet) -> Changes {
    let differs = |resource: &&Arc<Resource>| {
        let former = held.get(resource.key());
        former.is_none_or(|former| former.version() != resource.version())
    };
    let is_gone = |key: &&ResourceKey| target.get(key).is_none();
    Changes {
        upserts: target.iter().filter(differs).cloned().collect(),
        removals: held.iter().map(|resource| resource.key()).filter(is_gone).cloned().collect(),
    }
}
