//! Writing chunks in transactions within the limits.

use crate::backend::{
    Backend, Chunk, OPERATION_BYTES, Put, TRANSACTION_BYTES_MAX, TRANSACTION_OPERATIONS_MAX,
};
use crate::chunk::ChunkId;
use crate::error::StoreError;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Writes chunks, each once, all under one head.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    backend: &'a dyn Backend,
    expected: Option<&'a [u8]>,
    batch: Vec<(ChunkId, Cow<'a, [u8]>)>,
    batch_bytes: usize,
    written: BTreeSet<ChunkId>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(backend: &'a dyn Backend, expected: Option<&'a [u8]>) -> Self {
        let (batch, written) = (Vec::new(), BTreeSet::new());
        Self { backend, expected, batch, batch_bytes: 0, written }
    }

    /// The head is compared in each transaction, which is an operation too.
    const OPERATIONS_MAX: usize = TRANSACTION_OPERATIONS_MAX - 1;
    const BYTES_MAX: usize = TRANSACTION_BYTES_MAX - 2 * OPERATION_BYTES;

    pub(crate) fn put(&mut self, id: ChunkId, bytes: Cow<'a, [u8]>) -> Result<Put, StoreError> {
        if !self.written.insert(id) {
            return Ok(Put::Done);
        }
        let more = bytes.len() + OPERATION_BYTES;
        let is_full =
            self.batch.len() == Self::OPERATIONS_MAX || self.batch_bytes + more > Self::BYTES_MAX;
        if is_full && self.flush()? == Put::Moved {
            return Ok(Put::Moved);
        }
        self.batch.push((id, bytes));
        self.batch_bytes += more;
        Ok(Put::Done)
    }

    pub(crate) fn flush(&mut self) -> Result<Put, StoreError> {
        if self.batch.is_empty() {
            return Ok(Put::Done);
        }
        let chunks = self.batch.iter().map(|(id, bytes)| Chunk { id: *id, bytes });
        let chunks: Vec<Chunk<'_>> = chunks.collect();
        let put = self.backend.put_chunks(self.expected, &chunks)?;
        self.batch.clear();
        self.batch_bytes = 0;
        Ok(put)
    }
}
