//! Subnets: parts of a network, each with its way out and its border.

use super::{NetworkError, prefixes};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// A subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subnet<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its network; empty for the one that holds its prefix.
    pub network: &'a str,
    /// Its prefix; several are separated by commas.
    pub cidr: &'a str,
    /// Its zone; empty for none.
    pub zone: &'a str,
    /// Whether it reaches the internet by its network's internet gateway.
    pub public: bool,
    /// Its route table; its network's if none is named.
    pub route_table: Option<&'a str>,
    /// The NAT gateway by which it reaches the internet, where its table does not say.
    pub nat_gateway: Option<&'a str>,
    /// Its network ACL; its network's if none is named.
    pub network_acl: Option<&'a str>,
    /// Tags.
    pub tags: HashMap<&'a str, &'a str>,
}

impl<'a> Subnet<'a> {
    /// A private subnet of which only the name is known.
    pub fn new(name: &'a str) -> Self {
        Self { name, ..Self::default() }
    }

    /// In a network; else in the one that holds its prefix.
    #[must_use]
    pub fn with_network(self, network: &'a str) -> Self {
        Self { network, ..self }
    }

    /// With a prefix.
    #[must_use]
    pub fn with_cidr(self, cidr: &'a str) -> Self {
        Self { cidr, ..self }
    }

    /// In a zone.
    #[must_use]
    pub fn with_zone(self, zone: &'a str) -> Self {
        Self { zone, ..self }
    }

    /// Private, or public.
    #[must_use]
    pub fn with_private(self, private: bool) -> Self {
        Self { public: !private, ..self }
    }

    /// With the routes of a table.
    #[must_use]
    pub fn with_route_table(self, table: &'a str) -> Self {
        Self { route_table: Some(table), ..self }
    }

    /// Which reaches the internet by a NAT gateway.
    #[must_use]
    pub fn with_nat_gateway(self, gateway: &'a str) -> Self {
        Self { nat_gateway: Some(gateway), ..self }
    }

    /// With a network ACL at its border.
    #[must_use]
    pub fn with_network_acl(self, acl: &'a str) -> Self {
        Self { network_acl: Some(acl), ..self }
    }

    /// With a tag more.
    #[must_use]
    pub fn with_tag(mut self, key: &'a str, value: &'a str) -> Self {
        self.tags.insert(key, value);
        self
    }

    /// The same as in a file.
    pub(super) fn declaration(&self) -> Result<Value, NetworkError> {
        let mut object = Map::new();
        object.insert("cidr".to_owned(), prefixes(self.name, self.cidr)?);
        object.insert("public".to_owned(), json!(self.public));
        let named = [
            ("network", self.network),
            ("zone", self.zone),
            ("route_table", self.route_table.unwrap_or_default()),
            ("nat_gateway", self.nat_gateway.unwrap_or_default()),
            ("network_acl", self.network_acl.unwrap_or_default()),
        ];
        for (key, value) in named.into_iter().filter(|(_, value)| !value.is_empty()) {
            object.insert(key.to_owned(), json!(value));
        }
        if !self.tags.is_empty() {
            object.insert("tags".to_owned(), json!(self.tags));
        }
        Ok(Value::Object(object))
    }
}
