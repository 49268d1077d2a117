//! `describe-route-tables`.

use super::{Aws, OWNER};
use crate::document::At;
use crate::draft::{Route, RouteTable, Side, Via};
use ipnet::IpNet;
use std::collections::BTreeSet;

/// A way by the name of what it leads through.
type ViaNamed = fn(String) -> Via;

const INSTANCE: &str = "an instance is the next hop, and instances are in no file: declare it as a \
                        workload, and the route as `via: { workload: NAME }`";
/// Next hops that have no counterpart.
const ELSEWHERE: [(&str, &str); 7] = [
    (
        "TransitGatewayId",
        "transit gateways join many networks and are not part of the network model: declare a peering \
         for each pair that is to reach each other",
    ),
    ("InstanceId", INSTANCE),
    ("NetworkInterfaceId", INSTANCE),
    ("CarrierGatewayId", "carrier gateways are of AWS Wavelength; a gateway is a node here"),
    ("LocalGatewayId", "local gateways are of AWS Outposts: a node advertises what is behind it"),
    (
        "CoreNetworkArn",
        "networks of AWS Cloud WAN are not part of the network model: declare peerings",
    ),
    ("OdbNetworkArn", "networks of Oracle at AWS are not part of the network model"),
];

impl Aws<'_, '_> {
    /// Route tables and which subnets have them.
    pub(super) fn route_tables(&mut self) {
        for at in self.all("RouteTables") {
            let Some(name) = self.own_name(at, "RouteTableId") else { continue };
            let Some(network) = self.network_of(at) else { continue };
            self.irrelevant(at, &[("OwnerId", OWNER)]);
            for item in self.desk.items_of(at, "PropagatingVgws") {
                let why = "routes of AWS's own VPN; a stock WireGuard peer `advertise`s what is behind it";
                self.desk.refuse_all(item, why);
            }
            let mut made = RouteTable { network: network.clone(), ..RouteTable::default() };
            let mut taken = BTreeSet::new();
            for item in self.desk.items_of(at, "Routes") {
                made.routes.extend(self.route(item, &network, &mut taken));
            }
            for item in self.desk.items_of(at, "Associations") {
                self.association(item, &name, &network);
            }
            made.tags = self.tags(at);
            self.desk.draft.route_tables.insert(name, made);
        }
    }

    fn association(&mut self, at: At<'_>, table: &str, network: &str) {
        self.desk.entries(at);
        let state = at.get("AssociationState").and_then(|state| state.text_of("State"));
        if state.is_some_and(|state| state != "associated" && state != "associating") {
            self.desk.refuse_all(at, "the association is not in force");
            return;
        }
        let named = "an association has no name here";
        self.irrelevant(at, &[("RouteTableAssociationId", named)]);
        let is_main = at.text_of("Main") == Some("true");
        let subnet = self.referred(at, "SubnetId");
        if let (true, Some(made)) = (is_main, self.desk.draft.networks.get_mut(network)) {
            made.route_table = Some(table.to_owned());
            self.exact_keys(at, "the table of the network's subnets that name none");
        } else if let Some(subnet) = subnet
            .and_then(|subnet| self.desk.draft.subnets.get_mut(&subnet))
            .filter(|subnet| subnet.network == network)
        {
            subnet.route_table = Some(table.to_owned());
            self.exact_keys(at, "the subnet's `route_table`");
        } else if at.get("GatewayId").is_some() {
            let why = "routes of what comes in by a gateway are not part of the network model: a \
                       packet goes straight to its subnet";
            self.desk.refuse_all(at, why);
        } else {
            self.desk
                .refuse_all(at, "no file has its subnet in this VPC: give `describe-subnets` too");
        }
    }

    fn exact_keys(&mut self, at: At<'_>, words: &'static str) {
        for key in ["Main", "RouteTableId", "SubnetId", "AssociationState"] {
            if let Some(value) = at.get(key) {
                self.desk.exact_all(value, words);
            }
        }
    }

