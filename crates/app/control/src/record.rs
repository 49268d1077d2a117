//! What the store holds: records of CBOR under names. Keys and names stay what they are for good.
//!
//! | name | record |
//! |---|---|
//! | `fabric/identity` | [`FabricRecord`] |
//! | `fabric/current` | number of the revision in force, as [`Current`] |
//! | `revision/NNNNNNNNNN` | [`RevisionRecord`] |
//! | `lease/WORKLOAD` | [`LeaseRecord`] |
//! | `resting/NETWORK/ADDRESS` | [`RestRecord`] |
//! | `object/SECTION/NAME` | [`ObjectRecord`] |
//! | `former/WORKLOAD/NNNNNNNNNN` | [`FormerRecord`] of a name that a revision took from it |
//! | `node/NAME` | [`NodeRecord`] |
//! | `member/NAME` | [`MemberRecord`] of the member of control on that node |
//! | `token/ID`, `access/ID` | what admits nodes, and what admits people and programs |
//!
//! What nodes report of themselves never comes here: a heartbeat is not worth a commit.

use netloom_model::fabric::ObjectKind;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// Longest name.
const NAME_BYTES_MAX: usize = 63;
/// Longest free text.
const TEXT_BYTES_MAX: usize = 4096;
/// Longest file.
const FILE_BYTES_MAX: usize = 16 << 20;
/// Most files, networks, addresses in one record.
const LIST_MAX: usize = 65_536;

/// Name of [`FabricRecord`].
pub const FABRIC: &str = "fabric/identity";
/// Name of [`Current`].
pub const CURRENT: &str = "fabric/current";

/// Name of a revision: numbers sort as they count.
pub fn revision_name(number: u64) -> String {
    format!("revision/{number:010}")
}

/// Name of a lease.
pub fn lease_name(workload: &str) -> String {
    format!("lease/{workload}")
}

/// Name of an address's rest.
pub fn rest_name(network: &str, address: IpAddr) -> String {
    format!("resting/{network}/{address}")
}

/// Name of an object's record.
pub fn object_name(kind: ObjectKind, name: &str) -> String {
    format!("object/{}", object_key(kind, name))
}

/// Where former names of workloads are.
pub(crate) const FORMER: &str = "former/";

/// Name of the record of a name that a revision took from a workload.
pub fn former_name(workload: &str, until: u64) -> String {
    format!("{FORMER}{workload}/{until:010}")
}

/// What tells an object from all others that are declared with it: `SECTION/NAME`.
pub(crate) fn object_key(kind: ObjectKind, name: &str) -> String {
    format!("{}/{name}", kind.section())
}

/// Name of a node's record.
pub fn node_name(node: &str) -> String {
    format!("node/{node}")
}

/// Name of a member's record.
pub fn member_name(member: &str) -> String {
    format!("member/{member}")
}

netloom_cbor::record! {
    /// A member of control.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct MemberRecord {
        /// Where nodes and other members reach it, each `host:port`.
        0 => pub endpoints: Vec<String> [max LIST_MAX],
    }
}

netloom_cbor::record! {
    /// Who the fabric is.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct FabricRecord {
        /// Its random id.
        0 => pub id: [u8; 16],
        /// Its name.
        1 => pub name: String [max NAME_BYTES_MAX],
        /// When it was made: milliseconds since 1970.
        2 => pub made_ms: u64,
    }
}

netloom_cbor::record! {
    /// Which revision is in force.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Current {
        /// Its number; 0 before the first.
        0 => pub revision: u64,
    }
}

