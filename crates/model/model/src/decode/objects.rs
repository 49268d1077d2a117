//! Regions, networks, subnets, nodes and services as declared, references not yet resolved.

use super::routing::Advertised;
use super::{At, Decoder};
use crate::diagnostic::{Diagnostic, code};
use crate::fabric::{HealthCheck, Protocol, Reserved, Role};
use crate::tree::{Key, Tree};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// A region as declared.
#[derive(Clone, Debug, Default)]
pub struct Region {
    /// Zones.
    pub zones: Vec<At<String>>,
    /// Local prefixes.
    pub networks: Vec<At<IpNet>>,
    /// Whether an address translator is in front.
    pub nat: bool,
}

/// A network as declared.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Prefixes.
    pub cidrs: Vec<At<IpNet>>,
    /// Region.
    pub region: Option<At<String>>,
    /// Zones of its subnets.
    pub zones: Vec<At<String>>,
    /// Route table of its subnets.
    pub route_table: Option<At<String>>,
    /// Network ACL of its subnets.
    pub network_acl: Option<At<String>>,
    /// DNS domain.
    pub domain: Option<At<String>>,
    /// Resolvers.
    pub resolvers: Vec<IpAddr>,
    /// Largest packet.
    pub mtu_bytes: Option<u32>,
    /// How often keys are renewed.
    pub key_rotation: Option<Duration>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Files with private keys, by the node that has them.
    pub private_key_files: Vec<(At<String>, String)>,
}

/// A subnet as declared.
#[derive(Clone, Debug, Default)]
pub struct Subnet {
    /// Network.
    pub network: Option<At<String>>,
    /// Prefixes.
    pub cidrs: Vec<At<IpNet>>,
    /// Zone.
    pub zone: Option<At<String>>,
    /// Whether it is public.
    pub public: bool,
    /// Route table.
    pub route_table: Option<At<String>>,
    /// NAT gateway.
    pub nat_gateway: Option<At<String>>,
    /// Network ACL.
    pub network_acl: Option<At<String>>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Where its own addresses are.
    pub reserved: Reserved,
}

/// A node as declared.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Region.
    pub region: Option<At<String>>,
    /// Zone.
    pub zone: Option<At<String>>,
    /// Roles.
    pub roles: Vec<Role>,
    /// Endpoint.
    pub endpoint: Option<At<String>>,
    /// Prefixes behind it.
    pub advertise: Vec<Advertised>,
    /// Tags.
    pub tags: Vec<At<String>>,
    /// Security groups.
    pub security_groups: Vec<At<String>>,
}

/// A service as declared.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// Namespace.
    pub namespace: Option<At<String>>,
    /// Port.
    pub port: Option<u16>,
    /// Protocol.
    pub protocol: Option<Protocol>,
    /// Labels.
    pub select: BTreeMap<String, String>,
    /// Health check.
    pub health: Option<HealthCheck>,
}

impl Decoder {
    /// A region.
    pub fn region(&mut self, tree: &Tree) -> Option<Region> {
        let fields = self.fields(tree, "a region", &["zones", "networks", "nat"])?;
        Some(Region {
            zones: fields.optional("zones").map(|t| self.references(t)).unwrap_or_default(),
            networks: fields.optional("networks").map(|t| self.cidrs(t)).unwrap_or_default(),
            nat: fields.optional("nat").and_then(|t| self.truth(t)).unwrap_or(false),
        })
    }

    /// A network.
    pub fn network(&mut self, tree: &Tree) -> Option<Network> {
        const KEYS: [&str; 10] = [
            "cidr",
            "region",
            "zones",
            "route_table",
            "network_acl",
            "dns",
            "mtu",
            "key_rotation",
            "tags",
            "private_key_files",
        ];
        let fields = self.fields(tree, "a network", &KEYS)?;
        let cidrs = fields.required("cidr", self).map(|t| self.some_cidrs(t)).unwrap_or_default();
        let region = fields.optional_reference("region", self);
        let zones = fields.optional("zones").map(|t| self.references(t)).unwrap_or_default();
        let route_table = fields.optional_reference("route_table", self);
        let network_acl = fields.optional_reference("network_acl", self);
        let (mut domain, mut resolvers) = (None, Vec::new());
        if let Some(dns) = fields.optional("dns")
            && let Some(dns) = self.fields(dns, "a network's `dns`", &["domain", "resolvers"])
        {
            domain = dns.optional_reference("domain", self);
            if let Some(list) = dns.optional("resolvers") {
                let items = self.items(list);
                resolvers = items.iter().filter_map(|t| Some(self.address(t)?.value)).collect();
            }
        }
        let tags = fields.optional("tags").map(|t| self.texts(t, "`tags`")).unwrap_or_default();
        let key_rotation = fields.optional("key_rotation").and_then(|t| self.key_rotation(t));
        let mtu_bytes = fields.optional("mtu").and_then(|t| self.mtu(t));
        let files = fields.optional("private_key_files");
        let private_key_files = files.map(|t| self.private_key_files(t)).unwrap_or_default();
        Some(Network {
            cidrs,
            region,
            zones,
            route_table,
            network_acl,
            domain,
            resolvers,
            mtu_bytes,
            key_rotation,
            tags,
            private_key_files,
        })
    }

