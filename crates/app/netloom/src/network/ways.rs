//! What leads out of a network: route tables, gateways, peerings.

use super::{Network, NetworkACL, NetworkError};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The routes of subnets that name it. A network's own prefixes are local in every one, and not listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTable<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its network.
    pub network: &'a str,
    /// Its routes; the longest prefix wins.
    pub routes: Vec<Route<'a>>,
    /// Tags.
    pub tags: HashMap<&'a str, &'a str>,
}

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// Destinations, as a prefix.
    pub destination: &'a str,
    /// Where packets for them go.
    pub target: Target<'a>,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A NAT gateway.
    NatGateway(&'a str),
    /// An internet gateway.
    InternetGateway(&'a str),
    /// A peering.
    Peering(&'a str),
    /// What is behind a node, as over a VPN.
    Node(&'a str),
    /// A workload that forwards.
    Workload(&'a str),
    /// Nowhere.
    Blackhole,
}

/// A NAT gateway: subnets call the internet by its nodes' address, and nothing calls them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NatGateway<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its network.
    pub network: &'a str,
    /// Its nodes, of which the first that answers is used; those with the role `gateway` if empty.
    pub nodes: Vec<&'a str>,
    /// Tags.
    pub tags: HashMap<&'a str, &'a str>,
}

/// An internet gateway: public subnets call the internet by it, and what they publish is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InternetGateway<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its network.
    pub network: &'a str,
    /// Its nodes; those with the role `gateway` if empty.
    pub nodes: Vec<&'a str>,
    /// Whether it lets IPv6 out, and nothing in.
    pub egress_only: bool,
}

/// A peering of two networks. Both sides' subnets have routes to the other by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VPCPeering {
    /// What it is called: `SOURCE-TARGET` unless it was given a name.
    pub id: String,
    /// One network.
    pub source_vpc: String,
    /// The other.
    pub target_vpc: String,
    /// The one's prefixes.
    pub source_cidr: String,
    /// The other's.
    pub target_cidr: String,
    /// `active`: packets pass. What control refuses is no peering.
    pub status: String,
}

impl<'a> RouteTable<'a> {
    /// A table without routes.
    pub fn new(name: &'a str, network: &'a str) -> Self {
        Self { name, network, ..Self::default() }
    }

    /// With a route more.
    #[must_use]
    pub fn with_route(mut self, destination: &'a str, target: Target<'a>) -> Self {
        self.routes.push(Route { destination, target });
        self
    }

    pub(super) fn declaration(&self) -> Value {
        let routes = self.routes.iter();
        let routes: Vec<Value> = routes
            .map(|route| json!({ "to": route.destination, "via": route.target.declared() }))
            .collect();
        json!({ "network": self.network, "routes": routes, "tags": self.tags })
    }
}

impl Target<'_> {
    fn declared(&self) -> Value {
        match self {
            Self::NatGateway(name) => json!({ "nat_gateway": name }),
            Self::InternetGateway(name) => json!({ "internet_gateway": name }),
            Self::Peering(name) => json!({ "peering": name }),
            Self::Node(name) => json!({ "node": name }),
            Self::Workload(name) => json!({ "workload": name }),
            Self::Blackhole => json!("blackhole"),
        }
    }
}

impl<'a> NatGateway<'a> {
    /// A gateway on the nodes that have the role.
    pub fn new(name: &'a str, network: &'a str) -> Self {
        Self { name, network, ..Self::default() }
    }

    /// On a node more; the first that answers is used.
    #[must_use]
    pub fn with_node(mut self, node: &'a str) -> Self {
        self.nodes.push(node);
        self
    }

    pub(super) fn declaration(&self) -> Value {
        let mut object = gateway(self.network, &self.nodes);
        object.insert("tags".to_owned(), json!(self.tags));
        Value::Object(object)
    }
}

impl InternetGateway<'_> {
    pub(super) fn declaration(&self) -> Value {
        let mut object = gateway(self.network, &self.nodes);
        object.insert("egress_only".to_owned(), json!(self.egress_only));
        Value::Object(object)
    }
}

