//! The payloads: records of CBOR, one for each kind. Keys stay what they are for good.

pub(crate) mod acl;
pub(crate) mod attach;
pub(crate) mod group;
pub(crate) mod routing;

use crate::call::{CIPHERS_MAX, has_aes_gcm};
use ipnet::IpNet;
use netloom_plan::input::NodeEntry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// Longest name of an object (RFC 1123 §2.1).
pub(crate) const NAME_BYTES_MAX: usize = 63;
/// Longest domain (RFC 1035 §2.3.4).
pub(crate) const DOMAIN_BYTES_MAX: usize = 253;
/// Longest other text: a path, a label, a word of a command.
pub(crate) const TEXT_BYTES_MAX: usize = 4096;
/// Most things in one list of one resource.
pub(crate) const LIST_MAX: usize = 4096;

netloom_cbor::record! {
    /// The fabric.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct FabricForm {
        /// Its random id.
        0 => pub(crate) id: [u8; 16],
        /// Its name.
        1 => pub(crate) name: String [max NAME_BYTES_MAX],
        /// Where the members of control answer, each `host:port`, where there are several.
        2 => pub(crate) control: Option<Vec<String>> [max LIST_MAX],
    }
}

netloom_cbor::record! {
    /// A region.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct RegionForm {
        /// Whether an address translator is before it.
        0 => pub(crate) nat: bool,
    }
}

netloom_cbor::record! {
    /// A network.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct NetworkForm {
        /// Its prefixes.
        0 => pub(crate) cidrs: Vec<IpNet> [max LIST_MAX],
        /// Its domain.
        1 => pub(crate) domain: String [max DOMAIN_BYTES_MAX],
        /// Resolvers for other names.
        2 => pub(crate) resolvers: Vec<IpAddr> [max LIST_MAX],
        /// Its MTU, if it is another than is usual.
        3 => pub(crate) mtu_bytes: Option<u32>,
        /// How often keys are renewed, if it is not as usual.
        4 => pub(crate) key_rotation_ms: Option<u64>,
    }
}

netloom_cbor::record! {
    /// A subnet.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct SubnetForm {
        /// Its network.
        0 => pub(crate) network: String [max NAME_BYTES_MAX],
        /// Its prefixes.
        1 => pub(crate) cidrs: Vec<IpNet> [max LIST_MAX],
        /// Whether its own addresses are its last ones: who does not know that must not use it.
        -1 => pub(crate) reserved_last: Option<bool>,
        /// Its route table: who does not know it would let packets go nowhere.
        -2 => pub(crate) route_table: Option<String> [max NAME_BYTES_MAX],
        /// Its NAT gateway.
        -3 => pub(crate) nat_gateway: Option<String> [max NAME_BYTES_MAX],
        /// Its network ACL: who does not know it would let too much pass.
        -4 => pub(crate) network_acl: Option<String> [max NAME_BYTES_MAX],
        /// Whether it leaves by the internet gateway that its network has.
        -5 => pub(crate) public: Option<bool>,
    }
}

netloom_cbor::record! {
    /// A service.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct ServiceForm {
        /// Its namespace.
        0 => pub(crate) namespace: String [max NAME_BYTES_MAX],
        /// Its port.
        1 => pub(crate) port: u16,
        /// Its protocol.
        2 => pub(crate) protocol: group::ProtocolForm,
        /// Labels of its members.
        3 => pub(crate) select: BTreeMap<String, String> [max LIST_MAX],
    }
}

netloom_cbor::record! {
    /// A node.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct NodeForm {
        /// Its region.
        0 => pub(crate) region: String [max NAME_BYTES_MAX],
        /// Groups that govern its own traffic.
        1 => pub(crate) groups: BTreeSet<String> [max LIST_MAX],
        /// Networks of its workloads.
        2 => pub(crate) networks: BTreeSet<String> [max LIST_MAX],
        /// Networks of its own stack.
        3 => pub(crate) stack: BTreeSet<String> [max LIST_MAX],
        /// Its X25519 keys by network.
        4 => pub(crate) public_keys: BTreeMap<String, [u8; 32]> [max LIST_MAX],
        /// Where anyone can call it.
        5 => pub(crate) endpoint: Option<SocketAddr>,
        /// Where its own region can call it.
        6 => pub(crate) local_endpoint: Option<SocketAddr>,
        /// Ciphers that its processor has instructions for.
        7 => pub(crate) ciphers: Option<BTreeSet<String>> [max CIPHERS_MAX],
        /// Files on it with its private keys, by network.
        8 => pub(crate) private_key_files: Option<BTreeMap<String, String>> [max LIST_MAX],
        /// Prefixes behind it.
        9 => pub(crate) advertise: Option<Vec<routing::AdvertisedForm>> [max LIST_MAX],
    }
}

impl NodeForm {
    /// What is known of the node's tunnels.
    pub(crate) fn entry(&self) -> NodeEntry {
        NodeEntry {
            public_keys: self.public_keys.clone(),
            endpoint: self.endpoint,
            local_endpoint: self.local_endpoint,
            has_aes_gcm: has_aes_gcm(self.ciphers.as_ref()),
        }
    }
}

netloom_cbor::record! {
    /// A workload.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct WorkloadForm {
        /// Its node.
        0 => pub(crate) node: String [max NAME_BYTES_MAX],
        /// Its subnet.
        1 => pub(crate) subnet: String [max NAME_BYTES_MAX],
        /// Its addresses.
        2 => pub(crate) addresses: Vec<IpAddr> [max LIST_MAX],
        /// Its groups.
        3 => pub(crate) groups: BTreeSet<String> [max LIST_MAX],
        /// Its labels.
        4 => pub(crate) labels: BTreeMap<String, String> [max LIST_MAX],
        /// Prefixes behind it.
        5 => pub(crate) advertise: Option<Vec<IpNet>> [max LIST_MAX],
        /// Ports that can be called from outside.
        6 => pub(crate) publish: Option<Vec<acl::PublishedForm>> [max LIST_MAX],
    }
}
