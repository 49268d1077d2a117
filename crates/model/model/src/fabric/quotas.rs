//! Limits of a fabric's objects, as of a cloud's account: AWS's defaults.

/// How many of each thing there may be. The numbers are AWS's for a VPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Prefixes of one family of a network.
    pub cidrs_per_network: usize,
    /// Subnets of a network.
    pub subnets_per_network: usize,
    /// Route tables of a network.
    pub route_tables_per_network: usize,
    /// Static routes of one family in a table.
    pub routes_per_table: usize,
    /// Network ACLs of a network.
    pub acls_per_network: usize,
    /// Rules of an ACL in a direction, of one family.
    pub rules_per_acl: usize,
    /// Security groups of a fabric.
    pub groups: usize,
    /// Rules of a group in a direction, of one family; a prefix list counts as its largest size.
    pub rules_per_group: usize,
    /// Groups of a workload.
    pub groups_per_workload: usize,
    /// Rules of all groups of a workload together, in a direction, of one family.
    pub rules_per_workload: usize,
    /// Prefixes behind nodes that a network's tables have without being told, of one family.
    pub propagated_per_network: usize,
    /// Peerings of a network.
    pub peerings_per_network: usize,
}

impl Quotas {
    /// What holds: the most that AWS grants on request.
    pub const LARGEST: Self = Self {
        cidrs_per_network: 50,
        subnets_per_network: 10_000,
        route_tables_per_network: 1_000,
        routes_per_table: 1_000,
        acls_per_network: 1_000,
        rules_per_acl: 40,
        groups: 10_000,
        rules_per_group: 1_000,
        groups_per_workload: 16,
        rules_per_workload: 1_000,
        // AWS grants no more than usual here; a fabric of many sites has more, and as many as static ones.
        propagated_per_network: 1_000,
        peerings_per_network: 125,
    };
    /// What AWS grants without being asked: beyond it, a warning says that an import there would fail.
    pub const USUAL: Self = Self {
        cidrs_per_network: 5,
        subnets_per_network: 200,
        route_tables_per_network: 200,
        routes_per_table: 500,
        acls_per_network: 200,
        rules_per_acl: 20,
        groups: 2_500,
        rules_per_group: 60,
        groups_per_workload: 5,
        rules_per_workload: 300,
        propagated_per_network: 100,
        peerings_per_network: 50,
    };
}
