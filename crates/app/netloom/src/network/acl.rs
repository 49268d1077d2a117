//! Network ACLs at the borders of subnets.

use super::{Destination, PortRange, Protocol, Source};
use serde_json::{Value, json};

/// A network ACL: stateless, the rule of the lowest number that matches decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkACL<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its network.
    pub vpc: &'a str,
    /// What may come into a subnet.
    pub inbound_rules: Vec<ACLRule<'a>>,
    /// What may leave it.
    pub outbound_rules: Vec<ACLEgressRule<'a>>,
}

/// A rule for what comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ACLRule<'a> {
    /// Its place in the order.
    pub number: u16,
    /// Of which protocol.
    pub protocol: Protocol,
    /// To which ports.
    pub port_range: PortRange,
    /// From whom: a prefix.
    pub source: Source<'a>,
    /// What becomes of it.
    pub action: Action,
}

/// A rule for what goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ACLEgressRule<'a> {
    /// Its place in the order.
    pub number: u16,
    /// Of which protocol.
    pub protocol: Protocol,
    /// To which ports.
    pub port_range: PortRange,
    /// To whom: a prefix.
    pub destination: Destination<'a>,
    /// What becomes of it.
    pub action: Action,
}

/// What a rule of a network ACL does with what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It passes.
    Allow,
    /// It is dropped.
    Deny,
}

impl NetworkACL<'_> {
    pub(super) fn declaration(&self) -> Value {
        let inbound = self.inbound_rules.iter().map(|rule| {
            let packets = (rule.protocol, rule.port_range, ("from", rule.source));
            acl_rule(rule.number, rule.action, packets)
        });
        let outbound = self.outbound_rules.iter().map(|rule| {
            let packets = (rule.protocol, rule.port_range, ("to", rule.destination));
            acl_rule(rule.number, rule.action, packets)
        });
        let (ingress, egress): (Vec<Value>, Vec<Value>) = (inbound.collect(), outbound.collect());
        json!({ "network": self.vpc, "ingress": ingress, "egress": egress })
    }
}

fn acl_rule(
    number: u16,
    action: Action,
    (protocol, ports, other): (Protocol, PortRange, (&str, Source<'_>)),
) -> Value {
    let mut rule = super::rules::declared(protocol, ports, other);
    let word = match action {
        Action::Allow => "allow",
        Action::Deny => "deny",
    };
    rule["rule"] = json!(number);
    rule["action"] = json!(word);
    rule
}
