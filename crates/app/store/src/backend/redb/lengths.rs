//! Storage whose length lasts at once.
//!
//! redb notes a file's new length in the same sync with which the file becomes that long. A power cut between may keep the
//! note and lose the length, and redb refuses such a file for good. So each change of length is made to last before anything
//! that rests on it is written; changes are rare.

use redb::StorageBackend;
use std::io;

/// Storage whose length lasts at once.
#[derive(Debug)]
pub(super) struct LastingLengths<S>(pub(super) S);

impl<S: StorageBackend> StorageBackend for LastingLengths<S> {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.0.read(offset, len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)?;
        self.0.sync_data(false)
    }

    fn sync_data(&self, eventual: bool) -> io::Result<()> {
        self.0.sync_data(eventual)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}
