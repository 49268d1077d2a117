//! The tables of the file, and the numbers in them.

use super::failure::Failure;
use redb::{Database, ReadableTable, Table, TableDefinition};

pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
pub(super) const CHUNKS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("chunks");
pub(super) const STAMPS: TableDefinition<'_, [u8; 32], u64> = TableDefinition::new("stamps");
pub(super) const HEAD: &str = "head";
pub(super) const HEAD_WRITTEN: &str = "head written";
const WRITTEN: &str = "written";

/// Makes the tables of an empty file.
pub(super) fn begin(database: &Database) -> Result<(), Failure> {
    let write = database.begin_write()?;
    write.open_table(META)?.insert(WRITTEN, 0_u64.to_be_bytes().as_slice())?;
    write.open_table(CHUNKS)?;
    write.open_table(STAMPS)?;
    Ok(write.commit()?)
}

/// That the tables are there. One that is lost must not look like one that is empty.
pub(super) fn check(database: &Database) -> Result<(), Failure> {
    let read = database.begin_read()?;
    let is_begun = read.open_table(META)?.get(WRITTEN)?.is_some();
    read.open_table(CHUNKS)?;
    read.open_table(STAMPS)?;
    if is_begun { Ok(()) } else { Err(Failure::damage("its tables are empty")) }
}

/// Whether `expected` is the head.
pub(super) fn has_head(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    expected: Option<&[u8]>,
) -> Result<bool, Failure> {
    Ok(meta.get(HEAD)?.as_ref().map(|head| head.value()) == expected)
}

/// A number of the meta table; 0 if it is not there.
pub(super) fn number(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    name: &'static str,
) -> Result<u64, Failure> {
    let Some(bytes) = meta.get(name)? else { return Ok(0) };
    let bytes = <[u8; 8]>::try_from(bytes.value());
    let bytes = bytes.map_err(|_| Failure::damage(format!("`{name}` is no number")))?;
    Ok(u64::from_be_bytes(bytes))
}

/// Counts one more write.
pub(super) fn next_stamp(
    meta: &mut Table<'_, &'static str, &'static [u8]>,
) -> Result<u64, Failure> {
    let full = || Failure::damage(format!("`{WRITTEN}` is at its end"));
    let stamp = number(meta, WRITTEN)?.checked_add(1).ok_or_else(full)?;
    meta.insert(WRITTEN, stamp.to_be_bytes().as_slice())?;
    Ok(stamp)
}
