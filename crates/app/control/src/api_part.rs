//! What is declared through the API: a document like a file, edited object by object.
//!
//! It is kept as JSON, which is YAML, and merges with the files like one of them: a name that both
//! declare is an error, and an apply of the files leaves it alone.

mod addresses;
mod error;
mod object;
mod together;

pub use addresses::{pinned, refuse_taken};
pub use error::EditError;
pub use object::{declare, set_peer_key, withdraw};
pub use together::declare_all;

use crate::world::Accepted;
use ipnet::{IpNet, Ipv4Net};
use netloom_api::{Connect, MakeNetwork};
use netloom_model::fabric::{Attach, Workload};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// The document of the API, taken apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    sections: BTreeMap<String, Map<String, Value>>,
}

impl Part {
    /// Takes it apart.
    pub(crate) fn read(text: Option<&str>) -> Self {
        let sections = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        Self { sections }
    }

    fn section(&mut self, name: &str) -> &mut Map<String, Value> {
        self.sections.entry(name.to_owned()).or_default()
    }

    /// Whether an object is the API's.
    pub(crate) fn owns(&self, section: &str, name: &str) -> bool {
        self.sections.get(section).is_some_and(|objects| objects.contains_key(name))
    }

    fn write(mut self) -> Option<String> {
        self.sections.retain(|_, section| !section.is_empty());
        if self.sections.is_empty() {
            return None;
        }
        serde_json::to_string_pretty(&self.sections).ok()
    }
}

/// Whether an object is the API's.
fn owns(text: Option<&str>, section: &str, name: &str) -> bool {
    Part::read(text).owns(section, name)
}

/// The document with a network more, which has one subnet.
///
/// # Errors
/// The name is taken, or no prefix is free.
pub fn make_network(
    accepted: &Accepted,
    text: Option<&str>,
    wanted: &MakeNetwork,
) -> Result<Option<String>, EditError> {
    let fabric = &accepted.fabric;
    let name = &wanted.name;
    if fabric.networks.contains_key(name) {
        return Err(EditError::Exists { what: "network", name: name.clone() });
    }
    if fabric.subnets.contains_key(name) {
        return Err(EditError::Exists { what: "subnet", name: name.clone() });
    }
    let cidrs = if wanted.cidrs.is_empty() {
        vec![free_prefix(accepted).ok_or(EditError::NoPrefix)?.to_string()]
    } else {
        wanted.cidrs.clone()
    };
    let domain = wanted.domain.clone().unwrap_or_else(|| format!("{name}.internal"));
    let mut part = Part::read(text);
    let network = json!({ "cidr": cidrs, "dns": { "domain": domain } });
    part.section("networks").insert(name.clone(), network);
    // Without a subnet where a prefix cannot be one of a network: the check refuses that, and says so once.
    if let Some(subnets) = cidrs.iter().map(|cidr| first_subnet(cidr)).collect::<Option<Vec<_>>>() {
        part.section("subnets").insert(name.clone(), json!({ "network": name, "cidr": subnets }));
    }
    Ok(part.write())
}

/// All of an IPv4 prefix, and the first /64 of an IPv6 prefix, since subnets of IPv6 are /64; nothing of what
/// no network can have.
fn first_subnet(cidr: &str) -> Option<String> {
    let prefix: IpNet = cidr.parse().ok()?;
    if prefix != prefix.trunc() || prefix.prefix_len() == 0 {
        return None;
    }
    match prefix {
        IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some() => None,
        IpNet::V6(v6) if v6.prefix_len() < 64 => Some(format!("{}/64", v6.network())),
        IpNet::V4(_) | IpNet::V6(_) => Some(cidr.to_owned()),
    }
}

fn free_prefix(accepted: &Accepted) -> Option<Ipv4Net> {
    let taken: Vec<Ipv4Net> = accepted
        .fabric
        .networks
        .values()
        .flat_map(|network| &network.cidrs)
        .filter_map(|cidr| match cidr {
            IpNet::V4(prefix) => Some(*prefix),
            IpNet::V6(_) => None,
        })
        .collect();
    // From the middle: the beginning is what people take by hand.
    let candidates = (100..=254).chain(0..100);
    let mut prefixes =
        candidates.map(|second| Ipv4Net::new_assert(Ipv4Addr::new(10, second, 0, 0), 16));
    prefixes
        .find(|prefix| taken.iter().all(|other| !other.contains(prefix) && !prefix.contains(other)))
}

