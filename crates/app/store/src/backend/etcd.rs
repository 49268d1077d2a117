//! The backend of several members: etcd, by its JSON gateway.
//!
//! ```text
//! netloom/FABRIC/head             the head
//! netloom/FABRIC/chunk/SHA-256    a chunk; both in hexadecimal digits
//! ```
//!
//! Stamps are etcd's revisions. All reads are linearizable, so a member that was left behind gives nothing old. etcd keeps
//! what was overwritten until it is compacted: run it with `--auto-compaction-retention`.

mod gateway;
mod json;

use super::{Backend, Chunk, HEAD_BYTES_MAX, HeadRecord, Listed, Put, Stamp, Swap, SwapError};
use crate::chunk::ChunkId;
use crate::error::{Damage, StoreError};
use gateway::{Failure, Gateway, Knowledge};
use json::{Compare, KeyValue, Operation, RangeRequest, RangeResponse, TxnRequest, TxnResponse};
use std::time::{Duration, Instant};

/// How often the head is looked at while waiting for a change.
const LOOK: Duration = Duration::from_millis(200);

/// Where etcd is, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct EtcdSettings {
    /// URLs of its members, such as `https://10.0.0.1:2379`.
    pub endpoints: Vec<String>,
    /// The fabric whose store it is; several fabrics may share an etcd.
    pub fabric: u128,
    /// Keys and certificates, where the endpoints are `https`.
    pub tls: Option<EtcdTls>,
    /// How long connecting to a member may take.
    pub connect_timeout: Duration,
    /// How long a request may take. etcd itself gives up after about seven seconds.
    pub request_timeout: Duration,
    /// How long something that can be repeated is repeated, while no member answers.
    pub patience: Duration,
}

impl EtcdSettings {
    /// With the usual timeouts, and without TLS.
    #[must_use]
    pub fn new(endpoints: Vec<String>, fabric: u128) -> Self {
        Self {
            endpoints,
            fabric,
            tls: None,
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(5),
            patience: Duration::from_secs(20),
        }
    }
}

/// Whom to trust, and who we are. All as PEM.
#[derive(Clone)]
pub struct EtcdTls {
    /// Certificates of the authorities that sign etcd's certificates.
    pub authorities: Vec<u8>,
    /// Our certificate, with those that lead to its authority, and its key; where etcd asks for one.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

impl std::fmt::Debug for EtcdTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EtcdTls").field("client", &self.client.is_some()).finish_non_exhaustive()
    }
}

/// The backend of several members.
#[derive(Debug)]
pub struct EtcdBackend {
    gateway: Gateway,
    prefix: String,
}

impl EtcdBackend {
    /// Connects when it is first used.
    ///
    /// # Errors
    /// The settings contradict each other, or certificates cannot be read.
    pub fn new(settings: EtcdSettings) -> Result<Self, StoreError> {
        let prefix = format!("netloom/{:032x}/", settings.fabric);
        Ok(Self { gateway: Gateway::new(settings)?, prefix })
    }

    fn head_key(&self) -> Vec<u8> {
        format!("{}head", self.prefix).into_bytes()
    }

    fn chunk_key(&self, id: ChunkId) -> Vec<u8> {
        format!("{}chunk/{id}", self.prefix).into_bytes()
    }

    /// That `expected` is the head.
    fn has_head(&self, expected: Option<&[u8]>) -> Compare {
        match expected {
            Some(bytes) => Compare::value(self.head_key(), bytes.to_vec()),
            None => Compare::absent(self.head_key()),
        }
    }

    fn repeatable(&self, request: &TxnRequest) -> Result<TxnResponse, StoreError> {
        self.gateway.call_repeatedly("/v3/kv/txn", request)
    }

    fn malformed(&self, what: &str) -> StoreError {
        let damage = Damage::File(format!("etcd's answer is none: {what}"));
        StoreError::Damaged { place: self.place(), damage }
    }
}

impl Backend for EtcdBackend {
    fn place(&self) -> String {
        self.gateway.place()
    }

    fn read_head(&self) -> Result<Option<HeadRecord>, StoreError> {
        let request = RangeRequest { key: self.head_key(), ..RangeRequest::default() };
        let found: RangeResponse = self.gateway.call_repeatedly("/v3/kv/range", &request)?;
        Ok(found.kvs.into_iter().next().map(|KeyValue { mut value, mod_revision, .. }| {
            value.truncate(HEAD_BYTES_MAX);
            HeadRecord { bytes: value, written: Stamp(mod_revision) }
        }))
    }

