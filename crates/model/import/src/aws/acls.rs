//! `describe-network-acls`.

use super::{Aws, OWNER};
use crate::document::At;
use crate::draft::{AclRule, NetworkAcl, Side};

/// From this number on, AWS shows the denial of all that no rule has matched.
const IMPLICIT_DENY: u32 = 32_767;

impl Aws<'_, '_> {
    /// Network ACLs and which subnets have them.
    pub(super) fn network_acls(&mut self) {
        for at in self.all("NetworkAcls") {
            let Some(name) = self.own_name(at, "NetworkAclId") else { continue };
            let Some(network) = self.network_of(at) else { continue };
            self.irrelevant(at, &[("OwnerId", OWNER)]);
            let mut made = NetworkAcl { network: network.clone(), ..NetworkAcl::default() };
            for item in self.desk.items_of(at, "Entries") {
                let is_egress = item.text_of("Egress") == Some("true");
                let rule = self.acl_entry(item);
                let rules = if is_egress { &made.egress } else { &made.ingress };
                let number = rule.as_ref().map(|rule| rule.number);
                if rules.iter().any(|other| Some(other.number) == number) {
                    self.desk.refuse_all(item, "a rule of this number stands before it");
                    continue;
                }
                if is_egress { made.egress.extend(rule) } else { made.ingress.extend(rule) }
            }
            for item in self.desk.items_of(at, "Associations") {
                self.acl_association(item, &name, &network);
            }
            if let Some(default) = at.get("IsDefault") {
                if let (Some("true"), Some(network)) =
                    (default.text(), self.desk.draft.networks.get_mut(&network))
                {
                    network.network_acl = Some(name.clone());
                    self.desk.exact(default, "the network's `network_acl`");
                } else {
                    self.desk.exact(default, "not the network's `network_acl`");
                }
            }
            made.ingress.sort_by_key(|rule| rule.number);
            made.egress.sort_by_key(|rule| rule.number);
            made.tags = self.tags(at);
            self.desk.draft.network_acls.insert(name, made);
        }
    }

    fn acl_association(&mut self, at: At<'_>, acl: &str, network: &str) {
        self.desk.entries(at);
        let subnet = self.referred(at, "SubnetId");
        let subnet = subnet.and_then(|name| self.desk.draft.subnets.get_mut(&name));
        let Some(subnet) = subnet.filter(|subnet| subnet.network == network) else {
            self.desk
                .refuse_all(at, "no file has its subnet in this VPC: give `describe-subnets` too");
            return;
        };
        subnet.network_acl = Some(acl.to_owned());
        self.irrelevant(at, &[("NetworkAclAssociationId", "an association has no name here")]);
        for key in ["NetworkAclId", "SubnetId"] {
            if let Some(value) = at.get(key) {
                self.desk.exact(value, "the subnet's `network_acl`");
            }
        }
    }

    fn acl_entry(&mut self, at: At<'_>) -> Option<AclRule> {
        self.desk.entries(at);
        let number = at.text_of("RuleNumber").and_then(|text| text.parse::<u32>().ok());
        let action = at.text_of("RuleAction");
        let is_last = number.is_some_and(|number| number >= IMPLICIT_DENY);
        if is_last && action == Some("deny") {
            self.desk.exact_all(at, "what no rule has matched is denied; no rule is needed");
            return None;
        }
        let Some(number) = number.filter(|number| (1..IMPLICIT_DENY).contains(number)) else {
            self.desk
                .refuse_all(at, "a rule of a network ACL needs a `RuleNumber` from 1 to 32766");
            return None;
        };
        let allow = match action {
            Some("allow") => true,
            Some("deny") => false,
            Some(_) | None => {
                self.desk.refuse_all(at, "a rule of a network ACL allows or denies");
                return None;
            }
        };
        let protocol = self.protocol(at, "Protocol")?;
        let (outer, first, last) = match at.get("IcmpTypeCode") {
            Some(outer) => (Some(outer), outer.get("Type"), outer.get("Code")),
            None => match at.get("PortRange") {
                Some(outer) => (Some(outer), outer.get("From"), outer.get("To")),
                None => (None, None, None),
            },
        };
        if let Some(outer) = outer {
            self.desk.entries(outer);
        }
        let matched = self.range(at, protocol, (first, last))?;
        let prefix = at.get("CidrBlock").or_else(|| at.get("Ipv6CidrBlock"));
        let Some(prefix) = prefix else {
            self.desk.refuse_all(at, "a rule of a network ACL needs a prefix");
            return None;
        };
        let side = Side::Cidr(self.desk.prefix(prefix, "the rule's other side")?);
        for key in ["RuleNumber", "RuleAction", "Egress"] {
            self.desk.take(at, key, "of the rule of the network ACL");
        }
        Some(AclRule { number, allow, matched, side })
    }
}