/// The document without a network that it has.
///
/// # Errors
/// There is no such network, it is a file's, or it is used.
pub fn remove_network(
    accepted: &Accepted,
    text: Option<&str>,
    name: &str,
) -> Result<Option<String>, EditError> {
    let fabric = &accepted.fabric;
    if !fabric.networks.contains_key(name) {
        return Err(EditError::NoNetwork(name.to_owned()));
    }
    if !owns(text, "networks", name) {
        return Err(EditError::InFile(name.to_owned()));
    }
    let inside = fabric.workloads.iter().filter(|(_, one)| fabric.network_of(one) == name);
    let workloads: Vec<String> = inside.map(|(name, _)| name.clone()).collect();
    if !workloads.is_empty() {
        return Err(EditError::InUse { name: name.to_owned(), workloads });
    }
    let mut part = Part::read(text);
    part.section("networks").remove(name);
    part.section("subnets").retain(|_, subnet| subnet["network"] != name);
    Ok(part.write())
}

/// The document with a container or foreign namespace brought into a network.
///
/// # Errors
/// There is no such network, or what is connected cannot be in several.
pub fn connect(
    accepted: &Accepted,
    text: Option<&str>,
    network: &str,
    wanted: &Connect,
) -> Result<Option<String>, EditError> {
    let fabric = &accepted.fabric;
    if !fabric.networks.contains_key(network) {
        return Err(EditError::NoNetwork(network.to_owned()));
    }
    let first = || fabric.subnets.iter().find(|(_, subnet)| subnet.network == network);
    let subnet = wanted.subnet.clone().or_else(|| first().map(|(name, _)| name.clone()));
    let subnet = subnet.ok_or_else(|| EditError::NoSubnet(network.to_owned()))?;
    let known = fabric.workloads.get(&wanted.workload);
    let name = match known {
        Some(_) => connected_name(&wanted.workload, network),
        None => wanted.workload.clone(),
    };
    if known.is_some_and(|known| fabric.network_of(known) == network)
        || fabric.workloads.get(&name).is_some_and(|other| fabric.network_of(other) == network)
    {
        let (network, workload) = (network.to_owned(), wanted.workload.clone());
        return Err(EditError::Connected { network, workload });
    }
    if fabric.workloads.contains_key(&name) {
        return Err(EditError::Exists { what: "workload", name });
    }
    let attach = attach(known, &wanted.workload)?;
    let node = wanted.node.clone().or_else(|| known.map(|known| known.node.clone()));
    let node = node.ok_or_else(|| EditError::NoNode(wanted.workload.clone()))?;
    let groups: Vec<String> = if wanted.security_groups.is_empty() {
        known.into_iter().flat_map(|known| known.security_groups.iter().cloned()).collect()
    } else {
        wanted.security_groups.clone()
    };
    let labels = known.map(|known| known.labels.clone()).unwrap_or_default();
    let mut part = Part::read(text);
    let workload = json!({
        "node": node, "subnet": subnet, "security_groups": groups, "labels": labels,
        "attach": attach,
    });
    part.section("workloads").insert(name, workload);
    Ok(part.write())
}

/// The name of a workload in a further network.
fn connected_name(workload: &str, network: &str) -> String {
    format!("{workload}-{network}")
}

fn attach(known: Option<&Workload>, name: &str) -> Result<Value, EditError> {
    match known.map(|known| &known.attach) {
        None => Ok(json!({ "container": name })),
        Some(Attach::Container { name }) => Ok(json!({ "container": name })),
        Some(Attach::Netns { path }) => Ok(json!({ "netns": path })),
        Some(Attach::Host) => Ok(json!("host")),
        Some(
            Attach::Process { .. }
            | Attach::Serve(_)
            | Attach::Wireguard(_)
            | Attach::Interface { .. },
        ) => Err(EditError::Own(name.to_owned())),
    }
}

/// The document without what was connected to a network.
///
/// # Errors
/// It is not connected, or a file declares it.
pub fn disconnect(
    accepted: &Accepted,
    text: Option<&str>,
    network: &str,
    workload: &str,
) -> Result<Option<String>, EditError> {
    let fabric = &accepted.fabric;
    let is_there = |name: &str| {
        fabric.workloads.get(name).is_some_and(|one| fabric.network_of(one) == network)
    };
    let found = [connected_name(workload, network), workload.to_owned()];
    let Some(name) = found.into_iter().find(|name| is_there(name)) else {
        let (network, workload) = (network.to_owned(), workload.to_owned());
        return Err(EditError::NotConnected { network, workload });
    };
    if !owns(text, "workloads", &name) {
        return Err(EditError::InFile(name));
    }
    let mut part = Part::read(text);
    part.section("workloads").remove(&name);
    Ok(part.write())
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod world_tests;
