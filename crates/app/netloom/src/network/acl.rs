//! Network ACLs at the borders of subnets.

use super::{Destination, Network, NetworkError, PortRange, Protocol, Source};
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
    pub port_range: PortRange<'a>,
    /// From whom: a prefix, or a prefix list.
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
    pub port_range: PortRange<'a>,
    /// To whom: a prefix, or a prefix list.
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

impl<'a> NetworkACL<'a> {
    /// An ACL without rules, which lets nothing through.
    pub fn new(name: &'a str, vpc: &'a str) -> Self {
        Self { name, vpc, ..Self::default() }
    }

    /// With a rule more for what comes in.
    #[must_use]
    pub fn with_inbound(mut self, rule: ACLRule<'a>) -> Self {
        self.inbound_rules.push(rule);
        self
    }

    /// With a rule more for what goes out.
    #[must_use]
    pub fn with_outbound(mut self, rule: ACLEgressRule<'a>) -> Self {
        self.outbound_rules.push(rule);
        self
    }

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

impl Network {
    /// Makes a network ACL.
    ///
    /// # Errors
    /// Control refuses it: a number is used twice, a rule names a security group.
    pub async fn create_network_acl(&self, acl: NetworkACL<'_>) -> Result<(), NetworkError> {
        self.declare("network_acls", acl.name, acl.declaration()).await
    }

    /// Gives a network ACL that was made so other rules.
    ///
    /// # Errors
    /// Control refuses it: a file declares it, or as [`Network::create_network_acl`].
    pub async fn update_network_acl(&self, acl: NetworkACL<'_>) -> Result<(), NetworkError> {
        self.redeclare("network_acls", acl.name, acl.declaration()).await
    }

    /// Removes a network ACL that was made so.
    ///
    /// # Errors
    /// There is none, a file declares it, or a subnet uses it.
    pub async fn delete_network_acl(&self, name: &str) -> Result<(), NetworkError> {
        self.withdraw("network_acls", name).await
    }
}

fn acl_rule(
    number: u16,
    action: Action,
    (protocol, ports, other): (Protocol, PortRange<'_>, (&str, Source<'_>)),
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