    fn compare_and_swap_head(
        &self,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, SwapError> {
        let request = TxnRequest {
            compare: vec![self.has_head(expected)],
            success: vec![Operation::put(self.head_key(), new.to_vec())],
        };
        let answer: Result<TxnResponse, Failure> = self.gateway.call_once("/v3/kv/txn", &request);
        match answer {
            Ok(answer) if answer.succeeded => Ok(Swap::Done(Stamp(answer.header.revision))),
            Ok(_) => Ok(Swap::Moved),
            Err(Failure { error, known }) => Err(match known {
                Knowledge::NotDone => SwapError::Refused(error),
                Knowledge::Over => SwapError::Ended(error),
                Knowledge::Nothing => SwapError::Unsettled(error),
            }),
        }
    }

    fn get_chunks(&self, ids: &[ChunkId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let ranges = ids.iter().map(|id| Operation::get(self.chunk_key(*id)));
        let request = TxnRequest { compare: Vec::new(), success: ranges.collect() };
        let answer = self.repeatable(&request)?;
        if answer.responses.len() != ids.len() {
            return Err(self.malformed("it has not as many parts as were asked for"));
        }
        let found = answer.responses.into_iter().map(|response| {
            let range = response.response_range.unwrap_or_default();
            range.kvs.into_iter().next().map(|found| found.value)
        });
        Ok(found.collect())
    }

    fn put_chunks(&self, expected: Option<&[u8]>, chunks: &[Chunk<'_>]) -> Result<Put, StoreError> {
        let put =
            |chunk: &Chunk<'_>| Operation::put(self.chunk_key(chunk.id), chunk.bytes.to_vec());
        let request = TxnRequest {
            compare: vec![self.has_head(expected)],
            success: chunks.iter().map(put).collect(),
        };
        // Whether it is done once or twice is the same: under this head, with these bytes.
        let answer = self.repeatable(&request)?;
        Ok(if answer.succeeded { Put::Done } else { Put::Moved })
    }

    fn list_chunks(
        &self,
        after: Option<ChunkId>,
        count_max: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let start = format!("{}chunk/", self.prefix);
        let key = after.map_or_else(
            || start.clone().into_bytes(),
            // The least key after this one.
            |id| [self.chunk_key(id).as_slice(), b"\0"].concat(),
        );
        // `0` follows `/`.
        let range_end = format!("{}chunk0", self.prefix).into_bytes();
        let limit = count_max as u64;
        let request = RangeRequest { key, range_end, limit, keys_only: true };
        let found: RangeResponse = self.gateway.call_repeatedly("/v3/kv/range", &request)?;
        let listed = found.kvs.into_iter().map(|found| {
            let name =
                std::str::from_utf8(&found.key).ok().and_then(|key| key.strip_prefix(&start));
            let id = name.and_then(ChunkId::from_hex);
            let id = id.ok_or_else(|| self.malformed("a chunk has a key that is none"))?;
            Ok(Listed { id, written: Stamp(found.mod_revision) })
        });
        listed.collect()
    }

    fn delete_chunks(&self, listed: &[Listed]) -> Result<u64, StoreError> {
        let compare =
            |listed: &Listed| Compare::revision(self.chunk_key(listed.id), listed.written.0);
        let request = TxnRequest {
            compare: listed.iter().map(compare).collect(),
            success: listed
                .iter()
                .map(|listed| Operation::delete(self.chunk_key(listed.id)))
                .collect(),
        };
        if self.repeatable(&request)?.succeeded {
            return Ok(listed.len() as u64);
        }
        // One of them was written again, or is gone: each by itself then.
        match listed {
            [] | [_] => Ok(0),
            several => several.chunks(1).try_fold(0, |sum, one| Ok(sum + self.delete_chunks(one)?)),
        }
    }

    fn wait(&self, seen: &[u8], timeout: Duration) -> Result<(), StoreError> {
        let start = Instant::now();
        loop {
            let left = timeout.saturating_sub(start.elapsed());
            std::thread::sleep(left.min(LOOK));
            let is_same = self.read_head()?.is_some_and(|head| head.bytes == seen);
            if !is_same || left <= LOOK {
                return Ok(());
            }
        }
    }
}
