//! Uids that a change gives, hands on, and ends.

use super::Proposal;
use crate::record::{FormerRecord, ObjectRecord, former_name, object_key, object_name};
use crate::uid;
use crate::world::World;
use netloom_cbor::to_bytes;
use netloom_model::fabric::{Name, ObjectKind};
use netloom_store::Change;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::iter::Peekable;

/// What the store keeps of who the objects of revision `number` are. What stays, stays who it is; what comes,
/// or comes back, is another one.
pub(super) fn changes(world: &World, proposal: &Proposal, number: u64) -> Vec<Change> {
    let (before, after) = (&world.accepted.fabric, &proposal.accepted.fabric);
    let mut changes = Vec::new();
    for kind in ObjectKind::ALL {
        let (gone, new) = differences(before.names(kind), after.names(kind));
        let known = |name: &&Name| world.objects.contains_key(&object_key(kind, name));
        let delete = |name: &Name| Change::Delete { name: object_name(kind, name) };
        // What a version without uids has made has no record to delete.
        changes.extend(gone.into_iter().filter(known).map(delete));
        let made =
            |name: &Name| put(kind, name, uid::record(world, &object_key(kind, name), number));
        changes.extend(new.into_iter().filter(|name| !hands_on(proposal, kind, name)).map(made));
    }
    changes.extend(handed_on(world, proposal, number));
    changes
}

/// Whether a renamed workload gets this name.
fn hands_on(proposal: &Proposal, kind: ObjectKind, name: &Name) -> bool {
    kind == ObjectKind::Workload && proposal.renamed.contains_key(name)
}

/// Workloads that are called otherwise, and those whose names they leave to somebody else.
fn handed_on(world: &World, proposal: &Proposal, number: u64) -> Vec<Change> {
    let kind = ObjectKind::Workload;
    let mut changes = Vec::new();
    for (new, was) in &proposal.renamed {
        let record = world.object(kind, was);
        let former = FormerRecord { uid: record.uid, since: record.named(), until: number };
        changes.push(Change::Put { name: former_name(was, number), value: to_bytes(&former) });
        changes.push(put(kind, new, ObjectRecord { named: Some(number), ..record }));
    }
    let left: BTreeSet<&Name> = proposal.renamed.values().collect();
    for name in left {
        let is_taken = proposal.accepted.fabric.workloads.contains_key(name);
        if is_taken && !proposal.renamed.contains_key(name) {
            let record = uid::record(world, &object_key(kind, name), number);
            changes.push(put(kind, name, record));
        }
    }
    changes
}

fn put(kind: ObjectKind, name: &Name, record: ObjectRecord) -> Change {
    Change::Put { name: object_name(kind, name), value: to_bytes(&record) }
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
