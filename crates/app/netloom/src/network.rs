//! What a fabric is made of, as programs declare it: types, builders, and who makes it so.
//!
//! ```no_run
//! # async fn example() -> Result<(), netloom::network::NetworkError> {
//! use netloom::network::{Config, Network, NetworkManager as _, Subnet, VirtualNetwork};
//!
//! let network = Network::new(Config::local("shop"))?;
//! let vpc = VirtualNetwork::new("app-network")
//!     .with_cidr("10.0.0.0/16")
//!     .with_zones(vec!["us-west-1a", "us-west-1b"]);
//! network.create_network(vpc).await?;
//! let subnet = Subnet::new("app-subnet").with_cidr("10.0.1.0/24").with_zone("us-west-1a");
//! network.create_subnet(subnet.with_private(true)).await?;
//! # Ok(())
//! # }
//! ```
//! What is declared so merges with the fabric's files, and an apply of the files leaves it alone. What
//! Netloom does not have yet is refused, never left out.

mod acl;
mod manager;
mod member;
mod rules;
mod ways;

pub use acl::{ACLEgressRule, ACLRule, Action, NetworkACL};
pub(crate) use manager::kept;
pub use manager::{Config, Network, NetworkError, NetworkManager};
pub use member::{Attach, Node, Service, Workload};
pub use rules::{
    Destination, EgressRule, PortRange, Protocol, SecurityGroup, SecurityRule, Source,
};

pub use ways::{InternetGateway, NatGateway, Route, RouteTable, Target, VPCPeering};

use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// A network (VPC).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VirtualNetwork<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its prefix; several are separated by commas.
    pub cidr: &'a str,
    /// Its region; empty for the one that has its zones, or for none.
    pub region: &'a str,
    /// Its zones, which must be those of its region.
    pub zones: Vec<&'a str>,
    /// Its names.
    pub dns_config: DnsConfig<'a>,
    /// Tags.
    pub tags: HashMap<&'a str, &'a str>,
}

/// How names are resolved in a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsConfig<'a> {
    /// Its domain; empty for `NETWORK.internal`.
    pub domain: &'a str,
    /// Resolvers for all other names. The network's third address, where clouds have their own resolver,
    /// means Netloom's, which is in each subnet anyway: it is nothing to forward to, and is left out.
    pub resolvers: Vec<&'a str>,
    /// Every network has its names for itself, so this cannot be switched off.
    pub enable_private_dns: bool,
}

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
    /// Its route table.
    pub route_table: Option<&'a str>,
    /// The NAT gateway by which it reaches the internet, where its table does not say.
    pub nat_gateway: Option<&'a str>,
    /// Tags.
    pub tags: HashMap<&'a str, &'a str>,
}

impl Default for DnsConfig<'_> {
    fn default() -> Self {
        Self { domain: "", resolvers: Vec::new(), enable_private_dns: true }
    }
}

impl<'a> VirtualNetwork<'a> {
    /// A network of which only the name is known.
    pub fn new(name: &'a str) -> Self {
        Self { name, ..Self::default() }
    }

    /// With a prefix.
    #[must_use]
    pub fn with_cidr(self, cidr: &'a str) -> Self {
        Self { cidr, ..self }
    }

    /// In a region.
    #[must_use]
    pub fn with_region(self, region: &'a str) -> Self {
        Self { region, ..self }
    }

    /// With zones.
    #[must_use]
    pub fn with_zones(self, zones: Vec<&'a str>) -> Self {
        Self { zones, ..self }
    }

    /// With names.
    #[must_use]
    pub fn with_dns(self, dns_config: DnsConfig<'a>) -> Self {
        Self { dns_config, ..self }
    }

    /// With a tag more.
    #[must_use]
    pub fn with_tag(mut self, key: &'a str, value: &'a str) -> Self {
        self.tags.insert(key, value);
        self
    }

    /// The same as in a file.
    fn declaration(&self) -> Result<Value, NetworkError> {
        if !self.dns_config.enable_private_dns {
            return Err(NetworkError::NotYet {
                what: "network whose names are not its own (enable_private_dns: false)",
                instead: "leave it on: names of a network are known inside it only",
            });
        }
        let mut object = Map::new();
        object.insert("cidr".to_owned(), prefixes(self.name, self.cidr)?);
        if !self.region.is_empty() {
            object.insert("region".to_owned(), json!(self.region));
        }
        if !self.zones.is_empty() {
            object.insert("zones".to_owned(), json!(self.zones));
        }
        let mut dns = Map::new();
        if !self.dns_config.domain.is_empty() {
            dns.insert("domain".to_owned(), json!(self.dns_config.domain));
        }
        let own = own_resolvers(self.cidr);
        let others: Vec<&str> = self
            .dns_config
            .resolvers
            .iter()
            .copied()
            .filter(|one| !own.iter().any(|own| own == one))
            .collect();
        if !others.is_empty() {
            dns.insert("resolvers".to_owned(), json!(others));
        }
        if !dns.is_empty() {
            object.insert("dns".to_owned(), Value::Object(dns));
        }
        if !self.tags.is_empty() {
            object.insert("tags".to_owned(), json!(self.tags));
        }
        Ok(Value::Object(object))
    }
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

    /// The same as in a file.
    fn declaration(&self) -> Result<Value, NetworkError> {
        let mut object = Map::new();
        object.insert("cidr".to_owned(), prefixes(self.name, self.cidr)?);
        object.insert("public".to_owned(), json!(self.public));
        let named = [
            ("network", self.network),
            ("zone", self.zone),
            ("route_table", self.route_table.unwrap_or_default()),
            ("nat_gateway", self.nat_gateway.unwrap_or_default()),
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

fn prefixes(name: &str, text: &str) -> Result<Value, NetworkError> {
    let prefixes: Vec<&str> =
        text.split(',').map(str::trim).filter(|prefix| !prefix.is_empty()).collect();
    if prefixes.is_empty() {
        return Err(NetworkError::NoPrefix { name: name.to_owned() });
    }
    Ok(json!(prefixes))
}

/// The address that clouds have a network's resolver at: the third of each prefix (`10.0.0.2`).
fn own_resolvers(cidr: &str) -> Vec<String> {
    let third = |prefix: &str| {
        let network: std::net::Ipv4Addr = prefix.trim().split('/').next()?.parse().ok()?;
        Some(std::net::Ipv4Addr::from(u32::from(network).checked_add(2)?).to_string())
    };
    cidr.split(',').filter_map(third).collect()
}

#[cfg(test)]
mod tests;
