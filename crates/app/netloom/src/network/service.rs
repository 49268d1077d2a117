//! Services: names for sets of workloads.

use super::{Network, NetworkError};
use serde_json::{Value, json};
use std::collections::BTreeMap;

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
