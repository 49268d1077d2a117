//! Who an object is: a uid that stays while it is changed, and is another one when it is made anew.

use crate::record::{ObjectRecord, object_key};
use crate::world::World;
use aws_lc_rs::digest::{SHA256, digest};
use netloom_model::fabric::ObjectKind;
use std::fmt;

/// A UUID of version 8 (RFC 9562 §5.8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uid([u8; 16]);

impl Uid {
    /// Of the object that a revision of a fabric makes: the first 128 bits of the SHA-256 of the fabric's
    /// random id, section, name and revision, of which six say that it is a UUID. The same object is never
    /// made twice by one revision, and no two fabrics have one id, so nothing need be drawn or remembered
    /// for it to be the only one.
    fn made(fabric_id: u128, key: &str, revision: u64) -> Self {
        let text = format!("netloom uid {fabric_id:032x}/{key}@{revision}");
        let mut uid = [0; 16];
        uid.copy_from_slice(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
        uid[6] = 0x80 | (uid[6] & 0x0f);
        uid[8] = 0x80 | (uid[8] & 0x3f);
        Self(uid)
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", u128::from_be_bytes(self.0));
        let (a, b, c) = (&digits[..8], &digits[8..12], &digits[12..16]);
        write!(f, "{a}-{b}-{c}-{}-{}", &digits[16..20], &digits[20..])
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The record of an object that a revision makes.
pub(crate) fn record(world: &World, key: &str, revision: u64) -> ObjectRecord {
    ObjectRecord {
        uid: Uid::made(world.fabric_id(), key, revision).0,
        since: revision,
        named: None,
    }
}

impl World {
    /// Who an object is that is declared, by its uid.
    pub fn uid(&self, kind: ObjectKind, name: &str) -> Uid {
        Uid(self.object(kind, name).uid)
    }

    /// Who an object is that is declared. One that a version without uids has made is there from the beginning.
    pub(crate) fn object(&self, kind: ObjectKind, name: &str) -> ObjectRecord {
        let key = object_key(kind, name);
        let known = self.objects.get(&key).copied();
        known.unwrap_or_else(|| record(self, &key, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::Uid;

    #[test]
    fn a_uid_is_a_uuid_of_version_8_and_of_one_object_only() {
        let uid = Uid::made(7, "workloads/web", 3);
        let text = uid.to_string();
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&text[14..15], "8");
        assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"), "{text}");
        for other in [
            Uid::made(8, "workloads/web", 3),
            Uid::made(7, "nodes/web", 3),
            Uid::made(7, "workloads/web", 4),
        ] {
            assert_ne!(uid, other);
        }
        assert_eq!(uid, Uid::made(7, "workloads/web", 3));
    }
}
