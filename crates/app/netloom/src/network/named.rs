//! What rules and routes name instead of numbers: prefix lists, and entries of the service port table.

use super::{Network, NetworkError, Protocol};
use serde_json::{Value, json};

/// Prefixes under one name, for rules and routes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrefixList<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its prefixes.
    pub entries: Vec<&'a str>,
    /// What it counts as in quotas, however many it has; as many as it has if not said.
    pub max_entries: Option<usize>,
}

/// An entry of the service port table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServicePort<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its port.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Whether it is meant to be called from outside.
    pub public: bool,
}

impl<'a> PrefixList<'a> {
    /// A list without prefixes.
    pub fn new(name: &'a str) -> Self {
        Self { name, ..Self::default() }
    }

    /// With a prefix more.
    #[must_use]
    pub fn with_entry(mut self, prefix: &'a str) -> Self {
        self.entries.push(prefix);
        self
    }

    /// With room for as many prefixes.
    #[must_use]
    pub fn with_max_entries(self, count: usize) -> Self {
        Self { max_entries: Some(count), ..self }
    }

    pub(super) fn declaration(&self) -> Value {
        let mut object = json!({ "entries": self.entries });
        if let Some(count) = self.max_entries {
            object["max_entries"] = json!(count);
        }
        object
    }
}

impl<'a> ServicePort<'a> {
    /// An entry for callers inside.
    pub fn new(name: &'a str, port: u16, protocol: Protocol) -> Self {
        Self { name, port, protocol, public: false }
    }

    /// For callers outside, too.
    #[must_use]
    pub fn with_public(self, public: bool) -> Self {
        Self { public, ..self }
    }

    pub(super) fn declaration(&self) -> Value {
        let visibility = if self.public { "public" } else { "internal" };
        let protocol = self.protocol.to_string();
        json!({ "port": self.port, "protocol": protocol, "visibility": visibility })
    }
}

impl Network {
    /// Makes a prefix list.
    ///
    /// # Errors
    /// Control refuses it: its name is taken, an entry is no prefix, or there is no room for all.
    pub async fn create_prefix_list(&self, list: PrefixList<'_>) -> Result<(), NetworkError> {
        self.declare("prefix_lists", list.name, list.declaration()).await
    }

    /// Gives a prefix list that was made so other prefixes; what names it has them at once.
    ///
    /// # Errors
    /// Control refuses it: a file declares it, or as [`Network::create_prefix_list`].
    pub async fn update_prefix_list(&self, list: PrefixList<'_>) -> Result<(), NetworkError> {
        self.redeclare("prefix_lists", list.name, list.declaration()).await
    }

    /// Removes a prefix list that was made so.
    ///
    /// # Errors
    /// There is none, a file declares it, or a rule or route names it.
    pub async fn delete_prefix_list(&self, name: &str) -> Result<(), NetworkError> {
        self.withdraw("prefix_lists", name).await
    }

    /// Makes an entry of the service port table.
    ///
    /// # Errors
    /// Control refuses it: its name is taken, or its protocol has no ports.
    pub async fn create_service_port(&self, port: ServicePort<'_>) -> Result<(), NetworkError> {
        self.declare("ports", port.name, port.declaration()).await
    }

    /// Removes an entry of the service port table that was made so.
    ///
    /// # Errors
    /// There is none, a file declares it, or a rule names it.
    pub async fn delete_service_port(&self, name: &str) -> Result<(), NetworkError> {
        self.withdraw("ports", name).await
    }
}
