//! What `aws ec2 describe-…` prints as JSON: several files, which together are one fabric.

mod acls;
mod dhcp;
mod gateways;
mod groups;
mod legs;
mod lists;
mod peerings;
mod public;
mod routes;
mod rows;
mod subnets;
mod vpcs;

use crate::desk::Desk;
use crate::document::At;
use crate::draft::Tags;
use std::collections::{BTreeMap, BTreeSet};

/// Keys of lists, the key of an id in each, the section of the file that is made, and a further name.
const LISTS: [(&str, &str, &str, &str); 10] = [
    ("Vpcs", "VpcId", "networks", ""),
    ("Subnets", "SubnetId", "subnets", ""),
    ("PrefixLists", "PrefixListId", "prefix_lists", "PrefixListName"),
    ("InternetGateways", "InternetGatewayId", "gateways", ""),
    ("EgressOnlyInternetGateways", "EgressOnlyInternetGatewayId", "gateways", ""),
    ("NatGateways", "NatGatewayId", "gateways", ""),
    ("VpcPeeringConnections", "VpcPeeringConnectionId", "peerings", ""),
    ("RouteTables", "RouteTableId", "route_tables", ""),
    ("SecurityGroups", "GroupId", "security_groups", "GroupName"),
    ("NetworkAcls", "NetworkAclId", "network_acls", ""),
];

/// An import under way: the desk, and what each id of the sources is called here.
struct Aws<'d, 's> {
    desk: &'d mut Desk,
    roots: &'s [At<'s>],
    /// By section, and the id there: an id of another kind refers to nothing.
    names: BTreeMap<(&'static str, String), String>,
    /// Ids of objects that have been taken.
    taken: BTreeSet<String>,
}

