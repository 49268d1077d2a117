//! Answers of upstreams, kept for as long as they say, within bounds.

use super::exchange::Key;
use crate::data::Data;
use crate::kind::{Rcode, RecordType};
use crate::limits::{
    CACHE_ENTRIES_MAX, CACHE_ENTRY_BYTES_MAX, CACHE_NEGATIVE_TTL_SECONDS_MAX, CACHE_TTL_SECONDS_MAX,
};
use crate::message::Message;
use netloom_base::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The answers.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: BTreeMap<Key, Entry>,
    /// The same, by when they expire.
    by_expiry: BTreeSet<(Time, Key)>,
}

#[derive(Debug)]
struct Entry {
    answer: Message,
    stored: Time,
    expires: Time,
}

impl Cache {
    /// An answer that is still good, and its age in seconds.
    pub(super) fn get(&mut self, now: Time, key: &Key) -> Option<(&Message, u32)> {
        self.expire(now);
        let entry = self.entries.get(key)?;
        let age = u32::try_from((now - entry.stored).as_secs()).unwrap_or(u32::MAX);
        Some((&entry.answer, age))
    }

    /// Keeps an answer if it may be kept.
    pub(super) fn insert(&mut self, now: Time, key: Key, answer: Message) {
        let Some(ttl_seconds) = ttl_seconds(&answer) else { return };
        if ttl_seconds == 0 || answer.to_bytes(usize::MAX).len() > CACHE_ENTRY_BYTES_MAX {
            return;
        }
        self.expire(now);
        self.remove(&key);
        if self.entries.len() >= CACHE_ENTRIES_MAX
            && let Some((_, first)) = self.by_expiry.pop_first()
        {
            self.entries.remove(&first);
        }
        let expires = now + Duration::from_secs(u64::from(ttl_seconds));
        self.by_expiry.insert((expires, key.clone()));
        self.entries.insert(key, Entry { answer, stored: now, expires });
    }

    fn expire(&mut self, now: Time) {
        while let Some((expires, _)) = self.by_expiry.first()
            && *expires <= now
            && let Some((_, key)) = self.by_expiry.pop_first()
        {
            self.entries.remove(&key);
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_expiry.remove(&(entry.expires, key.clone()));
        }
    }
}

/// For how long an answer may be kept; `None` if not at all.
fn ttl_seconds(answer: &Message) -> Option<u32> {
    if answer.header.truncated {
        return None;
    }
    let records = answer.answers.iter().chain(&answer.authorities).chain(&answer.additionals);
    let least = records.map(|record| record.ttl_seconds).min();
    if answer.header.rcode == Rcode::NOERROR && !answer.answers.is_empty() {
        return least.map(|least| least.min(CACHE_TTL_SECONDS_MAX));
    }
    // Without an SOA a negative answer is not kept (RFC 2308 §5).
    let soa = answer.authorities.iter().find(|record| record.record_type == RecordType::SOA)?;
    let Data::Authority { negative_ttl_seconds, .. } = Data::of(soa) else { return None };
    least.map(|least| least.min(negative_ttl_seconds).min(CACHE_NEGATIVE_TTL_SECONDS_MAX))
}