netloom_cbor::record! {
    /// All that was declared at one time, by every owner.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RevisionRecord {
        /// Its number, from 1.
        0 => pub number: u64,
        /// When: milliseconds since 1970.
        1 => pub time_ms: u64,
        /// Who.
        2 => pub author: String [max TEXT_BYTES_MAX],
        /// Why.
        3 => pub message: String [max TEXT_BYTES_MAX],
        /// The files that were named, as the user named them.
        4 => pub roots: Vec<String> [max LIST_MAX],
        /// Texts of these files and of those that they include.
        5 => pub texts: BTreeMap<String, String> [max FILE_BYTES_MAX],
        /// What was declared through the API, as a file of its own.
        6 => pub api: Option<String> [max FILE_BYTES_MAX],
        /// The revision that this one goes back to, if it does.
        7 => pub rollback_of: Option<u64>,
        /// How many workloads it declares.
        8 => pub workloads: u64,
    }
}

netloom_cbor::record! {
    /// The addresses of a workload.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LeaseRecord {
        /// In the order of its subnet's prefixes.
        0 => pub addresses: Vec<IpAddr> [max LIST_MAX],
        /// The network that they are of.
        1 => pub network: String [max NAME_BYTES_MAX],
    }
}

netloom_cbor::record! {
    /// An address that is given to nobody else for a while.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct RestRecord {
        /// Until when: milliseconds since 1970.
        0 => pub until_ms: u64,
        /// The workload that had it, and gets it again if it comes back. Former versions neither wrote
        /// nor read it: what they put to rest is nobody's.
        1 => pub owner: Option<String> [max NAME_BYTES_MAX],
    }
}

netloom_cbor::record! {
    /// Who an object is. What was declared before there were such records has none.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ObjectRecord {
        /// Its uid, which no other object of any fabric has or had.
        0 => pub uid: [u8; 16],
        /// The revision that made it.
        1 => pub since: u64,
        /// The revision that gave it its name, where it had another one before.
        2 => pub named: Option<u64>,
    }
}

impl ObjectRecord {
    /// The revision from which it has its name.
    pub fn named(&self) -> u64 {
        self.named.unwrap_or(self.since)
    }
}

netloom_cbor::record! {
    /// Who had a name that it has no more, since it was renamed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct FormerRecord {
        /// Its uid.
        0 => pub uid: [u8; 16],
        /// The revision from which it had the name.
        1 => pub since: u64,
        /// The revision from which it had another.
        2 => pub until: u64,
    }
}

netloom_cbor::code! {
    /// How far a node is admitted.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Standing {
        /// It has a certificate and waits for somebody's approval.
        0 => Waiting,
        /// It takes part.
        1 => Approved,
        /// It is shut out for good, with the key that it had.
        2 => Revoked,
    }
}

netloom_cbor::record! {
    /// A node that has joined.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct NodeRecord {
        /// Its Ed25519 key: what its certificate is for.
        0 => pub identity: [u8; 32],
        /// How far it is admitted.
        1 => pub standing: Standing,
        /// When it joined: milliseconds since 1970.
        2 => pub joined_ms: u64,
        /// Tags of the token that it joined with, all of which it was declared with then.
        3 => pub tags: BTreeSet<String> [max LIST_MAX],
        /// Its X25519 keys by network.
        4 => pub public_keys: BTreeMap<String, [u8; 32]> [max LIST_MAX],
        /// Where anyone can call it.
        5 => pub endpoint: Option<SocketAddr>,
        /// Where its own region can call it.
        6 => pub local_endpoint: Option<SocketAddr>,
        /// Generation of its keys.
        7 => pub generation: u64,
        /// Ciphers that its processor has instructions for.
        8 => pub ciphers: Option<BTreeSet<String>> [max LIST_MAX],
    }
}

#[cfg(test)]
impl NodeRecord {
    /// A node that takes part, and has said nothing yet.
    pub(crate) fn approved() -> Self {
        Self {
            identity: [1; 32],
            standing: Standing::Approved,
            joined_ms: 1,
            tags: BTreeSet::new(),
            public_keys: BTreeMap::new(),
            endpoint: None,
            local_endpoint: None,
            generation: 0,
            ciphers: None,
        }
    }
}
