//! The store on its backends: the conformance suite, damage, formats, crashes and full disks.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod conformance;
mod crashes;
mod damage;
mod etcd;
mod formats;
mod full;
