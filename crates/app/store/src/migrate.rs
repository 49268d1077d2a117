//! From format 0, where one manifest had all names, to format 1.
//!
//! The values are read and written again under the old head, and the head is swapped once: whoever opens the store meanwhile,
//! or after a migration that was broken off, finds the old format whole. What it consisted of is garbage afterwards.

use crate::backend::{Put, Swap, SwapError};
use crate::chunk::ChunkId;
use crate::commit::{draw_commit_id, now_ms};
use crate::edit::{Edit, NameChange};
use crate::encoding::{Malformed, Reader};
use crate::error::{Damage, StoreError};
use crate::head::Head;
use crate::input::{NAME_BYTES_MAX, SECTIONS_MAX, VALUE_BYTES_MAX, parts};
use crate::reader::Chunks;
use crate::root::{Root, Section};
use crate::value::cut;
use crate::writer::Writer;
use std::borrow::Cow;
use std::collections::BTreeMap;

const MAGIC: &[u8; 4] = b"NLM\0";
/// Longest chunk of a value in format 0.
const CHUNK_BYTES_MAX: usize = 256 * 1024;
/// Longest manifest in format 0.
const MANIFEST_BYTES_MAX: usize = 512 * 1024;

/// An entry of the manifest.
struct Entry<'a> {
    section: &'a str,
    name: &'a str,
    bytes: usize,
    chunks: Vec<ChunkId>,
}

/// Makes a format 1 of the format 0 whose head is `expected`. If others do so first, theirs counts.
pub(crate) fn from_flat(
    chunks: &Chunks,
    expected: &[u8],
    number: u64,
    manifest: ChunkId,
) -> Result<(), StoreError> {
    let malformed = |why| chunks.damaged(Damage::Malformed(manifest, why));
    let bytes = chunks.read(&[(manifest, MANIFEST_BYTES_MAX)])?.concat();
    let entries = entries(&bytes).map_err(malformed)?;
    let number = number.checked_add(1).ok_or_else(|| malformed("no number comes after its own"))?;
    let mut writer = Writer::new(&*chunks.backend, Some(expected));
    let mut by_section: BTreeMap<&str, Vec<NameChange>> = BTreeMap::new();
    for entry in &entries {
        let value = value(chunks, entry)?;
        let cut = cut(&value);
        let index = cut.index.iter().map(|(id, bytes)| (*id, bytes.as_slice()));
        for (id, bytes) in cut.chunks.iter().copied().chain(index) {
            if writer.put(id, Cow::Owned(bytes.to_vec()))? == Put::Moved {
                return Ok(());
            }
        }
        let names = by_section.entry(entry.section).or_default();
        names.push((entry.name.to_owned(), Some(cut.place)));
    }
    if by_section.len() > SECTIONS_MAX {
        return Err(malformed("it has too many sections"));
    }
    let mut sections = Vec::new();
    for (name, names) in by_section {
        let mut edit = Edit::new(chunks);
        let Some(top) = edit.apply(None, &names)? else { continue };
        let name = name.to_owned();
        sections.push(Section { name, page: top.id, bytes: top.bytes, names: top.names });
        for (id, (_, bytes)) in edit.fresh {
            if writer.put(id, Cow::Owned(bytes))? == Put::Moved {
                return Ok(());
            }
        }
    }
    let commit_id = draw_commit_id(chunks)?;
    let root = Root { number, commit_id, at_ms: now_ms(), parent: None, sections }.encode();
    let id = ChunkId::of(&root);
    if writer.put(id, Cow::Owned(root))? == Put::Moved || writer.flush()? == Put::Moved {
        return Ok(());
    }
    let head = Head { number, sweeps: 0, floor: number, root: id };
    match chunks.backend.compare_and_swap_head(Some(expected), &head.encode()) {
        // In the latter case the head says what became of it, when it is read again.
        Ok(Swap::Done(_) | Swap::Moved) | Err(SwapError::Unsettled(_)) => Ok(()),
        Err(SwapError::Refused(error) | SwapError::Ended(error) | SwapError::Doubtful(error)) => {
            Err(error)
        }
    }
}

fn value(chunks: &Chunks, entry: &Entry<'_>) -> Result<Vec<u8>, StoreError> {
    let places: Vec<(ChunkId, usize)> =
        entry.chunks.iter().map(|id| (*id, CHUNK_BYTES_MAX)).collect();
    let value = chunks.read(&places)?.concat();
    match entry.chunks.first() {
        Some(first) if value.len() != entry.bytes => {
            let why = "the value that begins with it is not as long as it should be";
            Err(chunks.damaged(Damage::Malformed(*first, why)))
        }
        _ => Ok(value),
    }
}

fn entries(manifest: &[u8]) -> Result<Vec<Entry<'_>>, Malformed> {
    let mut reader = Reader(manifest);
    reader.magic(MAGIC)?;
    let count = reader.varint()?;
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut last = None;
    for _ in 0..count {
        let name = std::str::from_utf8(reader.bytes(NAME_BYTES_MAX)?);
        let name = name.map_err(|_| "a name is not UTF-8")?;
        if last.is_some_and(|last| last >= name) {
            return Err("its names are not in order");
        }
        last = Some(name);
        let (section, rest) = parts(name).map_err(|_| "a name is not `section/name`")?;
        let bytes = usize::try_from(reader.varint()?).map_err(|_| "a value is too long")?;
        let chunks = reader.varint()?;
        if bytes > VALUE_BYTES_MAX || chunks != bytes.div_ceil(CHUNK_BYTES_MAX) as u64 {
            return Err("a value has not as many chunks as its length needs");
        }
        let chunks: Vec<ChunkId> =
            (0..chunks).map(|_| reader.chunk_id()).collect::<Result<_, _>>()?;
        entries.push(Entry { section, name: rest, bytes, chunks });
    }
    reader.end()?;
    // By section they are in order too: within one, all begin alike.
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_manifest_or_an_error(bytes: Vec<u8>) {
            let _ = entries(&bytes);
            let mut marked = MAGIC.to_vec();
            marked.extend(bytes);
            let _ = entries(&marked);
        }
    }
}