    /// A subnet.
    pub fn subnet(&mut self, tree: &Tree) -> Option<Subnet> {
        const PLACES: [(&str, Reserved); 2] =
            [("first", Reserved::First), ("last", Reserved::Last)];
        const KEYS: [&str; 9] = [
            "network",
            "cidr",
            "zone",
            "public",
            "route_table",
            "nat_gateway",
            "network_acl",
            "tags",
            "reserved",
        ];
        let fields = self.fields(tree, "a subnet", &KEYS)?;
        let network = fields.reference("network", self);
        let cidrs = fields.required("cidr", self).map(|t| self.some_cidrs(t)).unwrap_or_default();
        let zone = fields.optional_reference("zone", self);
        let public = fields.optional("public").and_then(|t| self.truth(t)).unwrap_or(false);
        let reserved = fields.optional_reference("reserved", self);
        let reserved = reserved.and_then(|word| self.choice(&word, "a place", &PLACES));
        let reserved = reserved.unwrap_or_default();
        Some(Subnet {
            network,
            cidrs,
            zone,
            public,
            route_table: fields.optional_reference("route_table", self),
            nat_gateway: fields.optional_reference("nat_gateway", self),
            network_acl: fields.optional_reference("network_acl", self),
            tags: fields.optional("tags").map(|t| self.texts(t, "`tags`")).unwrap_or_default(),
            reserved,
        })
    }

    /// A node.
    pub fn node(&mut self, tree: &Tree) -> Option<Node> {
        const KEYS: [&str; 7] =
            ["region", "zone", "roles", "endpoint", "advertise", "tags", "security_groups"];
        let fields = self.fields(tree, "a node", &KEYS)?;
        let region = fields.reference("region", self);
        let zone = fields.optional_reference("zone", self);
        let roles = fields.optional("roles").map(|t| self.roles(t)).unwrap_or_default();
        let endpoint = fields.optional_reference("endpoint", self);
        let advertise = fields.optional("advertise").map(|t| self.advertised(t));
        let advertise = advertise.unwrap_or_default();
        let tags = fields.optional("tags").map(|t| self.references(t)).unwrap_or_default();
        let groups = fields.optional("security_groups");
        let security_groups = groups.map(|t| self.references(t)).unwrap_or_default();
        Some(Node { region, zone, roles, endpoint, advertise, tags, security_groups })
    }

    fn private_key_files(&mut self, tree: &Tree) -> Vec<(At<String>, String)> {
        let entries = self.map(tree, "`private_key_files`").unwrap_or(&[]);
        let entries = entries.iter().filter(|(key, _)| !key.broken);
        let file = |(key, value): &(Key, Tree)| {
            let node = At { value: key.name.clone(), span: key.span.clone() };
            Some((node, self.absolute_path(value)?))
        };
        entries.filter_map(file).collect()
    }

    fn roles(&mut self, tree: &Tree) -> Vec<Role> {
        const NAMES: [(&str, Role); 3] =
            [("control", Role::Control), ("relay", Role::Relay), ("gateway", Role::Gateway)];
        self.references(tree)
            .into_iter()
            .filter_map(|role| self.choice(&role, "a role", &NAMES))
            .collect()
    }

    /// One of a fixed set of words.
    pub(super) fn choice<T: Clone>(
        &mut self,
        word: &At<String>,
        what: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let found = words.iter().find(|(name, _)| *name == word.value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
            let diagnostic = Diagnostic::error(
                code::BAD_VALUE,
                &word.span,
                format!("`{}` is not {what}", word.value),
                "only fixed words have a meaning here",
                format!("use one of: {}", names.join(", ")),
            );
            let guess = self.guess(&word.value, names);
            self.push(diagnostic.meaning(guess));
        }
        found.map(|(_, value)| value.clone())
    }
}