fn gateway(network: &str, nodes: &[&str]) -> Map<String, Value> {
    let mut object = Map::from_iter([("network".to_owned(), json!(network))]);
    if !nodes.is_empty() {
        object.insert("nodes".to_owned(), json!(nodes));
    }
    object
}

impl Network {
    /// Makes a route table.
    ///
    /// # Errors
    /// Control refuses it: a target is missing, or a destination is local or has two routes.
    pub async fn create_route_table(&self, table: RouteTable<'_>) -> Result<(), NetworkError> {
        self.declare("route_tables", table.name, table.declaration()).await
    }

    /// Makes a NAT gateway.
    ///
    /// # Errors
    /// Control refuses it: a node is missing, or none has the role.
    pub async fn create_nat_gateway(&self, gateway: NatGateway<'_>) -> Result<(), NetworkError> {
        self.declare("nat_gateways", gateway.name, gateway.declaration()).await
    }

    /// Makes an internet gateway.
    ///
    /// # Errors
    /// Control refuses it: the network has one already, or there is no node for it.
    pub async fn create_internet_gateway(
        &self,
        gateway: InternetGateway<'_>,
    ) -> Result<(), NetworkError> {
        self.declare("internet_gateways", gateway.name, gateway.declaration()).await
    }

    /// Makes a network ACL.
    ///
    /// # Errors
    /// Control refuses it: a number is used twice, a rule names a security group.
    pub async fn create_network_acl(&self, acl: NetworkACL<'_>) -> Result<(), NetworkError> {
        self.declare("network_acls", acl.name, acl.declaration()).await
    }

    /// Peers two networks; both have routes to the other then.
    ///
    /// # Errors
    /// Control refuses it: a network is missing, they overlap, or are peered already.
    pub async fn create_peering(
        &self,
        source_vpc: &str,
        target_vpc: &str,
    ) -> Result<VPCPeering, NetworkError> {
        let id = format!("{source_vpc}-{target_vpc}");
        let declaration = json!({ "networks": [source_vpc, target_vpc] });
        self.declare("peerings", &id, declaration).await?;
        let cidrs = |network: netloom_api::Network| network.cidrs.join(", ");
        Ok(VPCPeering {
            source_cidr: cidrs(self.client().network(source_vpc).await?),
            target_cidr: cidrs(self.client().network(target_vpc).await?),
            source_vpc: source_vpc.to_owned(),
            target_vpc: target_vpc.to_owned(),
            status: "active".to_owned(),
            id,
        })
    }

    /// Removes a route table that was made so.
    ///
    /// # Errors
    /// There is none, a file declares it, or a subnet uses it.
    pub async fn delete_route_table(&self, name: &str) -> Result<(), NetworkError> {
        self.withdraw("route_tables", name).await
    }

    /// Removes a NAT gateway that was made so.
    ///
    /// # Errors
    /// There is none, a file declares it, or a route leads to it.
    pub async fn delete_nat_gateway(&self, name: &str) -> Result<(), NetworkError> {
        self.withdraw("nat_gateways", name).await
    }

    /// Removes an internet gateway that was made so.
    ///
    /// # Errors
    /// There is none, a file declares it, or a route leads to it.
    pub async fn delete_internet_gateway(&self, name: &str) -> Result<(), NetworkError> {
        self.withdraw("internet_gateways", name).await
    }

    /// Removes a network ACL that was made so.
    ///
    /// # Errors
    /// There is none, a file declares it, or a subnet uses it.
    pub async fn delete_network_acl(&self, name: &str) -> Result<(), NetworkError> {
        self.withdraw("network_acls", name).await
    }

    /// Ends a peering that was made so.
    ///
    /// # Errors
    /// There is none, a file declares it, or a route leads to it.
    pub async fn delete_peering(&self, id: &str) -> Result<(), NetworkError> {
        self.withdraw("peerings", id).await
    }
}
