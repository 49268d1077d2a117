//! Gateways to the internet.

use super::{Network, NetworkError};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

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

impl<'a> InternetGateway<'a> {
    /// A gateway on the nodes that have the role.
    pub fn new(name: &'a str, network: &'a str) -> Self {
        Self { name, network, ..Self::default() }
    }

    /// On a node more.
    #[must_use]
    pub fn with_node(mut self, node: &'a str) -> Self {
        self.nodes.push(node);
        self
    }

    /// Which lets IPv6 out, and nothing in.
    #[must_use]
    pub fn with_egress_only(self, egress_only: bool) -> Self {
        Self { egress_only, ..self }
    }

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
}
