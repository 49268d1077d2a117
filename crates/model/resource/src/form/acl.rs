//! Network ACLs, types of ICMP and published ports on the wire.

use super::group::ProtocolForm;
use super::{LIST_MAX, NAME_BYTES_MAX};
use ipnet::IpNet;
use netloom_model::Span;
use netloom_model::fabric::{AclRule, IcmpTypes, NetworkAcl, PortRange, Published};
use std::collections::BTreeMap;

/// Types of ICMP: whether ICMPv6's, first, last.
pub(crate) type IcmpForm = (bool, u16, u16);
/// A published port: protocol, port outside, port of the workload.
pub(crate) type PublishedForm = (ProtocolForm, u16, u16);

netloom_cbor::record! {
    /// A rule.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct AclRuleForm {
        /// Its place in the order.
        0 => pub(crate) number: u16,
        /// Whether what it matches passes.
        1 => pub(crate) allows: bool,
        /// Protocol.
        2 => pub(crate) protocol: ProtocolForm,
        /// First and last ports; all if empty.
        3 => pub(crate) ports: Vec<(u16, u16)> [max LIST_MAX],
        /// Types of ICMP; all if empty.
        4 => pub(crate) icmp_types: Vec<IcmpForm> [max LIST_MAX],
        /// Prefixes of the other side; all addresses if empty.
        5 => pub(crate) prefixes: Vec<IpNet> [max LIST_MAX],
    }
}

netloom_cbor::record! {
    /// A network ACL.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct NetworkAclForm {
        /// Its network.
        0 => pub(crate) network: String [max NAME_BYTES_MAX],
        /// What may come in.
        1 => pub(crate) ingress: Vec<AclRuleForm> [max LIST_MAX],
        /// What may go out.
        2 => pub(crate) egress: Vec<AclRuleForm> [max LIST_MAX],
    }
}

pub(crate) fn icmp_form(types: &IcmpTypes) -> IcmpForm {
    (types.ipv6, types.first, types.last)
}

pub(crate) fn icmp_types((ipv6, first, last): IcmpForm) -> IcmpTypes {
    IcmpTypes { ipv6, first, last }
}

pub(crate) fn published_form(one: &Published) -> PublishedForm {
    (one.protocol.into(), one.port, one.to)
}

pub(crate) fn published((protocol, port, to): PublishedForm) -> Published {
    Published { protocol: protocol.into(), port, to }
}

impl From<&AclRule> for AclRuleForm {
    fn from(rule: &AclRule) -> Self {
        Self {
            number: rule.number,
            allows: rule.allows,
            protocol: rule.protocol.into(),
            ports: rule.ports.iter().map(|range| (range.first, range.last)).collect(),
            icmp_types: rule.icmp_types.iter().map(icmp_form).collect(),
            prefixes: rule.prefixes.clone(),
        }
    }
}

impl AclRuleForm {
    fn into_rule(self, span: Span) -> AclRule {
        AclRule {
            span,
            number: self.number,
            allows: self.allows,
            protocol: self.protocol.into(),
            ports: self.ports.into_iter().map(|(first, last)| PortRange { first, last }).collect(),
            icmp_types: self.icmp_types.into_iter().map(icmp_types).collect(),
            prefixes: self.prefixes.into_iter().map(|prefix| prefix.trunc()).collect(),
        }
    }
}

impl From<&NetworkAcl> for NetworkAclForm {
    fn from(acl: &NetworkAcl) -> Self {
        let rules = |rules: &[AclRule]| rules.iter().map(AclRuleForm::from).collect();
        Self {
            network: acl.network.clone(),
            ingress: rules(&acl.ingress),
            egress: rules(&acl.egress),
        }
    }
}

impl NetworkAclForm {
    pub(crate) fn into_acl(self, span: Span) -> NetworkAcl {
        let rules = |rules: Vec<AclRuleForm>| {
            rules.into_iter().map(|rule| rule.into_rule(span.clone())).collect()
        };
        let (ingress, egress) = (rules(self.ingress), rules(self.egress));
        NetworkAcl { network: self.network, ingress, egress, tags: BTreeMap::new(), span }
    }
}
