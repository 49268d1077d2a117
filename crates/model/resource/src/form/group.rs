//! Security groups on the wire.

use super::acl::{IcmpForm, icmp_form, icmp_types};
use super::{LIST_MAX, NAME_BYTES_MAX};
use ipnet::IpNet;
use netloom_model::Span;
use netloom_model::fabric::{GroupRule, Peer, PortRange, Protocol, SecurityGroup};
use std::collections::BTreeMap;

netloom_cbor::code! {
    /// A protocol.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum ProtocolForm {
        /// Every protocol.
        0 => All,
        /// TCP.
        1 => Tcp,
        /// UDP.
        2 => Udp,
        /// ICMP and ICMPv6.
        3 => Icmp,
    }
}

netloom_cbor::choice! {
    /// The other side of a rule.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) enum PeerForm {
        /// Every address.
        0 => All {},
        /// A prefix.
        1 => Cidr {
            /// The prefix.
            1 => prefix: IpNet,
        },
        /// A group's members.
        2 => Group {
            /// Its name.
            1 => name: String [max NAME_BYTES_MAX],
        },
    }
}

netloom_cbor::record! {
    /// One allowance.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct RuleForm {
        /// Protocol.
        0 => pub(crate) protocol: ProtocolForm,
        /// First and last ports; all if empty.
        1 => pub(crate) ports: Vec<(u16, u16)> [max LIST_MAX],
        /// The other side.
        2 => pub(crate) peer: PeerForm,
        /// Line of the file, for explanations.
        3 => pub(crate) line: u32,
        /// Column of the line.
        4 => pub(crate) column: u32,
        /// The file.
        5 => pub(crate) file: String [max super::TEXT_BYTES_MAX],
        /// Types of ICMP; who does not know them would let others pass too.
        -1 => pub(crate) icmp_types: Option<Vec<IcmpForm>> [max LIST_MAX],
    }
}

netloom_cbor::record! {
    /// A security group.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct GroupForm {
        /// What may come in.
        0 => pub(crate) ingress: Vec<RuleForm> [max LIST_MAX],
        /// What may go out.
        1 => pub(crate) egress: Vec<RuleForm> [max LIST_MAX],
    }
}

impl From<Protocol> for ProtocolForm {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::All => Self::All,
            Protocol::Tcp => Self::Tcp,
            Protocol::Udp => Self::Udp,
            Protocol::Icmp => Self::Icmp,
        }
    }
}

impl From<ProtocolForm> for Protocol {
    fn from(form: ProtocolForm) -> Self {
        match form {
            ProtocolForm::All => Self::All,
            ProtocolForm::Tcp => Self::Tcp,
            ProtocolForm::Udp => Self::Udp,
            ProtocolForm::Icmp => Self::Icmp,
        }
    }
}

impl From<&SecurityGroup> for GroupForm {
    fn from(group: &SecurityGroup) -> Self {
        let rules = |rules: &[GroupRule]| rules.iter().map(RuleForm::from).collect();
        Self { ingress: rules(&group.ingress), egress: rules(&group.egress) }
    }
}

impl From<&GroupRule> for RuleForm {
    fn from(rule: &GroupRule) -> Self {
        Self {
            protocol: rule.protocol.into(),
            ports: rule.ports.iter().map(|range| (range.first, range.last)).collect(),
            peer: match &rule.peer {
                Peer::All => PeerForm::All {},
                Peer::Cidr(prefix) => PeerForm::Cidr { prefix: *prefix },
                Peer::SecurityGroup(name) => PeerForm::Group { name: name.clone() },
            },
            line: rule.span.line,
            column: rule.span.column,
            file: rule.span.file.to_string(),
            icmp_types: (!rule.icmp_types.is_empty())
                .then(|| rule.icmp_types.iter().map(icmp_form).collect()),
        }
    }
}

impl GroupForm {
    pub(crate) fn into_group(self, span: Span) -> SecurityGroup {
        let rules = |rules: Vec<RuleForm>| rules.into_iter().map(RuleForm::into_rule).collect();
        let (ingress, egress) = (rules(self.ingress), rules(self.egress));
        SecurityGroup { span, ingress, egress, tags: BTreeMap::new() }
    }
}

impl RuleForm {
    fn into_rule(self) -> GroupRule {
        GroupRule {
            span: Span { file: self.file.into(), line: self.line, column: self.column },
            protocol: self.protocol.into(),
            ports: self.ports.into_iter().map(|(first, last)| PortRange { first, last }).collect(),
            icmp_types: self.icmp_types.into_iter().flatten().map(icmp_types).collect(),
            peer: match self.peer {
                PeerForm::All {} => Peer::All,
                PeerForm::Cidr { prefix } => Peer::Cidr(prefix.trunc()),
                PeerForm::Group { name } => Peer::SecurityGroup(name),
            },
        }
    }
}
