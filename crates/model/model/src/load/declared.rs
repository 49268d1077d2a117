//! The objects of all files as they are declared, before references are resolved; broken ones too.

use super::sections::KEYS;
use crate::decode::network_acl::{NetworkAcl, ServicePort};
use crate::decode::policy::{PolicyTest, SecurityGroup};
use crate::decode::routing::{Gateway, Peering, PrefixList, RouteTable};
use crate::decode::workload::Workload;
use crate::decode::{At, objects};
use crate::fabric::LabLink;
use crate::span::Span;
use std::collections::{BTreeMap, BTreeSet};

/// A named object as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<T> {
    /// The object, as far as it could be read.
    pub value: T,
    /// The place of its name.
    pub span: Span,
    /// Whether it was read without any error: what is missing from it is then really missing.
    pub whole: bool,
}

/// Objects by name.
pub type Named<T> = BTreeMap<String, Entry<T>>;

/// All files' objects, before references are resolved.
#[derive(Debug, Default)]
pub struct Declared {
    /// Format version.
    pub version: Option<At<String>>,
    /// Fabric's name.
    pub fabric: Option<At<String>>,
    /// Regions.
    pub regions: Named<objects::Region>,
    /// Networks.
    pub networks: Named<objects::Network>,
    /// Subnets.
    pub subnets: Named<objects::Subnet>,
    /// Nodes.
    pub nodes: Named<objects::Node>,
    /// Workloads.
    pub workloads: Named<Workload>,
    /// Security groups.
    pub security_groups: Named<SecurityGroup>,
    /// Services.
    pub services: Named<objects::Service>,
    /// Route tables.
    pub route_tables: Named<RouteTable>,
    /// NAT gateways.
    pub nat_gateways: Named<Gateway>,
    /// Internet gateways.
    pub internet_gateways: Named<Gateway>,
    /// Peerings.
    pub peerings: Named<Peering>,
    /// Prefix lists.
    pub prefix_lists: Named<PrefixList>,
    /// Network ACLs.
    pub network_acls: Named<NetworkAcl>,
    /// The service port table.
    pub ports: Named<ServicePort>,
    /// Tests.
    pub tests: Vec<PolicyTest>,
    /// Lab links by region.
    pub lab_links: Named<LabLink>,
    /// Keys of a file (`nodes`, …) under which something could not be read, not even its name:
    /// what is missing there is no cause for further errors.
    pub broken: BTreeSet<&'static str>,
}

impl Declared {
    /// A whole file could not be read: anything may have stood there.
    pub(super) fn nothing_is_known_to_be_missing(&mut self) {
        self.broken.extend(KEYS);
    }
}
