//! The store on its backends: the conformance suite, damage, formats, crashes and full disks.

mod conformance;
mod crashes;
mod damage;
mod etcd;
