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
mod gateway;
mod manager;
mod named;
mod node;
mod peering;
mod route_table;
mod rules;
mod service;
mod subnet;
mod workload;

pub use acl::{ACLEgressRule, ACLRule, Action, NetworkACL};
pub use gateway::{InternetGateway, NatGateway};
pub(crate) use manager::kept;
pub use manager::{Config, Network, NetworkError, NetworkManager};
pub use named::{PrefixList, ServicePort};
pub use node::{Advertised, Node, Role};
pub use peering::{Peering, VPCPeering};
pub use route_table::{Route, RouteDestination, RouteTable, Target};
pub use rules::{
    Destination, EgressRule, PortRange, Protocol, SecurityGroup, SecurityRule, Source,
};
pub use service::Service;
pub use subnet::Subnet;
pub use workload::{Attach, Interface, Published, Workload};

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
    /// The route table of its subnets that name none.
    pub route_table: Option<&'a str>,
    /// The network ACL of its subnets that name none.
    pub network_acl: Option<&'a str>,
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

    /// With a route table for its subnets that name none.
    #[must_use]
    pub fn with_route_table(self, table: &'a str) -> Self {
        Self { route_table: Some(table), ..self }
    }

    /// With a network ACL for its subnets that name none.
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
        let named = [("route_table", self.route_table), ("network_acl", self.network_acl)];
        for (key, name) in named.into_iter().filter_map(|(key, name)| Some((key, name?))) {
            object.insert(key.to_owned(), json!(name));
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
