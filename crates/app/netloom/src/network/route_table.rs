//! Route tables.

use super::{Network, NetworkError};
use serde_json::{Value, json};
use std::collections::HashMap;

/// The routes of subnets that name it. A network's own prefixes are local in every one, and not listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTable<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its network; empty for that of the gateways that its routes lead to.
    pub network: &'a str,
    /// Its routes; the longest prefix wins.
    pub routes: Vec<Route<'a>>,
    /// Tags.
    pub tags: HashMap<&'a str, &'a str>,
}

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// Destinations.
    pub destination: RouteDestination<'a>,
    /// Where packets for them go.
    pub target: Target<'a>,
}

/// The destinations of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteDestination<'a> {
    /// A prefix.
    CIDR(&'a str),
    /// All prefixes of a list.
    PrefixList(&'a str),
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

impl<'a> RouteTable<'a> {
    /// A table without routes.
    pub fn new(name: &'a str) -> Self {
        Self { name, ..Self::default() }
    }

    /// Of a network; else of that of its gateways.
    #[must_use]
    pub fn with_network(self, network: &'a str) -> Self {
        Self { network, ..self }
    }

    /// With a route more.
    #[must_use]
    pub fn with_route(mut self, destination: &'a str, target: Target<'a>) -> Self {
        self.routes.push(Route { target, ..Route::new(destination) });
        self
    }

    /// With routes more.
    #[must_use]
    pub fn with_routes(mut self, routes: Vec<Route<'a>>) -> Self {
        self.routes.extend(routes);
        self
    }

    /// With a tag more.
    #[must_use]
    pub fn with_tag(mut self, key: &'a str, value: &'a str) -> Self {
        self.tags.insert(key, value);
        self
    }

    pub(super) fn declaration(&self) -> Value {
        let routes: Vec<Value> = self.routes.iter().map(Route::declared).collect();
        let mut object = json!({ "routes": routes, "tags": self.tags });
        if !self.network.is_empty() {
            object["network"] = json!(self.network);
        }
        object
    }
}

impl<'a> Route<'a> {
    /// A route to a prefix, which leads nowhere until it is said by what.
    pub fn new(prefix: &'a str) -> Self {
        Self { destination: RouteDestination::CIDR(prefix), target: Target::Blackhole }
    }

    /// A route to all prefixes of a list, which leads nowhere until it is said by what.
    pub fn to_prefix_list(list: &'a str) -> Self {
        Self { destination: RouteDestination::PrefixList(list), target: Target::Blackhole }
    }

    /// By a NAT gateway.
    #[must_use]
    pub fn via_nat_gateway(self, gateway: &'a str) -> Self {
        Self { target: Target::NatGateway(gateway), ..self }
    }

    /// By an internet gateway.
    #[must_use]
    pub fn via_internet_gateway(self, gateway: &'a str) -> Self {
        Self { target: Target::InternetGateway(gateway), ..self }
    }

    /// By a peering.
    #[must_use]
    pub fn via_peering(self, peering: &'a str) -> Self {
        Self { target: Target::Peering(peering), ..self }
    }

    /// By a node, to what is behind it.
    #[must_use]
    pub fn via_node(self, node: &'a str) -> Self {
        Self { target: Target::Node(node), ..self }
    }

    /// By a workload that forwards.
    #[must_use]
    pub fn via_workload(self, workload: &'a str) -> Self {
        Self { target: Target::Workload(workload), ..self }
    }

    /// Nowhere.
    #[must_use]
    pub fn via_blackhole(self) -> Self {
        Self { target: Target::Blackhole, ..self }
    }

    fn declared(&self) -> Value {
        let to = match self.destination {
            RouteDestination::CIDR(prefix) => json!(prefix),
            RouteDestination::PrefixList(list) => json!({ "prefix_list": list }),
        };
        json!({ "to": to, "via": self.target.declared() })
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

impl Network {
    /// Makes a route table.
    ///
    /// # Errors
    /// Control refuses it: a target is missing, or a destination is local or has two routes.
    pub async fn create_route_table(&self, table: RouteTable<'_>) -> Result<(), NetworkError> {
        self.declare("route_tables", table.name, table.declaration()).await
    }

    /// Gives a route table that was made so other routes.
    ///
    /// # Errors
    /// Control refuses it: a file declares it, or as [`Network::create_route_table`].
    pub async fn update_route_table(&self, table: RouteTable<'_>) -> Result<(), NetworkError> {
        self.redeclare("route_tables", table.name, table.declaration()).await
    }

    /// Removes a route table that was made so.
    ///
    /// # Errors
    /// There is none, a file declares it, or a subnet uses it.
    pub async fn delete_route_table(&self, name: &str) -> Result<(), NetworkError> {
        self.withdraw("route_tables", name).await
    }
}