    fn route(&mut self, at: At<'_>, network: &str, taken: &mut BTreeSet<IpNet>) -> Vec<Route> {
        self.desk.entries(at);
        if at.text_of("GatewayId") == Some("local") {
            self.desk.exact_all(at, "a network's own CIDRs are always local; no route is needed");
            return Vec::new();
        }
        let Some(to) = self.destination(at) else { return Vec::new() };
        let routes = self.next_hop(at, network).and_then(|via| self.legs(to, via, network));
        let prefixes = routes.as_ref().map(|routes| self.prefixes(routes)).unwrap_or_default();
        let routes =
            routes.and_then(|routes| match prefixes.iter().find(|one| taken.contains(*one)) {
                Some(prefix) => Err(format!("{prefix} has a route in this table already")),
                None => Ok(routes),
            });
        let routes = match routes {
            Ok(routes) => routes,
            Err(why) => {
                self.desk.refuse_all(at, why);
                return Vec::new();
            }
        };
        taken.extend(prefixes);
        if let (Some(Route { via: Via::Peering(_), to }), Some(key)) = (
            routes.first(),
            at.get("DestinationCidrBlock").or_else(|| at.get("DestinationIpv6CidrBlock")),
        ) && key.text().and_then(crate::scalar::prefix).map(Side::Cidr).as_ref() != Some(to)
        {
            let how = "the peered network's own prefixes: a peering leads to them and no further";
            self.desk.approximated(key, how);
        }
        let origin = "whether people or the system made a route does not matter";
        let owner = "whose an instance is does not matter";
        self.irrelevant(at, &[("Origin", origin), ("InstanceOwnerId", owner)]);
        routes
    }

    fn destination(&mut self, at: At<'_>) -> Option<Side> {
        for key in ["DestinationCidrBlock", "DestinationIpv6CidrBlock"] {
            if let Some(prefix) = at.get(key) {
                return self.desk.prefix(prefix, "where the route leads").map(Side::Cidr);
            }
        }
        let list = self.referred(at, "DestinationPrefixListId");
        let list = list.filter(|name| self.desk.draft.prefix_lists.contains_key(name));
        match (list, at.get("DestinationPrefixListId")) {
            (Some(list), Some(key)) => {
                self.desk.exact(key, format!("the prefix list `{list}`"));
                Some(Side::PrefixList(list))
            }
            (_, key) => {
                let why = match key {
                    Some(_) => "its prefix list, or the entries of that, are in no file",
                    None => "the route does not say where it leads",
                };
                self.desk.refuse_all(at, why);
                None
            }
        }
    }

    /// The next hop, or why it has no counterpart.
    fn next_hop(&mut self, at: At<'_>, network: &str) -> Result<Via, String> {
        if let Some(state) = at.get("State") {
            if state.text() == Some("blackhole") {
                self.desk.exact_all(state, "`via: blackhole`");
                for key in ["GatewayId", "NatGatewayId", "VpcPeeringConnectionId"]
                    .into_iter()
                    .chain(ELSEWHERE.map(|(key, _)| key))
                    .chain(["EgressOnlyInternetGatewayId"])
                {
                    if let Some(hop) = at.get(key) {
                        self.desk.approximated(hop, "it is gone; the route is a black hole");
                    }
                }
                return Ok(Via::Blackhole);
            }
            self.desk.exact(state, "the route is in force");
        }
        if let Some((_, why)) = ELSEWHERE.iter().find(|(key, _)| at.get(key).is_some()) {
            return Err((*why).to_owned());
        }
        let hops: [(&str, ViaNamed); 4] = [
            ("NatGatewayId", Via::NatGateway),
            ("VpcPeeringConnectionId", Via::Peering),
            ("EgressOnlyInternetGatewayId", Via::InternetGateway),
            ("GatewayId", Via::InternetGateway),
        ];
        for (key, via) in hops {
            let Some(hop) = at.get(key) else { continue };
            let id = hop.text().unwrap_or("");
            if id.starts_with("vgw-") {
                return Err(
                    "a VPN of AWS: attach the other end as a stock WireGuard peer, and route \
                            `via: { workload: NAME }`"
                        .to_owned(),
                );
            }
            if id.starts_with("vpce-") {
                return Err(
                    "an endpoint of a service of AWS, which a fabric does not have".to_owned()
                );
            }
            let name = self.referred(at, key).filter(|name| self.is_made(key, name, network));
            let Some(name) = name else {
                return Err(format!("its next hop {} is in no file", crate::scalar::short(id)));
            };
            self.desk.exact(hop, format!("via `{name}`"));
            return Ok(via(name));
        }
        Err("the route has no next hop".to_owned())
    }

    /// Whether a next hop was imported, into this network.
    fn is_made(&self, key: &str, name: &str, network: &str) -> bool {
        let draft = &self.desk.draft;
        match key {
            "NatGatewayId" => {
                draft.nat_gateways.get(name).is_some_and(|one| one.network == network)
            }
            "VpcPeeringConnectionId" => draft
                .peerings
                .get(name)
                .is_some_and(|one| one.networks.iter().any(|side| side == network)),
            _ => draft.internet_gateways.get(name).is_some_and(|one| one.network == network),
        }
    }
}
