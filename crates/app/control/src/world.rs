//! All that control knows at one commit of the store, in memory.

mod error;
mod input;
mod table;

pub use error::WorldError;
pub use table::{Shared, Table};

use crate::declared::Declared;
use crate::read::{directory, directory_entry, optional, records, required, resting};
use crate::record::{
    CURRENT, Current, FABRIC, FabricRecord, LeaseRecord, MemberRecord, NodeRecord, ObjectRecord,
    RestRecord, RevisionRecord, Standing, revision_name,
};
use netloom_control_protocol::ResourceKey;
use netloom_model::Fabric;
use netloom_model::lease::Leases;
use netloom_plan::input::Directory;
use netloom_plan::membership::Memberships;
use netloom_resource::{Difference, Topic, Whole};
use netloom_store::Snapshot;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use table::changed_table;

/// A revision, and what follows from it alone.
#[derive(Debug)]
pub struct Accepted {
    /// What is declared.
    pub declared: Declared,
    /// The same, checked.
    pub fabric: Fabric,
    /// Which nodes take part in which networks.
    pub memberships: Memberships,
    /// The topics of every node.
    pub topics: BTreeMap<String, BTreeSet<Topic>>,
}

impl Accepted {
    /// What follows from a checked fabric.
    pub(crate) fn new(declared: Declared, fabric: Fabric) -> Self {
        let memberships = Memberships::of(&fabric);
        let topics = netloom_resource::all_topics(&fabric, &memberships);
        Self { declared, fabric, memberships, topics }
    }
}

/// The state of one commit.
#[derive(Clone, Debug)]
pub struct World {
    /// Where all of it was read.
    snapshot: Snapshot,
    /// Number of the store's commit.
    pub version: u64,
    /// Who the fabric is.
    pub identity: FabricRecord,
    /// Number of the revision in force.
    pub revision: u64,
    /// What is declared, checked.
    pub accepted: Arc<Accepted>,
    /// Addresses.
    pub leases: Arc<Leases>,
    /// Until when addresses rest.
    pub rests: Arc<BTreeMap<String, RestRecord>>,
    /// Who objects are, by section and name.
    pub objects: Arc<BTreeMap<String, ObjectRecord>>,
    /// Nodes that have joined.
    pub nodes: imbl::OrdMap<String, Arc<NodeRecord>>,
    /// Keys and endpoints of those that take part.
    pub directory: Arc<Directory>,
    /// Members of control.
    pub members: Arc<BTreeMap<String, MemberRecord>>,
    /// Where they answer, if there are several.
    control: Arc<[String]>,
    /// What nodes need.
    pub table: Table,
}

impl World {
    /// Reads a snapshot. What `before` has and the snapshot does not change is taken from there;
    /// `accepted` is what the snapshot's revision declares, where that has been checked already.
    ///
    /// # Errors
    /// The store fails or does not hold what it should.
    pub fn read(
        snapshot: &Snapshot,
        before: Option<&Self>,
        accepted: Option<Arc<Accepted>>,
    ) -> Result<Self, WorldError> {
        let Current { revision } = required(snapshot, CURRENT)?;
        let Some(before) = before else { return Self::read_whole(snapshot, revision) };
        if before.revision == revision {
            return before.followed_by(snapshot, Arc::clone(&before.accepted), revision);
        }
        let accepted = match accepted {
            Some(accepted) => accepted,
            None => Arc::new(accept(snapshot, revision)?),
        };
        before.followed_by(snapshot, accepted, revision)
    }

    /// Reads all of a commit.
    fn read_whole(snapshot: &Snapshot, revision: u64) -> Result<Self, WorldError> {
        let identity: FabricRecord = required(snapshot, FABRIC)?;
        let accepted = Arc::new(accept(snapshot, revision)?);
        let leases = records::<LeaseRecord>(snapshot, "lease/")?;
        let rests = records::<RestRecord>(snapshot, "resting/")?;
        let objects = records::<ObjectRecord>(snapshot, "object/")?;
        let nodes = records::<NodeRecord>(snapshot, "node/")?;
        let directory = directory(&nodes);
        let members = records::<MemberRecord>(snapshot, "member/")?;
        let leases = Leases {
            workloads: leases.into_iter().map(|(name, lease)| (name, lease.addresses)).collect(),
            resting: rests.keys().filter_map(|name| resting(name)).collect(),
        };
        let mut world = Self {
            snapshot: snapshot.clone(),
            version: snapshot.version(),
            identity,
            revision,
            accepted,
            leases: Arc::new(leases),
            rests: Arc::new(rests),
            objects: Arc::new(objects),
            nodes: nodes.into_iter().map(|(name, node)| (name, Arc::new(node))).collect(),
            directory: Arc::new(directory),
            control: endpoints(&members),
            members: Arc::new(members),
            table: Table::new(),
        };
        let all = netloom_resource::resources(&world.whole());
        world.table = changed_table(&world.table, all)?;
        Ok(world)
    }

