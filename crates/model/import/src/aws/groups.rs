//! `describe-security-groups`.

use super::{ARN, Aws, OWNER};
use crate::document::At;
use crate::draft::{Group, Protocol, Rule, Side};

const PAIR_IRRELEVANT: [(&str, &str); 5] = [
    ("UserId", OWNER),
    ("GroupName", "the group is known by its id"),
    ("VpcId", "groups are not bound to a network"),
    ("VpcPeeringConnectionId", "members are where they are; the route leads to them"),
    ("PeeringStatus", "a peering says itself whether it is active"),
];

impl Aws<'_, '_> {
    /// Security groups and their rules.
    pub(super) fn security_groups(&mut self) {
        for at in self.all("SecurityGroups") {
            let Some(name) = self.own_name(at, "GroupId") else { continue };
            self.irrelevant(at, &[("OwnerId", OWNER), ("SecurityGroupArn", ARN)]);
            if let Some(called) = at.get("GroupName") {
                self.desk.exact(called, format!("the group `{name}`"));
            }
            if let Some(vpc) = at.get("VpcId") {
                let how =
                    "groups are not bound to a network: its members are where their subnets are";
                self.desk.approximated(vpc, how);
            }
            let description = self.desk.take(at, "Description", "the group's `description`");
            let mut made = Group {
                description: description.filter(|text| !text.is_empty()).map(str::to_owned),
                home: self.referred(at, "VpcId"),
                ..Group::default()
            };
            for permission in self.desk.items_of(at, "IpPermissions") {
                made.ingress.extend(self.permission(permission));
            }
            for permission in self.desk.items_of(at, "IpPermissionsEgress") {
                made.egress.extend(self.permission(permission));
            }
            made.tags = self.tags(at);
            self.desk.draft.security_groups.insert(name, made);
        }
    }

    /// One permission: a rule for each of those that it names.
    fn permission(&mut self, at: At<'_>) -> Vec<Rule> {
        self.desk.entries(at);
        let Some(protocol) = self.protocol(at, "IpProtocol") else { return Vec::new() };
        let range = (at.get("FromPort"), at.get("ToPort"));
        let Some(matched) = self.range(at, protocol, range) else { return Vec::new() };
        let mut rules = Vec::new();
        for (list, key) in [("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")] {
            for item in self.desk.items_of(at, list) {
                self.desk.entries(item);
                let Some(prefix) = item.get(key) else { continue };
                let Some(prefix) = self.desk.prefix(prefix, "the rule's other side") else {
                    continue;
                };
                rules.push(Rule { matched, side: Side::Cidr(prefix), note: self.note(item) });
            }
        }
        for item in self.desk.items_of(at, "PrefixListIds") {
            self.desk.entries(item);
            let list = self.referred(item, "PrefixListId");
            let list = list.filter(|name| self.desk.draft.prefix_lists.contains_key(name));
            let Some(list) = list else {
                self.desk.refuse_all(item, "the prefix list, or its entries, are in no file");
                continue;
            };
            if let Some(id) = item.get("PrefixListId") {
                self.desk.exact(id, format!("the prefix list `{list}`"));
            }
            rules.push(Rule { matched, side: Side::PrefixList(list), note: self.note(item) });
        }
        for item in self.desk.items_of(at, "UserIdGroupPairs") {
            rules.extend(self.pair(item).map(|(side, note)| Rule { matched, side, note }));
        }
        let by_name = rules.iter().any(|rule| !matches!(rule.side, Side::Cidr(_)));
        if let (Protocol::Icmp, true, Some(protocol)) = (protocol, by_name, at.get("IpProtocol")) {
            let how = "`icmp` of a group or a list is ICMPv6 too, where both ends have IPv6";
            self.desk.approximated(protocol, how);
        }
        if rules.is_empty() {
            for key in ["IpProtocol", "FromPort", "ToPort"] {
                if let Some(at) = at.get(key) {
                    self.desk.refused(at, "the rule names no other side that could be taken");
                }
            }
        }
        rules
    }

    fn pair(&mut self, at: At<'_>) -> Option<(Side, Option<String>)> {
        self.desk.entries(at);
        let Some(group) = self.referred(at, "GroupId") else {
            let why = "the group is in no file: give `describe-security-groups` of its VPC too";
            self.desk.refuse_all(at, why);
            return None;
        };
        if let Some(id) = at.get("GroupId") {
            self.desk.exact(id, format!("members of the group `{group}`"));
        }
        self.irrelevant(at, &PAIR_IRRELEVANT);
        Some((Side::Group(group), self.note(at)))
    }

    fn note(&mut self, at: At<'_>) -> Option<String> {
        let note = self.desk.take(at, "Description", "kept as a comment behind the rule")?;
        (!note.is_empty()).then(|| note.to_owned())
    }
}
