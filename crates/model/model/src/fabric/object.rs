//! The objects of a fabric that have a name of their own, by kind.

use super::{Fabric, Name};
use std::collections::BTreeMap;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// A region.
    Region,
    /// A network.
    Network,
    /// A subnet.
    Subnet,
    /// A node.
    Node,
    /// A workload, or a further interface of one.
    Workload,
    /// A security group.
    SecurityGroup,
    /// A service.
    Service,
    /// A route table.
    RouteTable,
    /// A NAT gateway, or one to the internet.
    Gateway,
    /// A peering.
    Peering,
    /// A prefix list.
    PrefixList,
    /// A network ACL.
    NetworkAcl,
    /// An entry of the service port table.
    Port,
}

impl ObjectKind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Region,
        Self::Network,
        Self::Subnet,
        Self::Node,
        Self::Workload,
        Self::SecurityGroup,
        Self::Service,
        Self::RouteTable,
        Self::Gateway,
        Self::Peering,
        Self::PrefixList,
        Self::NetworkAcl,
        Self::Port,
    ];

    /// What several of them are called: as the section of a file, where there is one for them all.
    pub fn section(self) -> &'static str {
        match self {
            Self::Region => "regions",
            Self::Network => "networks",
            Self::Subnet => "subnets",
            Self::Node => "nodes",
            Self::Workload => "workloads",
            Self::SecurityGroup => "security_groups",
            Self::Service => "services",
            Self::RouteTable => "route_tables",
            Self::Gateway => "gateways",
            Self::Peering => "peerings",
            Self::PrefixList => "prefix_lists",
            Self::NetworkAcl => "network_acls",
            Self::Port => "ports",
        }
    }
}

impl Fabric {
    /// The names of all objects of a kind, in order.
    pub fn names(&self, kind: ObjectKind) -> Box<dyn Iterator<Item = &Name> + '_> {
        fn keys<T>(objects: &BTreeMap<Name, T>) -> Box<dyn Iterator<Item = &Name> + '_> {
            Box::new(objects.keys())
        }
        match kind {
            ObjectKind::Region => keys(&self.regions),
            ObjectKind::Network => keys(&self.networks),
            ObjectKind::Subnet => keys(&self.subnets),
            ObjectKind::Node => keys(&self.nodes),
            ObjectKind::Workload => keys(&self.workloads),
            ObjectKind::SecurityGroup => keys(&self.security_groups),
            ObjectKind::Service => keys(&self.services),
            ObjectKind::RouteTable => keys(&self.route_tables),
            ObjectKind::Gateway => keys(&self.gateways),
            ObjectKind::Peering => keys(&self.peerings),
            ObjectKind::PrefixList => keys(&self.prefix_lists),
            ObjectKind::NetworkAcl => keys(&self.network_acls),
            ObjectKind::Port => keys(&self.ports),
        }
    }

    /// Workloads of `self` that `after` has by another name: the former name by the new one. It is so where
    /// the file says what a workload was, and where it is gone back to what it was.
    pub fn renamed<'a>(&'a self, after: &'a Self) -> BTreeMap<&'a str, &'a str> {
        let gone =
            |name: &str| self.workloads.contains_key(name) && !after.workloads.contains_key(name);
        let new = after.workloads.iter().filter(|(name, _)| !self.workloads.contains_key(*name));
        let forth = new.filter_map(|(name, one)| Some((name.as_str(), one.was.as_deref()?)));
        let mut renamed: BTreeMap<&str, &str> = forth.filter(|(_, was)| gone(was)).collect();
        for (name, one) in self.workloads.iter().filter(|(name, _)| gone(name)) {
            let Some(was) = one.was.as_deref() else { continue };
            let is_back = after.workloads.contains_key(was) && !self.workloads.contains_key(was);
            if is_back && !renamed.values().any(|taken| taken == name) {
                renamed.entry(was).or_insert(name);
            }
        }
        renamed
    }
}
