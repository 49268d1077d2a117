//! Uids that a change gives, hands on, and ends.

use crate::record::{object_key, object_name};
use crate::uid;
use crate::world::World;
use netloom_cbor::to_bytes;
use netloom_model::Fabric;
use netloom_model::fabric::{Name, ObjectKind};
use netloom_store::Change;
use std::cmp::Ordering;
use std::iter::Peekable;

/// What the store keeps of who the objects of revision `number` are. What stays, stays who it is; what comes,
/// or comes back, is another one.
pub(super) fn changes(world: &World, after: &Fabric, number: u64) -> Vec<Change> {
    let before = &world.accepted.fabric;
    let renamed = before.renamed(after);
    let mut changes = Vec::new();
    for kind in ObjectKind::ALL {
        let (gone, new) = differences(before.names(kind), after.names(kind));
        // What a version without uids has made has no record to delete.
        let known = |name: &&Name| world.objects.contains_key(&object_key(kind, name));
        let delete = |name: &Name| Change::Delete { name: object_name(kind, name) };
        changes.extend(gone.into_iter().filter(known).map(delete));
        for name in new {
            let was = renamed.get(name.as_str()).filter(|_| kind == ObjectKind::Workload);
            let record = match was {
                Some(was) => world.object(kind, was),
                None => uid::record(world, &object_key(kind, name), number),
            };
            changes.push(Change::Put { name: object_name(kind, name), value: to_bytes(&record) });
        }
    }
    changes
}

/// What only the one has, and what only the other has, of two lists in order.
fn differences<'a>(
    before: impl Iterator<Item = &'a Name>,
    after: impl Iterator<Item = &'a Name>,
) -> (Vec<&'a Name>, Vec<&'a Name>) {
    let (mut before, mut after) = (before.peekable(), after.peekable());
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    loop {
        match order(&mut before, &mut after) {
            None => return (gone, new),
            Some(Ordering::Less) => gone.extend(before.next()),
            Some(Ordering::Greater) => new.extend(after.next()),
            Some(Ordering::Equal) => {
                before.next();
                after.next();
            }
        }
    }
}

/// Which of two lists comes first; nothing at the end of both.
fn order<'a>(
    before: &mut Peekable<impl Iterator<Item = &'a Name>>,
    after: &mut Peekable<impl Iterator<Item = &'a Name>>,
) -> Option<Ordering> {
    match (before.peek(), after.peek()) {
        (None, None) => None,
        (Some(_), None) => Some(Ordering::Less),
        (None, Some(_)) => Some(Ordering::Greater),
        (Some(before), Some(after)) => Some(before.cmp(after)),
    }
}
