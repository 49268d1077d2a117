//! What nodes need, as one table whose editions share what has not changed.

use netloom_control_protocol::{Resource, ResourceError, ResourceKey};
use netloom_resource::{Entry, Key, Topic};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A resource and who gets it.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Encoded once for all.
    pub resource: Arc<Resource>,
    /// Nodes that follow any of these get it.
    pub topics: Arc<[Topic]>,
}

impl PartialEq for Shared {
    /// Whether it is the very same: a resource that has not changed is kept.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.resource, &other.resource) && self.topics == other.topics
    }
}

/// What nodes need. A commit's table shares with the one before all that has not changed.
pub type Table = imbl::OrdMap<ResourceKey, Shared>;

/// A table with what was made anew; a resource that is the same as before stays that.
pub(super) fn changed_table(
    before: &Table,
    made: BTreeMap<Key, Entry>,
) -> Result<Table, ResourceError> {
    let mut table = before.clone();
    for ((kind, name), entry) in made {
        let key = ResourceKey { kind: kind as u16, name };
        let former = before.get(&key);
        let resource = match former.filter(|one| one.resource.payload() == entry.payload) {
            Some(former) if *former.topics == *entry.topics => continue,
            Some(former) => Arc::clone(&former.resource),
            None => Arc::new(Resource::new(key.kind, key.name.clone(), &entry.payload)?),
        };
        table.insert(key, Shared { resource, topics: entry.topics.into() });
    }
    Ok(table)
}
