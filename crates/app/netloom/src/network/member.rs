//! Nodes, workloads and services: what is in a network, and who it runs on.

use super::manager::{Network, NetworkError};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

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
    /// Tags, which tokens can be bound to.
    pub tags: Vec<&'a str>,
    /// Groups that govern its own traffic.
    pub security_groups: Vec<&'a str>,
}

/// A workload: something on a node with addresses of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its node.
    pub node: &'a str,
    /// Its subnet.
    pub subnet: &'a str,
    /// What it may do: without a group, nothing.
    pub security_groups: Vec<&'a str>,
    /// Labels, which services select by.
    pub labels: BTreeMap<&'a str, &'a str>,
    /// What it is.
    pub attach: Attach<'a>,
}

/// What a workload is on its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attach<'a> {
    /// Services of the host's own network stack.
    Host,
    /// A container of the host's engine, by name.
    Container(&'a str),
    /// A network namespace, by its path.
    Netns(&'a str),
    /// A process that Netloom runs: the program and its arguments.
    Process(Vec<&'a str>),
    /// Netloom itself answers HTTP at this port.
    ServeHttp(u16),
}

/// A service: a name for the workloads that have its labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its namespace; empty for the default one.
    pub namespace: &'a str,
    /// Its port.
    pub port: u16,
    /// Labels of its workloads.
    pub select: BTreeMap<&'a str, &'a str>,
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
        Value::Object(object)
    }
}

impl<'a> Workload<'a> {
    /// A workload of a node in a subnet.
    pub fn new(name: &'a str, node: &'a str, subnet: &'a str, attach: Attach<'a>) -> Self {
        let (security_groups, labels) = (Vec::new(), BTreeMap::new());
        Self { name, node, subnet, security_groups, labels, attach }
    }

    /// With a group more.
    #[must_use]
    pub fn with_security_group(mut self, group: &'a str) -> Self {
        self.security_groups.push(group);
        self
    }

    /// With a label more.
    #[must_use]
    pub fn with_label(mut self, key: &'a str, value: &'a str) -> Self {
        self.labels.insert(key, value);
        self
    }

    pub(super) fn declaration(&self) -> Value {
        json!({
            "node": self.node,
            "subnet": self.subnet,
            "security_groups": self.security_groups,
            "labels": self.labels,
            "attach": match &self.attach {
                Attach::Host => json!("host"),
                Attach::Container(name) => json!({ "container": { "name": name } }),
                Attach::Netns(path) => json!({ "netns": path }),
                Attach::Process(run) => json!({ "process": { "run": run } }),
                Attach::ServeHttp(port) => json!({ "serve": { "http": port } }),
            },
        })
    }
}

impl<'a> Service<'a> {
    /// A service at a port.
    pub fn new(name: &'a str, port: u16) -> Self {
        Self { name, port, ..Self::default() }
    }

    /// In a namespace.
    #[must_use]
    pub fn with_namespace(self, namespace: &'a str) -> Self {
        Self { namespace, ..self }
    }

    /// Served by workloads with this label, too.
    #[must_use]
    pub fn with_select(mut self, key: &'a str, value: &'a str) -> Self {
        self.select.insert(key, value);
        self
    }

    pub(super) fn declaration(&self) -> Value {
        let mut object = json!({ "port": self.port, "select": self.select });
        if !self.namespace.is_empty() {
            object["namespace"] = json!(self.namespace);
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

    /// Makes a workload.
    ///
    /// # Errors
    /// Control refuses it: what it names is missing, its name is taken, its subnet is full.
    pub async fn create_workload(&self, workload: Workload<'_>) -> Result<(), NetworkError> {
        self.declare("workloads", workload.name, workload.declaration()).await
    }

    /// Removes a workload that was made so.
    ///
    /// # Errors
    /// There is none, or a file declares it.
    pub async fn delete_workload(&self, name: &str) -> Result<(), NetworkError> {
        self.withdraw("workloads", name).await
    }

    /// Makes a service.
    ///
    /// # Errors
    /// Control refuses it: its name is taken, or it selects by nothing.
    pub async fn create_service(&self, service: Service<'_>) -> Result<(), NetworkError> {
        self.declare("services", service.name, service.declaration()).await
    }

    /// Removes a service that was made so.
    ///
    /// # Errors
    /// There is none, or a file declares it.
    pub async fn delete_service(&self, name: &str) -> Result<(), NetworkError> {
        self.withdraw("services", name).await
    }
}
