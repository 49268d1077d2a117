//! Objects declared together: all of them or none, with what an earlier time has left.

use super::addresses::refuse_taken;
use super::object::{declare_in, exists, word};
use super::{EditError, Part};
use crate::world::World;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use netloom_model::Fabric;
use netloom_model::fabric::StockPeer;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Objects by section and name.
type Objects = BTreeMap<String, BTreeMap<String, Value>>;

/// Label of workloads that were declared with all of their network, and its value. It tells them from
/// those that were added by hand.
const SETUP_LABEL: (&str, &str) = ("netloom-setup", "wireguard");

/// The document with several objects more. Where they make up a network and `replace`, workloads that
/// an earlier time has declared for it and that are not among them are left out.
///
/// # Errors
/// As [`super::declare`], for the first one that cannot be declared; or one is another network's.
pub fn declare_all(
    world: &World,
    text: Option<&str>,
    objects: &Objects,
    replace: bool,
    network: Option<&str>,
) -> Result<Option<String>, EditError> {
    let accepted = &world.accepted;
    let mut objects = objects.clone();
    let mut part = Part::read(text);
    let mut leaving = BTreeSet::new();
    if let Some(network) = network {
        if replace {
            refuse_foreign(&accepted.fabric, &part, &objects, network)?;
            leaving = left_over(&accepted.fabric, &part, &objects, network);
        }
        for (name, one) in objects.get_mut("workloads").into_iter().flatten() {
            // One that was added by hand, and is in the file as well, is to stay without the file too.
            if by_hand(&accepted.fabric, name).is_none() {
                label(one);
            }
        }
    }
    if !leaving.is_empty() {
        part.section("workloads").retain(|name, _| !leaving.contains(name));
    }
    let workloads: Vec<(&str, &Value)> = objects
        .get("workloads")
        .into_iter()
        .flatten()
        .map(|(name, one)| (name.as_str(), one))
        .collect();
    refuse_taken(world, &workloads, &leaving)?;
    for (section, named) in &objects {
        for (name, declaration) in named {
            // What is there already is judged by what was in force before all of them.
            let place = (section.as_str(), name.as_str());
            declare_in(&mut part, accepted, place, declaration, replace)?;
        }
    }
    Ok(part.write())
}

fn label(workload: &mut Value) {
    let (key, value) = SETUP_LABEL;
    if let Value::Object(workload) = workload {
        let labels = workload.entry("labels").or_insert_with(|| json!({}));
        if let Value::Object(labels) = labels {
            labels.insert(key.to_owned(), value.into());
        }
    }
}

/// Workloads that an earlier time has declared for a network, and that are not among its objects.
fn left_over(fabric: &Fabric, part: &Part, objects: &Objects, network: &str) -> BTreeSet<String> {
    let (key, value) = SETUP_LABEL;
    let kept = objects.get("workloads");
    let of_network = fabric.workloads.iter().filter(|(name, one)| {
        fabric.network_of(one) == network
            && one.labels.get(key).is_some_and(|found| found == value)
            && part.owns("workloads", name)
    });
    let names = of_network.map(|(name, _)| name);
    names.filter(|name| kept.is_none_or(|kept| !kept.contains_key(*name))).cloned().collect()
}

/// A stock peer that no setup has declared.
fn by_hand<'a>(fabric: &'a Fabric, name: &str) -> Option<&'a StockPeer> {
    let (key, value) = SETUP_LABEL;
    let found = fabric.workloads.get(name)?;
    let is_labelled = found.labels.get(key).is_some_and(|found| found == value);
    found.stock_peer().filter(|_| !is_labelled)
}

/// Whether a declared workload has a peer's key: whoever has it goes on connecting.
fn has_key_of(peer: &StockPeer, workload: &Value) -> bool {
    let declared = workload.pointer("/attach/wireguard/public_key").and_then(Value::as_str);
    peer.public_key.is_some_and(|known| declared == Some(BASE64.encode(known).as_str()))
}

/// Refuses to replace what is not the network's, workloads that no such network has, and peers that were
/// added by hand, with another key.
fn refuse_foreign(
    fabric: &Fabric,
    part: &Part,
    objects: &Objects,
    network: &str,
) -> Result<(), EditError> {
    for (section, named) in objects {
        let what = word(section)?;
        // What a file declares is refused for that, whatever it is of.
        let known = |name: &String| exists(fabric, section, name) && part.owns(section, name);
        for (name, declared) in named.iter().filter(|(name, _)| known(name)) {
            let others = networks_of(fabric, section, name);
            let other = others.iter().find(|other| **other != network);
            if let Some(other) = other {
                let (name, network) = (name.clone(), (*other).to_owned());
                return Err(EditError::OtherNetwork { what, name, network });
            }
            let workload = fabric.workloads.get(name).filter(|_| section == "workloads");
            if workload.is_some_and(|one| one.stock_peer().is_none() && !one.is_host()) {
                return Err(EditError::NoPeer { name: name.clone() });
            }
            let peer = workload.and_then(|_| by_hand(fabric, name));
            if peer.is_some_and(|peer| !has_key_of(peer, declared)) {
                let (name, network) = (name.clone(), network.to_owned());
                return Err(EditError::ByHand { name, network });
            }
        }
    }
    Ok(())
}

/// The networks that an object is part of. A group is of those whose workloads it governs.
fn networks_of<'a>(fabric: &'a Fabric, section: &str, name: &'a str) -> BTreeSet<&'a str> {
    let mut networks: BTreeSet<&str> = BTreeSet::new();
    match section {
        "networks" => drop(networks.insert(name)),
        "subnets" => {
            networks.extend(fabric.subnets.get(name).map(|subnet| subnet.network.as_str()));
        }
        "workloads" => {
            let found = fabric.workloads.get(name);
            networks.extend(found.map(|found| fabric.network_of(found).as_str()));
        }
        "security_groups" => {
            let governed =
                fabric.workloads.values().filter(|one| one.security_groups.contains(name));
            networks.extend(governed.map(|one| fabric.network_of(one).as_str()));
        }
        "nat_gateways" | "internet_gateways" => {
            networks.extend(fabric.gateways.get(name).map(|gateway| gateway.network.as_str()));
        }
        // Routes, ACLs and what else there is are declared one by one.
        _ => {}
    }
    networks
}
