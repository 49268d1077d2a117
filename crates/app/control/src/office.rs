//! Where every change of the declared state goes through: proposed, committed, published.

mod applied;
mod error;
mod nodes;
mod planned;
mod revisions;

use crate::declared::Declared;
use crate::feeds::{Feeds, Sign};
use crate::observed::Observed;
use crate::proposal::{self, Effects, Origin, Proposal, Uids, uids_at};
use crate::questions::Questions;
use crate::reached::Revisions;
use crate::record::{CURRENT, Current, FABRIC, FabricRecord, RevisionRecord, revision_name};
use crate::world::{Accepted, World};
use netloom_cbor::to_bytes;
use netloom_model::tree::Remembered;
use netloom_store::{Change, CommitError, Snapshot, Store, UpdateError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use applied::Applied;
pub use error::OfficeError;

/// How often a change is proposed anew while others come first.
const ATTEMPTS_MAX: usize = 64;
/// Longest that connected nodes go first.
const NODES_FIRST: Duration = Duration::from_secs(1);

/// Control's core: the store, what is in memory of it, and what nodes have said.
pub struct Office {
    store: Store,
    inner: Mutex<Inner>,
    /// Held from a commit until memory has followed it, so that what was checked for the commit is
    /// not read and checked a second time by who follows the store.
    commits: Mutex<()>,
    /// The texts that were looked at last: the next ones are an edit of them.
    remembered: Mutex<Remembered>,
    notify: Box<dyn Fn(u64) + Send + Sync>,
    questions: Questions,
    sessions: AtomicU64,
}

struct Inner {
    world: Arc<World>,
    feeds: Feeds,
    revisions: Revisions,
    /// What nodes say that are connected here.
    observed: BTreeMap<String, Observed>,
    /// Number of the last change of that.
    sequence: u64,
    /// What nodes have said to other members, by member.
    elsewhere: BTreeMap<String, BTreeMap<String, Observed>>,
    /// Members that are heard: this one, and those whose exchange is open.
    heard: BTreeSet<String>,
}

impl std::fmt::Debug for Office {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Office").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Office {
    /// Begins a fabric in an empty store: an empty revision 0 of its name.
    ///
    /// # Errors
    /// The store fails.
    pub fn found(store: &Store, identity: &FabricRecord) -> Result<(), UpdateError<OfficeError>> {
        store.update(|snapshot| {
            if snapshot.get(FABRIC)?.is_some() {
                return Ok::<_, OfficeError>(Vec::new());
            }
            let empty = RevisionRecord {
                number: 0,
                time_ms: identity.made_ms,
                author: String::new(),
                message: "the beginning".to_owned(),
                roots: vec!["(none)".to_owned()],
                texts: BTreeMap::from([(
                    "(none)".to_owned(),
                    format!("version: 1\nfabric: {}\n", identity.name),
                )]),
                api: None,
                rollback_of: None,
                workloads: 0,
            };
            Ok(vec![
                put(FABRIC.to_owned(), to_bytes(identity)),
                put(CURRENT.to_owned(), to_bytes(&Current { revision: 0 })),
                put(revision_name(0), to_bytes(&empty)),
            ])
        })?;
        Ok(())
    }

    /// Opens the store of a fabric. `notify` is told the version of each commit once it is published.
    ///
    /// # Errors
    /// The store fails, or does not hold a fabric.
    pub fn open(
        store: Store,
        sign: Box<Sign>,
        notify: Box<dyn Fn(u64) + Send + Sync>,
    ) -> Result<Self, OfficeError> {
        let world = Arc::new(World::read(&store.snapshot()?, None, None)?);
        let (feeds, revisions) = (Feeds::new(&world, sign), Revisions::new(&world));
        let (observed, elsewhere) = (BTreeMap::new(), BTreeMap::new());
        let heard = BTreeSet::new();
        let inner = Inner { world, feeds, revisions, observed, sequence: 0, elsewhere, heard };
        let (inner, commits, remembered) = (Mutex::new(inner), Mutex::default(), Mutex::default());
        let (questions, sessions) = (Questions::default(), AtomicU64::default());
        Ok(Self { store, inner, commits, remembered, notify, questions, sessions })
    }

    /// What is in force.
    pub fn world(&self) -> Arc<World> {
        Arc::clone(&self.inner().world)
    }

    /// The store, for reading what is not in memory.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What is asked of nodes that are connected here.
    pub(crate) fn questions(&self) -> &Questions {
        &self.questions
    }

    /// A number that no session of a node has had.
    pub(crate) fn next_session(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commits(&self) -> MutexGuard<'_, ()> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // === declared state ===

    fn propose(
        &self,
        world: &World,
        declared: Declared,
        back: Option<&Uids>,
        now: u64,
    ) -> Result<Proposal, OfficeError> {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        proposal::propose(world, declared, &mut remembered, back, now).map_err(OfficeError::Refused)
    }

    /// Makes what is declared the next revision. With `expected`, only if that revision is in force.
    ///
    /// `declare` gives what is to be declared from what is: a file's part, or the API's.
    ///
    /// # Errors
    /// It is not accepted, or not stored; nothing has changed then.
    pub fn apply(
        &self,
        declare: impl Fn(&Declared) -> Declared,
        origin: &Origin,
        expected: Option<u64>,
    ) -> Result<Applied, OfficeError> {
        for _ in 0..ATTEMPTS_MAX {
            let snapshot = self.store.snapshot()?;
            let world = self.advance_to(&snapshot, None)?;
            if let Some(expected) = expected
                && expected != world.revision
            {
                return Err(OfficeError::Moved { expected, found: world.revision });
            }
            let declared = declare(&world.accepted.declared);
            let changed = declared != world.accepted.declared;
            let now = now_ms();
            let back = origin.rollback_of.map(|number| uids_at(&snapshot, &world, number));
            let back = back.transpose()?;
            let proposal = self.propose(&world, declared, back.as_ref(), now)?.kept();
            let proposal = proposal.map_err(OfficeError::Refused)?;
            if !changed {
                let (revision, effects) = (world.revision, Effects::of_nothing(&proposal));
                let (version, before) = (world.version, world);
                return Ok(Applied { revision, before, version, proposal, effects, changed });
            }
            let changes = proposal::changes(&world, &proposal, origin, now);
            let commits = self.commits();
            match self.store.commit(&snapshot, changes) {
                Ok(after) => {
                    let accepted = Some(Arc::clone(&proposal.accepted));
                    let revision = self.advance_to(&after, accepted)?.revision;
                    drop(commits);
                    // What is told of the change must not keep nodes from putting it in force.
                    self.wait_for_nodes(NODES_FIRST);
                    let effects = proposal::effects(&world, &proposal);
                    let (version, before) = (after.version(), world);
                    return Ok(Applied { revision, before, version, proposal, effects, changed });
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(OfficeError::Busy)
    }

    /// Goes back to a revision, as a new one. Addresses stay as they are. With `expected`, only if that
    /// revision is in force.
    ///
    /// # Errors
    /// There is no such revision, or it is not accepted any more.
    pub fn rollback(
        &self,
        number: u64,
        origin: &Origin,
        expected: Option<u64>,
    ) -> Result<Applied, OfficeError> {
        let declared = self.declared_at(number)?;
        let origin = Origin { rollback_of: Some(number), ..origin.clone() };
        self.apply(|_| declared.clone(), &origin, expected)
    }

    /// Follows what other control members have committed; gives whether there was anything.
    ///
    /// # Errors
    /// The store fails.
    pub fn follow(&self, timeout: Duration) -> Result<bool, OfficeError> {
        let version = self.world().version;
        match self.store.wait_for_change(version, timeout)? {
            Some(snapshot) => {
                let _commits = self.commits();
                self.advance_to(&snapshot, None).map(|_| true)
            }
            None => Ok(false),
        }
    }

    /// Takes a snapshot into memory and publishes what it changes, if it is newer.
    fn advance_to(
        &self,
        snapshot: &Snapshot,
        accepted: Option<Arc<Accepted>>,
    ) -> Result<Arc<World>, OfficeError> {
        let before = self.world();
        if snapshot.version() <= before.version {
            return Ok(before);
        }
        let after = Arc::new(World::read(snapshot, Some(&before), accepted)?);
        let mut inner = self.inner();
        if inner.world.version >= after.version {
            return Ok(Arc::clone(&inner.world));
        }
        let before = std::mem::replace(&mut inner.world, Arc::clone(&after));
        inner.feeds.advance(&before, &after);
        inner.revisions.advance(&after);
        drop(inner);
        (self.notify)(after.version);
        Ok(after)
    }
}

pub(crate) fn put(name: String, value: Vec<u8>) -> Change {
    Change::Put { name, value }
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