/// Imports all files of this kind.
pub(crate) fn import(desk: &mut Desk, roots: &[At<'_>]) {
    if roots.is_empty() {
        return;
    }
    let mut aws = Aws { desk, roots, names: BTreeMap::new(), taken: BTreeSet::new() };
    for list in LISTS {
        aws.name_all(list);
    }
    aws.vpcs();
    aws.dhcp_options();
    aws.peerings();
    aws.subnets();
    aws.prefix_lists();
    aws.gateways();
    aws.nat_gateways();
    aws.route_tables();
    aws.public_subnets();
    aws.security_groups();
    aws.network_acls();
    for root in roots {
        aws.desk.refuse_keys(*root, &ELSEWHERE);
        aws.desk.irrelevant_keys(*root, &ANSWER);
    }
}

/// Lists that are told by their keys and not imported.
const ELSEWHERE: [(&str, &str); 11] = [
    ("NextToken", "there is more than this page: print all of it (without --no-paginate)"),
    (
        "Reservations",
        "an instance is a host: make it a node with `netloom join`, or a workload of one",
    ),
    ("NetworkInterfaces", "interfaces are made by the node's agent: declare workloads"),
    ("TransitGateways", TRANSIT),
    ("TransitGatewayAttachments", TRANSIT),
    (
        "VpcEndpoints",
        "services of AWS are not in a fabric; reach them by a gateway to the internet",
    ),
    ("VpnConnections", VPN),
    ("VpnGateways", VPN),
    ("CustomerGateways", VPN),
    ("Addresses", "the internet sees the address of the node that is the gateway"),
    ("SecurityGroupRules", "give what `aws ec2 describe-security-groups` prints: rules are in it"),
];
/// What is told of the request, not of the network.
const ANSWER: [(&str, &str); 1] =
    [("ResponseMetadata", "it tells of the request, not of the network")];
const TRANSIT: &str = "transit gateways join many networks and are not part of the network model: \
                       declare a peering for each pair that is to reach each other";
const VPN: &str = "IPsec is not part of the network model: attach the other end as a stock WireGuard \
                   peer, and `advertise` what is behind it";

impl<'s> Aws<'_, 's> {
    /// Gives names to all objects of a list, so that others can refer to them.
    fn name_all(&mut self, (list, id_key, section, further): (&str, &str, &'static str, &str)) {
        for root in self.roots {
            for item in root.get(list).map(At::children).unwrap_or_default() {
                let Some(id) = item.text_of(id_key) else { continue };
                if self.names.contains_key(&(section, id.to_owned())) {
                    continue;
                }
                let tagged = tag_of(item, "Name").unwrap_or("");
                let mut further = item.text_of(further).unwrap_or("").to_owned();
                if section == "security_groups" && further == "default" {
                    let network = self.referred(item, "VpcId");
                    further = network.map_or(further, |network| format!("{network}-default"));
                }
                let name = self.desk.names.claim(section, &[tagged, &further, id]);
                self.names.insert((section, id.to_owned()), name);
            }
        }
    }

    /// All items under a key of any file.
    fn all(&mut self, list: &str) -> Vec<At<'s>> {
        let mut all = Vec::new();
        for root in self.roots {
            all.extend(self.desk.items_of(*root, list));
        }
        all
    }

    /// The name of an object that has an id, or it is refused; so is one that was taken before.
    fn own_name(&mut self, at: At<'_>, id_key: &str) -> Option<String> {
        self.desk.entries(at);
        let id = at.text_of(id_key);
        let name = self.referred(at, id_key);
        let (Some(id), Some(name)) = (id, name) else {
            self.desk.refuse_all(at, format!("it has no `{id_key}`"));
            return None;
        };
        if !self.taken.insert(id.to_owned()) {
            self.desk
                .refuse_all(at, "the same object stands before this one; the first one counts");
            return None;
        }
        if let Some(key) = at.get(id_key) {
            self.desk.exact(key, format!("`{name}` here"));
        }
        Some(name)
    }

    /// The name of what a key refers to.
    fn referred(&self, at: At<'_>, key: &str) -> Option<String> {
        let id = at.text_of(key)?.to_owned();
        self.names.get(&(section_of(key)?, id)).cloned()
    }

    /// The network that an object is part of, or the object is refused.
    fn network_of(&mut self, at: At<'_>) -> Option<String> {
        let network = self.referred(at, "VpcId");
        let network = network.filter(|name| self.desk.draft.networks.contains_key(name));
        match (&network, at.get("VpcId")) {
            (Some(network), Some(key)) => {
                self.desk.exact(key, format!("part of the network `{network}`"));
            }
            _ => self.desk.refuse_all(
                at,
                "its VPC is in no file: give what `aws ec2 describe-vpcs` prints too",
            ),
        }
        network
    }

    /// Tags, without the one that is the name.
    fn tags(&mut self, at: At<'_>) -> Tags {
        let mut tags = Tags::new();
        for item in self.desk.items_of(at, "Tags") {
            self.desk.entries(item);
            let (Some(key), Some(value)) = (item.text_of("Key"), item.text_of("Value")) else {
                self.desk.refuse_all(item, "a tag has a `Key` and a `Value`");
                continue;
            };
            let kept = key == "Name" || self.desk.tag(&mut tags, key, value);
            for part in ["Key", "Value"].into_iter().filter_map(|part| item.get(part)) {
                match (key, kept) {
                    ("Name", _) => self.desk.exact(part, "the object's name, made a DNS label"),
                    (_, true) => self.desk.exact(part, "a tag"),
                    (_, false) => self.desk.refused(part, "a tag is shorter than this"),
                }
            }
        }
        tags
    }

    /// Whether an object is there still; one that is not is refused.
    fn lives(&mut self, at: At<'_>, key: &str, living: &[&str]) -> bool {
        let Some(state) = at.get(key) else { return true };
        match state.text() {
            Some(text) if living.contains(&text) => {
                self.desk.exact(state, "it is there");
                true
            }
            other => {
                let other = crate::scalar::short(other.unwrap_or("unknown"));
                self.desk
                    .refuse_all(at, format!("it is {other}, so there is nothing of it to make"));
                false
            }
        }
    }

    /// Keys that mean nothing for a fabric, so that nothing is lost.
    fn irrelevant(&mut self, at: At<'_>, keys: &[(&str, &'static str)]) {
        self.desk.irrelevant_keys(at, keys);
    }

    /// Keys of which nothing is made.
    fn refuse(&mut self, at: At<'_>, keys: &[(&str, &'static str)]) {
        self.desk.refuse_keys(at, keys);
    }
}

/// The section in which an id under a key is.
fn section_of(key: &str) -> Option<&'static str> {
    let bare = key.strip_prefix("Destination").unwrap_or(key);
    let own =
        LISTS.iter().find(|(_, id_key, ..)| *id_key == bare).map(|(_, _, section, _)| *section);
    own.or_else(|| (key == "GatewayId").then_some("gateways"))
}

/// The value of a tag.
fn tag_of<'a>(at: At<'a>, wanted: &str) -> Option<&'a str> {
    let tags = at.get("Tags")?.children();
    let tag = tags.into_iter().find(|tag| tag.text_of("Key") == Some(wanted))?;
    tag.text_of("Value")
}

/// Why accounts are not kept.
const OWNER: &str = "a fabric has one owner; accounts are not part of it";
/// Why ARNs are not kept.
const ARN: &str = "a name within AWS; objects are named by their section and name here";
