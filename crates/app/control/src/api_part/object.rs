//! Objects of the fabric declared whole, in the form that files have.

use super::{EditError, Part, owns};
use crate::world::Accepted;
use ipnet::IpNet;
use netloom_model::Fabric;
use netloom_model::api_place::word_of;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What an object of a section is called.
pub(super) fn word(section: &str) -> Result<&'static str, EditError> {
    word_of(section).ok_or_else(|| EditError::NoSection(section.to_owned()))
}

pub(super) fn exists(fabric: &Fabric, section: &str, name: &str) -> bool {
    match section {
        "networks" => fabric.networks.contains_key(name),
        "subnets" => fabric.subnets.contains_key(name),
        "nodes" => fabric.nodes.contains_key(name),
        "workloads" => fabric.workloads.contains_key(name),
        "services" => fabric.services.contains_key(name),
        "route_tables" => fabric.route_tables.contains_key(name),
        "nat_gateways" | "internet_gateways" => fabric.gateways.contains_key(name),
        "peerings" => fabric.peerings.contains_key(name),
        "prefix_lists" => fabric.prefix_lists.contains_key(name),
        "network_acls" => fabric.network_acls.contains_key(name),
        "ports" => fabric.ports.contains_key(name),
        _ => fabric.security_groups.contains_key(name),
    }
}

/// The document with an object more, or with another one of its name. Whether the declaration itself
/// makes sense is for the check to say, as of a file.
///
/// # Errors
/// The name is taken, or what is left out cannot be found.
pub fn declare(
    accepted: &Accepted,
    text: Option<&str>,
    place: (&str, &str),
    declaration: &Value,
    replace: bool,
) -> Result<Option<String>, EditError> {
    let mut part = Part::read(text);
    declare_in(&mut part, accepted, place, declaration, replace)?;
    Ok(part.write())
}

/// The same, in a document that was taken apart for many of them.
///
/// # Errors
/// As [`declare`].
pub(super) fn declare_in(
    part: &mut Part,
    accepted: &Accepted,
    (section, name): (&str, &str),
    declaration: &Value,
    replace: bool,
) -> Result<(), EditError> {
    let (fabric, what) = (&accepted.fabric, word(section)?);
    if exists(fabric, section, name) {
        if !part.owns(section, name) {
            return Err(EditError::InFile(name.to_owned()));
        }
        if !replace {
            return Err(EditError::Exists { what, name: name.to_owned() });
        }
    }
    let mut object = match declaration {
        Value::Object(object) => object.clone(),
        _ => return Err(EditError::NoObject { what }),
    };
    match section {
        "networks" => settle_zones(fabric, &mut object)?,
        "subnets" => settle_network(fabric, name, &mut object)?,
        "route_tables" => settle_table(fabric, name, &mut object)?,
        _ => {}
    }
    if let ("workloads", Some(Value::String(was))) = (section, object.get("was"))
        && !exists(fabric, section, name)
    {
        // A name is left with the one edit that takes another, so that nothing is lost between two. Later on
        // it may be somebody else's.
        part.section(section).remove(was);
    }
    part.section(section).insert(name.to_owned(), Value::Object(object));
    Ok(())
}

/// The document with another key of a stock peer that it has.
///
/// # Errors
/// There is no such peer, or it is a file's.
pub fn set_peer_key(
    accepted: &Accepted,
    text: Option<&str>,
    name: &str,
    public_key: &str,
) -> Result<Option<String>, EditError> {
    let known = accepted.fabric.workloads.get(name);
    if known.and_then(|known| known.stock_peer()).is_none() {
        return Err(EditError::NotThere { what: "WireGuard peer", name: name.to_owned() });
    }
    let mut part = Part::read(text);
    let Some(workload) = part.section("workloads").get_mut(name) else {
        return Err(EditError::InFile(name.to_owned()));
    };
    workload["attach"]["wireguard"]["public_key"] = Value::String(public_key.to_owned());
    Ok(part.write())
}