    /// The next commit: only what it changes is read, and only another revision is taken apart anew.
    fn followed_by(
        &self,
        snapshot: &Snapshot,
        accepted: Arc<Accepted>,
        revision: u64,
    ) -> Result<Self, WorldError> {
        let same = Arc::ptr_eq(&accepted, &self.accepted);
        let mut after = Self {
            snapshot: snapshot.clone(),
            version: snapshot.version(),
            accepted,
            revision,
            ..self.clone()
        };
        let (mut nodes, mut workloads) = (BTreeSet::new(), BTreeSet::new());
        for name in snapshot.changed_since(&self.snapshot)? {
            if let Some(node) = name.strip_prefix("node/") {
                let record: Option<NodeRecord> = optional(snapshot, &name)?;
                let entry = record.as_ref().and_then(directory_entry);
                if after.directory.nodes.get(node) != entry.as_ref() {
                    change(&mut Arc::make_mut(&mut after.directory).nodes, node, entry);
                }
                match record {
                    Some(record) => drop(after.nodes.insert(node.to_owned(), Arc::new(record))),
                    None => drop(after.nodes.remove(node)),
                }
                nodes.insert(node.to_owned());
            } else if let Some(workload) = name.strip_prefix("lease/") {
                let lease: Option<LeaseRecord> = optional(snapshot, &name)?;
                let addresses = lease.map(|lease| lease.addresses);
                change(&mut Arc::make_mut(&mut after.leases).workloads, workload, addresses);
                workloads.insert(workload.to_owned());
            } else if let Some(rest) = name.strip_prefix("resting/") {
                change(Arc::make_mut(&mut after.rests), rest, optional(snapshot, &name)?);
            } else if let Some(object) = name.strip_prefix("object/") {
                change(Arc::make_mut(&mut after.objects), object, optional(snapshot, &name)?);
            } else if let Some(member) = name.strip_prefix("member/") {
                change(Arc::make_mut(&mut after.members), member, optional(snapshot, &name)?);
            }
        }
        after.control = endpoints(&after.members);
        if !Arc::ptr_eq(&after.rests, &self.rests) {
            let resting = after.rests.keys().filter_map(|name| resting(name)).collect();
            Arc::make_mut(&mut after.leases).resting = resting;
        }
        if !same {
            let Difference { made, gone } =
                netloom_resource::difference(&self.whole(), &after.whole());
            for (kind, name) in gone {
                after.table.remove(&ResourceKey { kind: kind as u16, name });
            }
            after.table = changed_table(&after.table, made)?;
            return Ok(after);
        }
        let mut made = netloom_resource::resources_of(&after.whole(), &nodes, &workloads);
        if after.control != self.control {
            made.extend(netloom_resource::resource_of_fabric(&after.whole()));
        }
        after.table = changed_table(&after.table, made)?;
        Ok(after)
    }

    /// All of it, as planning and taking apart need it.
    pub fn whole(&self) -> Whole<'_> {
        Whole {
            fabric: &self.accepted.fabric,
            fabric_id: self.fabric_id(),
            leases: &self.leases,
            directory: &self.directory,
            memberships: &self.accepted.memberships,
            control: &self.control,
        }
    }

    /// The fabric's random id.
    pub fn fabric_id(&self) -> u128 {
        u128::from_be_bytes(self.identity.id)
    }

    /// Whether a node is declared, and admitted.
    pub fn is_member(&self, node: &str) -> bool {
        let approved =
            self.nodes.get(node).is_some_and(|record| record.standing == Standing::Approved);
        approved && self.accepted.fabric.nodes.contains_key(node)
    }
}

/// What nodes are told of where control answers. The only member is known to all of its nodes.
fn endpoints(members: &BTreeMap<String, MemberRecord>) -> Arc<[String]> {
    if members.len() < 2 {
        return Arc::new([]);
    }
    members.values().flat_map(|member| member.endpoints.iter().cloned()).collect()
}

/// Sets or removes an entry.
fn change<T>(entries: &mut BTreeMap<String, T>, name: &str, value: Option<T>) {
    match value {
        Some(value) => drop(entries.insert(name.to_owned(), value)),
        None => drop(entries.remove(name)),
    }
}

fn accept(snapshot: &Snapshot, revision: u64) -> Result<Accepted, WorldError> {
    let declared = read_declared(snapshot, revision)?;
    let mut loaded = declared.load();
    let fabric = loaded.fabric.take().ok_or_else(|| WorldError::Revision {
        revision,
        findings: netloom_model::diagnostic::render(&loaded.diagnostics, &loaded.sources),
    })?;
    Ok(Accepted::new(declared, fabric))
}

/// What was declared at a revision.
///
/// # Errors
/// The store fails, or has no such revision.
pub fn read_declared(snapshot: &Snapshot, revision: u64) -> Result<Declared, WorldError> {
    let record = read_revision(snapshot, revision)?;
    Ok(Declared { roots: record.roots, texts: record.texts, api: record.api })
}

/// A revision.
///
/// # Errors
/// The store fails, or has no such revision.
pub fn read_revision(snapshot: &Snapshot, revision: u64) -> Result<RevisionRecord, WorldError> {
    required(snapshot, &revision_name(revision))
}
