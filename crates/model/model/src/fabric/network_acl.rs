//! Network ACLs: stateless, numbered, the first rule that matches decides.

use super::{IcmpTypes, Name, PortRange, Protocol};
use crate::span::Span;
use ipnet::IpNet;
use std::collections::BTreeMap;

/// What may cross the border of a subnet, each packet judged by itself.
#[derive(Clone, Debug)]
pub struct NetworkAcl {
    /// Where it is declared.
    pub span: Span,
    /// The network whose subnets may use it.
    pub network: Name,
    /// What may come into a subnet, in the order of their numbers. What none matches is denied.
    pub ingress: Vec<AclRule>,
    /// What may leave it.
    pub egress: Vec<AclRule>,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclRule {
    /// Where it is declared.
    pub span: Span,
    /// Its place in the order, from 1 to 32766.
    pub number: u16,
    /// Whether what it matches passes.
    pub allows: bool,
    /// Protocol.
    pub protocol: Protocol,
    /// Destination ports; every port if empty.
    pub ports: Vec<PortRange>,
    /// Types of ICMP; every type if empty.
    pub icmp_types: Vec<IcmpTypes>,
    /// The other side: any of these prefixes, or every address if empty.
    pub prefixes: Vec<IpNet>,
}

/// The highest number of a rule, as in AWS; what comes after it denies the rest.
pub const ACL_NUMBER_MAX: u16 = 32_766;
