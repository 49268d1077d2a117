//! `describe-vpcs`.

use super::{Aws, OWNER};
use crate::document::At;
use crate::draft::Network;
use ipnet::IpNet;

const REFUSED: [(&str, &str); 3] = [
    ("InstanceTenancy", "on which machines instances run is not part of a network"),
    ("IsDefault", "no network is the default one: each subnet names its own"),
    ("BlockPublicAccessStates", "what is public is said by gateways, routes and groups"),
];

impl Aws<'_, '_> {
    /// VPCs as networks.
    pub(super) fn vpcs(&mut self) {
        for at in self.all("Vpcs") {
            let Some(name) = self.own_name(at, "VpcId") else { continue };
            if !self.lives(at, "State", &["available"]) {
                continue;
            }
            let mut cidrs = Vec::new();
            if let Some(cidr) = at.get("CidrBlock") {
                self.desk.network_prefix(cidr, "the first of the network's `cidr`", &mut cidrs);
            }
            self.associated(at, ["CidrBlockAssociationSet", "CidrBlock"], None, &mut cidrs);
            self.associated(at, ["Ipv6CidrBlockAssociationSet", "Ipv6CidrBlock"], None, &mut cidrs);
            if cidrs.is_empty() {
                self.desk.refuse_all(at, "a network needs a prefix, and none stands here");
                continue;
            }
            self.irrelevant(at, &[("OwnerId", OWNER)]);
            self.refuse(at, &REFUSED);
            let region = self.region_of(at);
            let made =
                Network { cidrs, region: Some(region), tags: self.tags(at), ..Network::default() };
            self.desk.draft.name.get_or_insert_with(|| name.clone());
            self.desk.draft.networks.insert(name, made);
        }
    }

    /// Prefixes that are associated with a VPC or a subnet.
    pub(super) fn associated(
        &mut self,
        at: At<'_>,
        [list, key]: [&str; 2],
        network: Option<&str>,
        cidrs: &mut Vec<IpNet>,
    ) {
        for item in self.desk.items_of(at, list) {
            self.desk.entries(item);
            let state = item.get("CidrBlockState").or_else(|| item.get("Ipv6CidrBlockState"));
            let text = state.and_then(|state| state.text_of("State")).unwrap_or("associated");
            if text != "associated" {
                let why = format!("this prefix is {}", crate::scalar::short(text));
                self.desk.refuse_all(item, why);
                continue;
            }
            if let Some(state) = state {
                self.desk.exact_all(state, "the prefix is in use");
            }
            match (item.get(key), network) {
                (Some(prefix), None) => self.desk.network_prefix(prefix, "one of `cidr`", cidrs),
                (Some(prefix), Some(network)) => {
                    self.desk.subnet_prefix(prefix, "one of `cidr`", network, cidrs);
                }
                (None, _) => {}
            }
            let pool = "whose pool a prefix is of does not matter within a fabric";
            self.irrelevant(
                item,
                &[
                    ("AssociationId", "an association has no name here"),
                    ("Ipv6Pool", pool),
                    ("NetworkBorderGroup", pool),
                    ("Ipv6AddressAttribute", pool),
                    ("IpSource", pool),
                ],
            );
        }
    }

    /// The region of a VPC, by the zone of one of its subnets.
    fn region_of(&mut self, vpc: At<'_>) -> String {
        let id = vpc.text_of("VpcId");
        let subnets = self.roots.iter().filter_map(|root| root.get("Subnets"));
        let zone = subnets
            .flat_map(At::children)
            .filter(|subnet| subnet.text_of("VpcId") == id)
            .find_map(|subnet| subnet.text_of("AvailabilityZone"));
        let region = self.desk.region(zone.map_or("aws", crate::complete::place_of));
        if zone.is_none() && self.desk.draft.regions.len() == 1 {
            self.desk.added(
                format!("regions.{region}"),
                "no subnet says in which region its VPC is: give `describe-subnets` too",
            );
        }
        region
    }
}
