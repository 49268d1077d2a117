//! Commits: chunks first, in small transactions that nobody sees, then one swap of the head.

use crate::backend::{Put, Swap, SwapError};
use crate::chunk::ChunkId;
use crate::edit::{Edit, NameChange};
use crate::error::{CommitError, Damage, StoreError};
use crate::head::Head;
use crate::inner::Inner;
use crate::input::{InputError, SECTIONS_MAX, VALUE_BYTES_MAX, parts};
use crate::page::Page;
use crate::reader::Chunks;
use crate::root::{COMMIT_ID_BYTES, Root, Section};
use crate::settle::{self, Pending};
use crate::snapshot::Snapshot;
use crate::store::pause;
use crate::value::{Cut, cut};
use crate::writer::Writer;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

/// How often a commit is begun again because garbage was collected meanwhile.
const RESTARTS_MAX: u32 = 16;

/// One change of a commit.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// Gives a name a value, new or instead of the one it has.
    Put {
        /// `section/name`.
        name: String,
        /// The value.
        value: Vec<u8>,
    },
    /// Removes a name, if it is there.
    Delete {
        /// `section/name`.
        name: String,
    },
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // Values may be long, and may be secret.
            Self::Put { name, value } => write!(f, "Put({name:?}, {} bytes)", value.len()),
            Self::Delete { name } => write!(f, "Delete({name:?})"),
        }
    }
}

/// Names by section, each with its value cut, or none if it goes.
type Wanted<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Option<&'a [u8]>>>;

/// Pages that were written, with their bytes.
type Pages = Vec<(ChunkId, (Arc<Page>, Vec<u8>))>;

/// What became of an attempt.
enum Attempt {
    Done(Snapshot),
    /// The head is another one; perhaps only because garbage is collected.
    Moved,
}

pub(crate) fn commit(
    inner: &Arc<Inner>,
    base: &Snapshot,
    changes: &[Change],
) -> Result<Snapshot, CommitError> {
    let wanted = wanted(changes)?;
    for restart in 0..RESTARTS_MAX {
        let (record, head) = inner.head()?;
        if head.root != base.root() {
            return Err(CommitError::Conflict { current: head.number });
        }
        match attempt(inner, base, &wanted, &head, record.bytes) {
            Ok(Attempt::Done(snapshot)) => return Ok(snapshot),
            Ok(Attempt::Moved) => pause(restart),
            Err(CommitError::Store(error)) => {
                // What the base consists of can go once another commit came first.
                return match inner.expired::<()>(base.version(), Err(error)) {
                    Err(StoreError::Expired { .. }) => {
                        Err(CommitError::Conflict { current: inner.head()?.1.number })
                    }
                    Err(error) => Err(error.into()),
                    Ok(()) => continue,
                };
            }
            Err(error) => return Err(error),
        }
    }
    Err(inner.contended(RESTARTS_MAX).into())
}

/// Checks changes; of several for one name the last counts.
fn wanted(changes: &[Change]) -> Result<Wanted<'_>, InputError> {
    let mut wanted = Wanted::new();
    for change in changes {
        let (name, value) = match change {
            Change::Put { name, value } => (name, Some(value.as_slice())),
            Change::Delete { name } => (name, None),
        };
        let (section, rest) = parts(name)?;
        if let Some(bytes) = value.map(<[u8]>::len).filter(|bytes| *bytes > VALUE_BYTES_MAX) {
            return Err(InputError::ValueTooLarge { name: name.clone(), bytes });
        }
        wanted.entry(section).or_default().insert(rest, value);
    }
    Ok(wanted)
}

