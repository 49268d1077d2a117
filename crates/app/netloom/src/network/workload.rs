//! Workloads: what is in a network, and who it runs on.

use super::{Network, NetworkError, Protocol};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A workload: something on a node with addresses of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it was called before: it stays who it is, and keeps its addresses.
    pub was: Option<&'a str>,
    /// Its node.
    pub node: &'a str,
    /// Its subnet.
    pub subnet: &'a str,
    /// Addresses that it asks for; given out by control if empty.
    pub addresses: Vec<&'a str>,
    /// What it may do: without a group, nothing.
    pub security_groups: Vec<&'a str>,
    /// Labels, which services select by.
    pub labels: BTreeMap<&'a str, &'a str>,
    /// Further interfaces, by name.
    pub interfaces: BTreeMap<&'a str, Interface<'a>>,
    /// What can be called from outside, at the nodes of its network's internet gateway.
    pub publish: Vec<Published>,
    /// What it is.
    pub attach: Attach<'a>,
}

/// A further interface of a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface<'a> {
    /// Its subnet.
    pub subnet: &'a str,
    /// Addresses that it asks for; given out by control if empty.
    pub addresses: Vec<&'a str>,
    /// What it may do: without a group, nothing.
    pub security_groups: Vec<&'a str>,
}

/// A port that can be called from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The port at the gateway's nodes.
    pub port: u16,
    /// The port at the workload.
    pub to: u16,
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
    /// Netloom itself sends back over TCP what it receives at this port.
    ServeTcp(u16),
    /// Netloom itself sends back over UDP what it receives at this port.
    ServeUdp(u16),
}

impl<'a> Workload<'a> {
    /// A workload of a node in a subnet.
    pub fn new(name: &'a str, node: &'a str, subnet: &'a str, attach: Attach<'a>) -> Self {
        Self {
            name,
            was: None,
            node,
            subnet,
            addresses: Vec::new(),
            security_groups: Vec::new(),
            labels: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            publish: Vec::new(),
            attach,
        }
    }

    /// Which has had another name until now: it is renamed, and keeps its addresses.
    #[must_use]
    pub fn renamed_from(mut self, name: &'a str) -> Self {
        self.was = Some(name);
        self
    }

    /// With an address that it asks for.
    #[must_use]
    pub fn with_address(mut self, address: &'a str) -> Self {
        self.addresses.push(address);
        self
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

    /// With an interface more.
    #[must_use]
    pub fn with_interface(mut self, name: &'a str, interface: Interface<'a>) -> Self {
        self.interfaces.insert(name, interface);
        self
    }

    /// Which can be called from outside at a port more, and at the same port inside.
    #[must_use]
    pub fn with_published(mut self, protocol: Protocol, port: u16) -> Self {
        self.publish.push(Published { protocol, port, to: port });
        self
    }

    pub(super) fn declaration(&self) -> Value {
        let interface = |(name, one): (&&str, &Interface<'_>)| {
            let mut object =
                json!({ "subnet": one.subnet, "security_groups": one.security_groups });
            if !one.addresses.is_empty() {
                object["address"] = json!(one.addresses);
            }
            ((*name).to_owned(), object)
        };
        let published = |one: &Published| json!({ "port": one.port, "protocol": one.protocol.to_string(), "to": one.to });
        let mut object = json!({
            "node": self.node,
            "subnet": self.subnet,
            "security_groups": self.security_groups,
            "labels": self.labels,
            "attach": self.attach.declared(),
        });
        if let Some(was) = self.was {
            object["was"] = json!(was);
        }
        // What is left out keeps declarations readable in the history.
        if !self.addresses.is_empty() {
            object["address"] = json!(self.addresses);
        }
        if !self.interfaces.is_empty() {
            object["interfaces"] = self.interfaces.iter().map(interface).collect();
        }
        if !self.publish.is_empty() {
            object["publish"] = self.publish.iter().map(published).collect();
        }
        object
    }
}

impl Attach<'_> {
    fn declared(&self) -> Value {
        match self {
            Self::Host => json!("host"),
            Self::Container(name) => json!({ "container": { "name": name } }),
            Self::Netns(path) => json!({ "netns": path }),
            Self::Process(run) => json!({ "process": { "run": run } }),
            Self::ServeHttp(port) => json!({ "serve": { "http": port } }),
            Self::ServeTcp(port) => json!({ "serve": { "tcp": port } }),
            Self::ServeUdp(port) => json!({ "serve": { "udp": port } }),
        }
    }
}

impl Network {
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
}
