//! Nodes: hosts that may join.

use super::{Network, NetworkError};
use serde_json::{Map, Value, json};

/// A node: a host that may join.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its region.
    pub region: &'a str,
    /// Its zone; empty for none.
    pub zone: &'a str,
    /// Where others can call it, `host:port`; empty where control finds out.
    pub endpoint: &'a str,
    /// What it does for the fabric.
    pub roles: Vec<Role>,
    /// Prefixes behind it.
    pub advertise: Vec<Advertised<'a>>,
    /// Tags, which tokens can be bound to.
    pub tags: Vec<&'a str>,
    /// Groups that govern its own traffic.
    pub security_groups: Vec<&'a str>,
}

/// What a node does for the fabric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It can be a member of control.
    Control,
    /// Gateways may be on it.
    Gateway,
}

/// A prefix behind a node, such as a local network at home.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advertised<'a> {
    /// The prefix as it is there.
    pub cidr: &'a str,
    /// As the fabric sees it, address by address; empty for as it is.
    pub seen_as: &'a str,
    /// The networks that reach it; those that the node is in if empty.
    pub networks: Vec<&'a str>,
}

impl<'a> Node<'a> {
    /// A node in a region.
    pub fn new(name: &'a str, region: &'a str) -> Self {
        Self { name, region, ..Self::default() }
    }

    /// In a zone of its region.
    #[must_use]
    pub fn with_zone(self, zone: &'a str) -> Self {
        Self { zone, ..self }
    }

    /// Which others call at `host:port`.
    #[must_use]
    pub fn with_endpoint(self, endpoint: &'a str) -> Self {
        Self { endpoint, ..self }
    }

    /// With a role more.
    #[must_use]
    pub fn with_role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    /// With a prefix more behind it.
    #[must_use]
    pub fn with_advertised(mut self, advertised: Advertised<'a>) -> Self {
        self.advertise.push(advertised);
        self
    }

    /// With a tag more.
    #[must_use]
    pub fn with_tag(mut self, tag: &'a str) -> Self {
        self.tags.push(tag);
        self
    }

    /// Governed by a group more.
    #[must_use]
    pub fn with_security_group(mut self, group: &'a str) -> Self {
        self.security_groups.push(group);
        self
    }

    pub(super) fn declaration(&self) -> Value {
        let mut object = Map::from_iter([("region".to_owned(), json!(self.region))]);
        for (key, text) in [("zone", self.zone), ("endpoint", self.endpoint)] {
            if !text.is_empty() {
                object.insert(key.to_owned(), json!(text));
            }
        }
        for (key, list) in [("tags", &self.tags), ("security_groups", &self.security_groups)] {
            if !list.is_empty() {
                object.insert(key.to_owned(), json!(list));
            }
        }
        if !self.roles.is_empty() {
            let roles: Vec<&str> = self.roles.iter().map(|role| role.word()).collect();
            object.insert("roles".to_owned(), json!(roles));
        }
        if !self.advertise.is_empty() {
            let behind: Vec<Value> = self.advertise.iter().map(Advertised::declared).collect();
            object.insert("advertise".to_owned(), Value::Array(behind));
        }
        Value::Object(object)
    }
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Gateway => "gateway",
        }
    }
}

impl Advertised<'_> {
    fn declared(&self) -> Value {
        let mut object = json!({ "cidr": self.cidr });
        if !self.seen_as.is_empty() {
            object["as"] = json!(self.seen_as);
        }
        if !self.networks.is_empty() {
            object["networks"] = json!(self.networks);
        }
        object
    }
}

impl Network {
    /// Declares a node, which a token lets join.
    ///
    /// # Errors
    /// Control refuses it: its region is missing, its name is taken.
    pub async fn create_node(&self, node: Node<'_>) -> Result<(), NetworkError> {
        self.declare("nodes", node.name, node.declaration()).await
    }

    /// Removes a node that was declared so.
    ///
    /// # Errors
    /// There is none, a file declares it, or it has workloads.
    pub async fn delete_node(&self, name: &str) -> Result<(), NetworkError> {
        self.withdraw("nodes", name).await
    }
}
