//! What a change would do, and what it writes: decided without touching anything.

mod addresses;
mod objects;
mod renamed;

use crate::declared::Declared;
use crate::record::{CURRENT, Current, RevisionRecord, revision_name};
use crate::world::{Accepted, World};
use addresses::Assigned;
use netloom_cbor::to_bytes;
use netloom_change::{Flows, NODES_MAX, NodeChange, Operations};
use netloom_model::fabric::Name;
use netloom_model::lease::Leases;
use netloom_model::tree::Remembered;
use netloom_model::{Diagnostic, Severity};
use netloom_plan::assumed::Assumed;
use netloom_plan::promises::{self, Broken};
use netloom_resource::Whole;
use netloom_store::Change;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use renamed::Uids;
pub(crate) use renamed::uids_at;

/// How long a released address rests, in milliseconds: whoever still knows it must not reach
/// somebody else.
pub const REST_MS: u64 = 24 * 60 * 60 * 1000;

/// Why something declared is not accepted.
#[derive(Clone, Debug)]
pub enum Refused {
    /// It has errors.
    Errors {
        /// All findings, warnings too.
        findings: Vec<Diagnostic>,
        /// The texts that they stand in.
        sources: BTreeMap<String, String>,
    },
    /// Its own tests do not hold.
    BrokenTests(Vec<Broken>),
    /// It is another fabric's.
    OtherFabric {
        /// Its name.
        found: String,
        /// The name of control's fabric.
        own: String,
    },
}

/// A change that could be made.
#[derive(Debug)]
pub struct Proposal {
    /// What would be declared, checked.
    pub accepted: Arc<Accepted>,
    /// Warnings of what is read; those of what it means are among its [`Effects`].
    pub warnings: Vec<Diagnostic>,
    /// Addresses as they would be.
    pub leases: Leases,
    /// Networks, before and after the change, in which they may be others than before.
    readdressed: BTreeSet<Name>,
    /// Workloads that are called otherwise: their names now by those from then on.
    pub renamed: BTreeMap<Name, Name>,
    /// How many tests the file has.
    pub tests: usize,
    /// Those of them that do not hold.
    pub broken: Vec<Broken>,
}

/// What is told of a proposal: what it does to nodes and flows, and what may not be meant. It decides
/// nothing, so an apply finds it out while the nodes are at work already.
#[derive(Debug, Default)]
pub struct Effects {
    /// Warnings of the fabric as it would be.
    pub warnings: Vec<Diagnostic>,
    /// What changes on each node.
    pub nodes: BTreeMap<String, NodeChange>,
    /// Nodes beyond those, which were too many to plan.
    pub not_planned: usize,
    /// Which flows open or close.
    pub flows: Flows,
}

impl Effects {
    /// Of a proposal that is in force already.
    pub fn of_nothing(proposal: &Proposal) -> Self {
        let warnings = netloom_plan::findings::findings(&proposal.accepted.fabric);
        Self { warnings, ..Self::default() }
    }
}

/// Who changes something, and why.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Who.
    pub author: String,
    /// Why.
    pub message: String,
    /// The revision that is gone back to, if it is.
    pub rollback_of: Option<u64>,
}

/// What would change if `declared` were in force, of which what is `remembered` is not parsed again.
/// `now_ms` is milliseconds since 1970; `back` has the uids of the revision that is gone back to, if one is.
///
/// # Errors
/// It cannot be accepted.
pub fn propose(
    world: &World,
    declared: Declared,
    remembered: &mut Remembered,
    back: Option<&Uids>,
    now_ms: u64,
) -> Result<Proposal, Refused> {
    let mut loaded = declared.load_edited(remembered);
    let Some(fabric) = loaded.fabric.take() else {
        return Err(Refused::Errors { findings: loaded.diagnostics, sources: loaded.sources });
    };
    if fabric.name != world.identity.name {
        return Err(Refused::OtherFabric { found: fabric.name, own: world.identity.name.clone() });
    }
    let renamed = renamed::of(world, &fabric, back);
    let assigned = addresses::assigned(world, &fabric, &renamed, now_ms);
    let Assigned { leases, networks: readdressed } = match assigned {
        Ok(assigned) => assigned,
        Err(exhausted) => {
            let findings = loaded.diagnostics.into_iter().chain(exhausted).collect();
            return Err(Refused::Errors { findings, sources: loaded.sources });
        }
    };
    let broken = match fabric.tests.is_empty() {
        true => Vec::new(),
        false => promises::broken(&fabric, &Assumed::with(&fabric, leases.clone())),
    };
    let found = loaded.diagnostics.into_iter();
    let mut warnings: Vec<Diagnostic> =
        found.filter(|found| found.severity == Severity::Warning).collect();
    if back.is_none() {
        warnings.extend(renamed::nobodies(&world.accepted.fabric, &fabric, &renamed));
    }
    let accepted = Arc::new(Accepted::new(declared, fabric));
    let tests = accepted.fabric.tests.len();
    Ok(Proposal { accepted, warnings, leases, readdressed, renamed, tests, broken })
}

impl Proposal {
    /// The same, if it may be made: its own tests hold.
    ///
    /// # Errors
    /// They do not.
    pub fn kept(self) -> Result<Self, Refused> {
        if self.broken.is_empty() { Ok(self) } else { Err(Refused::BrokenTests(self.broken)) }
    }
}

/// What a proposal means for `world`, which it was made for.
pub fn effects(world: &World, proposal: &Proposal) -> Effects {
    let Proposal { accepted, leases, .. } = proposal;
    let before = world.whole();
    let after = Whole {
        fabric: &accepted.fabric,
        fabric_id: world.fabric_id(),
        leases,
        directory: &world.directory,
        memberships: &accepted.memberships,
        control: before.control,
    };
    let Operations { nodes, not_planned } = netloom_change::operations(&before, &after, NODES_MAX);
    let warnings = netloom_plan::findings::findings(&accepted.fabric);
    Effects { warnings, nodes, not_planned, flows: netloom_change::flows(&before, &after) }
}

/// What a proposal writes. The store makes all of it, or nothing.
pub fn changes(world: &World, proposal: &Proposal, origin: &Origin, now_ms: u64) -> Vec<Change> {
    let number = world.revision + 1;
    let record = RevisionRecord {
        number,
        time_ms: now_ms,
        author: origin.author.clone(),
        message: origin.message.clone(),
        roots: proposal.accepted.declared.roots.clone(),
        texts: proposal.accepted.declared.texts.clone(),
        api: proposal.accepted.declared.api.clone(),
        rollback_of: origin.rollback_of,
        workloads: proposal.accepted.fabric.workloads.len() as u64,
    };
    let put = |name: String, value: Vec<u8>| Change::Put { name, value };
    let mut changes = vec![
        put(revision_name(number), to_bytes(&record)),
        put(CURRENT.to_owned(), to_bytes(&Current { revision: number })),
    ];
    changes.extend(addresses::changes(world, proposal, now_ms));
    changes.extend(objects::changes(world, proposal, number));
    changes
}

#[cfg(test)]
mod tests;