/// The document without an object that it has. That nothing refers to it any more is for the check.
///
/// # Errors
/// There is none, or it is a file's.
pub fn withdraw(
    accepted: &Accepted,
    text: Option<&str>,
    (section, name): (&str, &str),
) -> Result<Option<String>, EditError> {
    let what = word(section)?;
    if !exists(&accepted.fabric, section, name) {
        return Err(EditError::NotThere { what, name: name.to_owned() });
    }
    if !owns(text, section, name) {
        return Err(EditError::InFile(name.to_owned()));
    }
    let mut part = Part::read(text);
    part.section(section).remove(name);
    Ok(part.write())
}

/// A text, or a list of texts; nothing for what is neither.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| Some(item.as_str()?.to_owned())).collect(),
        _ => None,
    }
}

/// Zones are a region's: those of a network say which region is meant, and must be there.
fn settle_zones(fabric: &Fabric, network: &mut Map<String, Value>) -> Result<(), EditError> {
    let Some(zones) = network.remove("zones") else { return Ok(()) };
    let zones = texts(&zones).ok_or(EditError::NoObject { what: "list of zones" })?;
    if zones.is_empty() {
        return Ok(());
    }
    let has_all = |region: &str| {
        let known = fabric.regions.get(region);
        known.is_some_and(|region| zones.iter().all(|zone| region.zones.contains(zone)))
    };
    let region = match network.get("region").and_then(Value::as_str) {
        Some(region) if has_all(region) => return Ok(()),
        Some(region) => Some(region.to_owned()),
        None => {
            let mut found = fabric.regions.keys().filter(|region| has_all(region));
            if let (Some(region), None) = (found.next(), found.next()) {
                network.insert("region".to_owned(), Value::String(region.clone()));
                return Ok(());
            }
            None
        }
    };
    Err(EditError::NoZones { zones, region })
}

/// A subnet that names no network is in the one that holds its prefixes.
fn settle_network(
    fabric: &Fabric,
    name: &str,
    subnet: &mut Map<String, Value>,
) -> Result<(), EditError> {
    if subnet.contains_key("network") {
        return Ok(());
    }
    let cidrs = subnet.get("cidr").and_then(texts).unwrap_or_default();
    let prefixes: Vec<IpNet> = cidrs.iter().filter_map(|cidr| cidr.parse().ok()).collect();
    if prefixes.len() < cidrs.len() {
        return Err(EditError::NoCidr { name: name.to_owned(), cidrs });
    }
    let holds = |network: &netloom_model::fabric::Network| {
        !prefixes.is_empty()
            && prefixes.iter().all(|one| network.cidrs.iter().any(|cidr| cidr.contains(one)))
    };
    let found: Vec<String> = fabric
        .networks
        .iter()
        .filter(|(_, network)| holds(network))
        .map(|(name, _)| name.clone())
        .collect();
    let [network] = &found[..] else {
        return Err(EditError::WhichNetwork { subnet: name.to_owned(), found });
    };
    subnet.insert("network".to_owned(), Value::String(network.clone()));
    Ok(())
}

/// A route table that names no network is of the one that its gateways are of.
fn settle_table(
    fabric: &Fabric,
    name: &str,
    table: &mut Map<String, Value>,
) -> Result<(), EditError> {
    if table.contains_key("network") {
        return Ok(());
    }
    let routes = table.get("routes").and_then(Value::as_array).into_iter().flatten();
    let gateways = routes.flat_map(|route| {
        ["nat_gateway", "internet_gateway"].map(|form| route["via"][form].as_str())
    });
    let networks: BTreeSet<&String> = gateways
        .flatten()
        .filter_map(|gateway| Some(&fabric.gateways.get(gateway)?.network))
        .collect();
    let found: Vec<String> = networks.into_iter().cloned().collect();
    let [network] = &found[..] else {
        return Err(EditError::WhoseTable { table: name.to_owned(), found });
    };
    table.insert("network".to_owned(), Value::String(network.clone()));
    Ok(())
}
