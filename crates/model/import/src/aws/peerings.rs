//! `describe-vpc-peering-connections`.

use super::{Aws, OWNER};
use crate::document::At;
use crate::draft::{Network, Peering};
use ipnet::IpNet;

impl Aws<'_, '_> {
    /// Peerings of two networks.
    pub(super) fn peerings(&mut self) {
        for at in self.all("VpcPeeringConnections") {
            let Some(name) = self.own_name(at, "VpcPeeringConnectionId") else { continue };
            let sides = ["RequesterVpcInfo", "AccepterVpcInfo"];
            let networks = sides.map(|key| at.get(key).and_then(|side| self.peer(side)));
            let [Some(first), Some(second)] = networks else {
                self.desk.refuse_all(at, "one of its VPCs is in no file, and has no CIDR here");
                continue;
            };
            let is_over = matches!(
                at.get("Status").and_then(|status| status.text_of("Code")),
                Some("rejected" | "deleted" | "deleting" | "failed" | "expired")
            );
            let why = self.desk.not_peerable([&first, &second]);
            if let Some(why) = why.filter(|_| !is_over || first == second) {
                self.desk.refuse_all(at, why);
                continue;
            }
            let status = self.status(at);
            let expires = "a request does not expire here: `status` says what it is";
            self.irrelevant(at, &[("ExpirationTime", expires)]);
            let made = Peering {
                networks: [first, second],
                status,
                routes: "manual",
                tags: self.tags(at),
            };
            self.desk.added(
                format!("peerings.{name}.routes"),
                "`manual`: packets take a peering where a route table says so, as in AWS",
            );
            self.desk.draft.peerings.insert(name, made);
        }
    }

    /// One side: a network of these files, or one that is made of its CIDRs.
    fn peer(&mut self, at: At<'_>) -> Option<String> {
        self.desk.entries(at);
        let id = at.get("VpcId")?;
        let mut cidrs: Vec<IpNet> = Vec::new();
        let words = "the network's own `cidr`";
        if let Some(cidr) = at.get("CidrBlock") {
            cidrs.extend(self.desk.prefix(cidr, words));
        }
        for (list, key) in [("CidrBlockSet", "CidrBlock"), ("Ipv6CidrBlockSet", "Ipv6CidrBlock")] {
            for item in self.desk.items_of(at, list) {
                self.desk.entries(item);
                let Some(cidr) = item.get(key) else { continue };
                let Some(prefix) = self.desk.prefix(cidr, words) else { continue };
                if !cidrs.contains(&prefix) {
                    cidrs.push(prefix);
                }
            }
        }
        // A network of all addresses would have no outside, and is none.
        cidrs.retain(|cidr| cidr.prefix_len() > 0);
        let options = "groups and names of a peered network are known to the other side always";
        self.irrelevant(at, &[("OwnerId", OWNER)]);
        self.refuse(at, &[("PeeringOptions", options)]);
        let text = id.text()?;
        let region = at.get("Region").and_then(|region| Some((region, region.text()?)));
        let known = self.referred(at, "VpcId");
        if let Some(known) = known.filter(|name| self.desk.draft.networks.contains_key(name)) {
            self.desk.exact(id, format!("the network `{known}`"));
            if let Some((at, _)) = region {
                self.desk.exact(at, "the network's own `region`");
            }
            return Some(known);
        }
        if cidrs.is_empty() {
            return None;
        }
        let name = self.desk.names.claim("networks", &[text]);
        self.names.insert(("networks", text.to_owned()), name.clone());
        let how = format!("the network `{name}`, of which no file tells more than its CIDRs");
        self.desk.approximated(id, how);
        self.desk.added(format!("networks.{name}"), "a peering names it, and no file has it");
        let region = region.map(|(at, text)| {
            self.desk.exact(at, "the network's `region`");
            self.desk.region(text)
        });
        self.desk
            .draft
            .networks
            .insert(name.clone(), Network { cidrs, region, ..Network::default() });
        Some(name)
    }

    fn status(&mut self, at: At<'_>) -> &'static str {
        let Some(status) = at.get("Status") else { return "active" };
        self.desk.entries(status);
        let code = status.text_of("Code").unwrap_or("");
        let (word, exact) = match code {
            "active" => ("active", true),
            "pending-acceptance" => ("pending", true),
            "rejected" => ("rejected", true),
            "deleted" => ("deleted", true),
            "deleting" => ("deleted", false),
            "failed" | "expired" => ("rejected", false),
            _ => ("pending", false),
        };
        if let Some(code) = status.get("Code") {
            let words = format!("`status: {word}`");
            if exact { self.desk.exact(code, words) } else { self.desk.approximated(code, words) }
        }
        self.refuse(status, &[("Message", "words for people about the status")]);
        word
    }
}
