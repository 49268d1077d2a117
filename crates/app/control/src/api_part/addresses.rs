//! Addresses that are declared one by one: not those that others have, and, where it is wanted, those that are given.

use super::object::texts;
use super::{EditError, Part};
use crate::declared::Declared;
use crate::proposal::propose;
use crate::world::World;
use ipnet::IpNet;
use netloom_model::tree::Remembered;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Refuses workloads whose declared address, or one that they have behind them as such, another one was given and goes on with: that one would be
/// called otherwise from now on, without a word. Of one that is declared, the check tells.
///
/// # Errors
/// An address is in use.
pub fn refuse_taken(
    world: &World,
    workloads: &[(&str, &Value)],
    leaving: &BTreeSet<String>,
) -> Result<(), EditError> {
    let fabric = &world.accepted.fabric;
    for (name, declaration) in workloads {
        let subnet = declaration["subnet"].as_str().and_then(|name| fabric.subnets.get(name));
        let Some(subnet) = subnet else { continue };
        let wanted = wanted(declaration);
        if wanted.is_empty() {
            continue;
        }
        for (other, has) in &world.leases.workloads {
            let Some(known) = fabric.workloads.get(other) else { continue };
            let Some(address) = has.iter().find(|address| wanted.contains(address)) else {
                continue;
            };
            let goes = leaving.contains(other)
                || workloads.iter().any(|(name, _)| name == other)
                || declaration["was"] == other.as_str();
            let is_given = !known.addresses.contains(address);
            if fabric.network_of(known) == &subnet.network && is_given && !goes {
                let (name, by) = ((*name).to_owned(), other.clone());
                return Err(EditError::AddressInUse { name, address: *address, by });
            }
        }
    }
    Ok(())
}

/// The addresses that a declaration names, of its own and behind it. Of a prefix behind it workloads keep their parts.
fn wanted(declaration: &Value) -> BTreeSet<IpAddr> {
    let own = texts(&declaration["address"]).unwrap_or_default();
    let own = own.into_iter().filter_map(|text| text.parse().ok());
    let behind = texts(&declaration["advertise"]).unwrap_or_default();
    let behind = behind.into_iter().filter_map(|text| text.parse::<IpNet>().ok());
    let single = behind.filter(|prefix| prefix.prefix_len() == prefix.max_prefix_len());
    own.chain(single.map(|prefix| prefix.addr())).collect()
}

/// The document with the addresses that a workload of it is given, declared as its own. As it is where
/// it cannot be accepted: why not is told when that is tried.
pub fn pinned(world: &World, text: Option<String>, name: &str, now_ms: u64) -> Option<String> {
    let declared = Declared { api: text.clone(), ..world.accepted.declared.clone() };
    let proposed = propose(world, declared, &mut Remembered::default(), None, now_ms);
    let Some(given) = proposed.ok().and_then(|one| one.leases.workloads.get(name).cloned()) else {
        return text;
    };
    let mut part = Part::read(text.as_deref());
    if let Some(workload) = part.section("workloads").get_mut(name) {
        workload["address"] = given.iter().map(ToString::to_string).collect();
    }
    part.write()
}
