//! `describe-internet-gateways`, `describe-egress-only-internet-gateways`, `describe-nat-gateways`.

use super::{Aws, OWNER};
use crate::document::At;
use crate::draft::Gateway;

const NAT_IRRELEVANT: [(&str, &str); 4] = [
    ("CreateTime", "when it was made does not matter"),
    ("DeleteTime", "when it was removed does not matter"),
    ("FailureCode", "it is told of a gateway that failed"),
    ("FailureMessage", "it is told of a gateway that failed"),
];
const NAT_REFUSED: [(&str, &str); 3] = [
    ("ProvisionedBandwidth", "what a host can carry is not declared"),
    ("AutoProvisionZones", "which nodes carry it is said by `nodes`"),
    ("AttachedAppliances", "appliances of AWS are not part of a fabric"),
];

impl Aws<'_, '_> {
    /// Internet gateways, and those that only let out.
    pub(super) fn gateways(&mut self) {
        for (list, id_key, egress_only) in [
            ("InternetGateways", "InternetGatewayId", false),
            ("EgressOnlyInternetGateways", "EgressOnlyInternetGatewayId", true),
        ] {
            for at in self.all(list) {
                let Some(name) = self.own_name(at, id_key) else { continue };
                self.internet_gateway(at, name, egress_only);
            }
        }
    }

    fn internet_gateway(&mut self, at: At<'_>, name: String, egress_only: bool) {
        let mut network = None;
        for item in self.desk.items_of(at, "Attachments") {
            self.desk.entries(item);
            let found = self.referred(item, "VpcId");
            let found = found.filter(|name| self.desk.draft.networks.contains_key(name));
            let attached = matches!(item.text_of("State"), Some("available" | "attached") | None);
            match found.filter(|_| attached && network.is_none()) {
                Some(found) => {
                    self.desk.exact_all(item, format!("of the network `{found}`"));
                    network = Some(found);
                }
                None => self.desk.refuse_all(item, "not attached to a VPC that is in a file"),
            }
        }
        let Some(network) = network else {
            self.desk.refuse_all(at, "it is attached to no VPC that is in a file");
            return;
        };
        let all = self.desk.draft.internet_gateways.values();
        if all.clone().any(|one| one.network == network && one.egress_only == egress_only) {
            self.desk
                .refuse_all(at, "its network has such a gateway already, and one of a kind is all");
            return;
        }
        self.irrelevant(at, &[("OwnerId", OWNER)]);
        let made = Gateway { network, egress_only, tags: self.tags(at) };
        self.desk.draft.internet_gateways.insert(name, made);
    }

    /// NAT gateways.
    pub(super) fn nat_gateways(&mut self) {
        for at in self.all("NatGateways") {
            let Some(name) = self.own_name(at, "NatGatewayId") else { continue };
            if !self.lives(at, "State", &["available", "pending"]) {
                continue;
            }
            let Some(network) = self.network_of(at) else { continue };
            self.irrelevant(at, &NAT_IRRELEVANT);
            self.refuse(at, &NAT_REFUSED);
            if let Some(kind) = at.get("ConnectivityType") {
                match kind.text() {
                    Some("public") => self.desk.exact(kind, "it leads to the internet"),
                    _ => {
                        let why = "a private NAT gateway translates between networks; networks reach \
                                   each other by peerings, untranslated";
                        self.desk.refuse_all(at, why);
                        continue;
                    }
                }
            }
            for key in ["SubnetId", "NatGatewayAddresses", "AvailabilityMode"] {
                if let Some(value) = at.get(key) {
                    let how = "a node with the role `gateway` carries it, and its address is the one \
                               that the internet sees; `nodes` says which";
                    self.desk.approximate_all(value, how);
                }
            }
            let made = Gateway { network, egress_only: false, tags: self.tags(at) };
            self.desk.draft.nat_gateways.insert(name, made);
        }
    }
}