fn attempt(
    inner: &Arc<Inner>,
    base: &Snapshot,
    wanted: &Wanted<'_>,
    head: &Head,
    expected: Vec<u8>,
) -> Result<Attempt, CommitError> {
    let chunks = &inner.chunks;
    let mut writer = Writer::new(&*chunks.backend, Some(&expected));
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    sections.extend(
        base.view.root.sections.iter().map(|section| (section.name.clone(), section.clone())),
    );
    let (mut pages, mut is_changed) = (Vec::new(), false);
    for (name, names) in wanted {
        let names = effective(base, name, names)?;
        if names.is_empty() {
            continue;
        }
        is_changed = true;
        let Some(changes) = write_values(&mut writer, &names)? else { return Ok(Attempt::Moved) };
        let mut edit = Edit::new(chunks);
        let page = sections.get(*name).map(|section| section.page);
        match edit.apply(page, &changes)? {
            None => drop(sections.remove(*name)),
            Some(top) => {
                let name = (*name).to_owned();
                let section = Section {
                    name: name.clone(),
                    page: top.id,
                    bytes: top.bytes,
                    names: top.names,
                };
                sections.insert(name, section);
            }
        }
        pages.extend(edit.fresh);
    }
    if !is_changed {
        return Ok(Attempt::Done(base.clone()));
    }
    if let Some(section) = sections.keys().nth(SECTIONS_MAX) {
        return Err(InputError::TooManySections { section: section.clone() }.into());
    }
    for (id, (_, bytes)) in &pages {
        if writer.put(*id, Cow::Borrowed(bytes))? == Put::Moved {
            return Ok(Attempt::Moved);
        }
    }
    let root = next_root(chunks, base, sections.into_values().collect())?;
    let bytes = root.encode();
    let id = ChunkId::of(&bytes);
    if writer.put(id, Cow::Owned(bytes))? == Put::Moved || writer.flush()? == Put::Moved {
        return Ok(Attempt::Moved);
    }
    let new = Head { number: root.number, root: id, ..*head }.encode();
    drop(writer);
    publish(inner, Pending { expected, new, root: id, manifest: root }, pages)
}

/// What of a section's changes changes something, with values cut.
fn effective<'a>(
    base: &Snapshot,
    section: &str,
    names: &BTreeMap<&'a str, Option<&'a [u8]>>,
) -> Result<Vec<(&'a str, Option<Cut<'a>>)>, StoreError> {
    let mut changes = Vec::new();
    for (name, value) in names {
        let value = value.map(cut);
        let present = base.find(&format!("{section}/{name}"))?;
        if present != value.as_ref().map(|cut| cut.place) {
            changes.push((*name, value));
        }
    }
    Ok(changes)
}

/// Writes values; nothing if the head has moved.
fn write_values<'a>(
    writer: &mut Writer<'a>,
    names: &[(&str, Option<Cut<'a>>)],
) -> Result<Option<Vec<NameChange>>, StoreError> {
    let mut changes = Vec::with_capacity(names.len());
    for (name, value) in names {
        if let Some(cut) = value {
            let chunks = cut.chunks.iter().map(|(id, bytes)| (*id, Cow::Borrowed(*bytes)));
            let index = cut.index.iter().map(|(id, bytes)| (*id, Cow::Owned(bytes.clone())));
            for (id, bytes) in chunks.chain(index) {
                if writer.put(id, bytes)? == Put::Moved {
                    return Ok(None);
                }
            }
        }
        changes.push(((*name).to_owned(), value.as_ref().map(|cut| cut.place)));
    }
    Ok(Some(changes))
}

fn next_root(chunks: &Chunks, base: &Snapshot, sections: Vec<Section>) -> Result<Root, StoreError> {
    let number = base.version().checked_add(1).ok_or_else(|| {
        chunks.damaged(Damage::Malformed(base.root(), "no number comes after its number"))
    })?;
    Ok(Root {
        number,
        commit_id: draw_commit_id(chunks)?,
        at_ms: now_ms(),
        parent: Some(base.root()),
        sections,
    })
}

/// Swaps the head, and finds out whether that took effect.
fn publish(inner: &Arc<Inner>, pending: Pending, pages: Pages) -> Result<Attempt, CommitError> {
    let gate = inner.gate();
    match inner.chunks.backend.compare_and_swap_head(Some(&pending.expected), &pending.new) {
        Ok(Swap::Done(_)) => {
            let snapshot = inner.hold(pending.root, pending.manifest);
            drop(gate);
            for (id, (page, _)) in pages {
                inner.chunks.keep(id, page);
            }
            Ok(Attempt::Done(snapshot))
        }
        Ok(Swap::Moved) => Ok(Attempt::Moved),
        Err(SwapError::Refused(error)) => Err(error.into()),
        Err(SwapError::Doubtful(cause)) => {
            Err(CommitError::Unknown { pending: Box::new(pending), cause: Box::new(cause) })
        }
        Err(error @ (SwapError::Ended(_) | SwapError::Unsettled(_))) => {
            drop(gate);
            settle::after_failure(inner, &pending, error).map(Attempt::Done)
        }
    }
}

/// Milliseconds since 1970. It decides how long old roots are kept, and nothing else.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(crate) fn draw_commit_id(chunks: &Chunks) -> Result<[u8; COMMIT_ID_BYTES], StoreError> {
    let mut id = [0; COMMIT_ID_BYTES];
    let drawn = aws_lc_rs::rand::fill(&mut id);
    let cause = "the system gives no random numbers".to_owned();
    drawn.map_err(|_| StoreError::Io { place: chunks.backend.place(), cause })?;
    Ok(id)
}
