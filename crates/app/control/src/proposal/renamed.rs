//! Which workloads a change calls otherwise: who says so, and who comes back by the name of a revision.

use crate::read::records;
use crate::record::{FORMER, FormerRecord};
use crate::world::{World, WorldError};
use netloom_model::diagnostic::{Diagnostic, Severity, code, nearest};
use netloom_model::fabric::{Attach, Fabric, Name, ObjectKind};
use netloom_store::Snapshot;
use std::collections::BTreeMap;

/// Uids of the workloads of a revision, by the names that they had then.
pub type Uids = BTreeMap<Name, [u8; 16]>;

/// Whom a revision called what. Who was there by a name that somebody else has now, or nobody, and is no
/// more, is left out.
///
/// # Errors
/// The store fails.
pub(crate) fn uids_at(
    snapshot: &Snapshot,
    world: &World,
    revision: u64,
) -> Result<Uids, WorldError> {
    let mut uids = Uids::new();
    for name in world.accepted.fabric.workloads.keys() {
        let record = world.object(ObjectKind::Workload, name);
        if record.named() <= revision {
            uids.insert(name.clone(), record.uid);
        }
    }
    for (key, former) in records::<FormerRecord>(snapshot, FORMER)? {
        if (former.since..former.until).contains(&revision)
            && let Some((name, _)) = key.split_once('/')
        {
            uids.insert(name.to_owned(), former.uid);
        }
    }
    Ok(uids)
}

/// The present names of workloads that `after` calls otherwise, by their next ones. A change that goes back
/// to a revision calls them as that did; any other as the file says.
pub(super) fn of(world: &World, after: &Fabric, back: Option<&Uids>) -> BTreeMap<Name, Name> {
    let before = &world.accepted.fabric;
    let Some(back) = back else {
        let owned = |(new, was): (&str, &str)| (new.to_owned(), was.to_owned());
        return before.renamed(after).into_iter().map(owned).collect();
    };
    let now = before.workloads.keys();
    let present: BTreeMap<[u8; 16], &Name> =
        now.map(|name| (world.object(ObjectKind::Workload, name).uid, name)).collect();
    let names = after.workloads.keys();
    let called = names.filter_map(|name| Some((name, *present.get(back.get(name)?)?)));
    called
        .filter(|(name, now)| name != now)
        .map(|(name, now)| (name.clone(), now.clone()))
        .collect()
}

/// Warnings of new workloads that say that they were somebody who is not there: most likely the name is
/// mistyped, and who had it would lose its addresses.
pub(super) fn nobodies(
    before: &Fabric,
    after: &Fabric,
    renamed: &BTreeMap<Name, Name>,
) -> Vec<Diagnostic> {
    if before.workloads.is_empty() {
        return Vec::new();
    }
    let new = after.workloads.iter().filter(|(name, one)| {
        let is_interface = matches!(one.attach, Attach::Interface { .. });
        !before.workloads.contains_key(*name) && !renamed.contains_key(*name) && !is_interface
    });
    let warn = |(name, one): (&Name, &netloom_model::fabric::Workload)| {
        let was = one.was.as_ref()?;
        let gone = before.workloads.keys().filter(|name| !after.workloads.contains_key(*name));
        let solution = match nearest(was, gone.map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`? Else leave `was` out"),
            None => "correct the name, or leave `was` out".to_owned(),
        };
        let cause = "there is no such workload in force, so it is a new one, with new addresses";
        let message = format!("`{name}` was `{was}`, whom nobody knows");
        let found = Diagnostic::error(code::WAS_NOBODY, &one.span, message, cause, solution);
        Some(Diagnostic { severity: Severity::Warning, ..found })
    };
    new.filter_map(warn).collect()
}
