//! Addresses that are declared one by one: not those that others have, and, where it is wanted, those that are given.

use super::object::texts;
use super::{EditError, Part};
use crate::declared::Declared;
use crate::proposal::propose;
use crate::world::World;
use ipnet::IpNet;
use netloom_model::tree::Remembered;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Refuses workloads whose declared address, or one that they have behind them as such, another one was given and goes
/// on with: that one would be called otherwise from now on, without a word. Of one that is declared, the check tells.
///
/// # Errors
/// An address is in use.
pub fn refuse_taken(
    world: &World,
    workloads: &[(&str, &Value)],
    leaving: &BTreeSet<String>,
) -> Result<(), EditError> {
    let fabric = &world.accepted.fabric;
    let given = given(world);
    let declared: BTreeSet<&str> = workloads.iter().map(|(name, _)| *name).collect();
    for (name, declaration) in workloads {
        let subnet = declaration["subnet"].as_str().and_then(|name| fabric.subnets.get(name));
        let Some(subnet) = subnet else { continue };
        for address in wanted(declaration) {
            let owner = given.get(&(subnet.network.as_str(), address));
            let goes = |other: &&&str| {
                leaving.contains(**other)
                    || declared.contains(**other)
                    || declaration["was"] == ***other
            };
            if let Some(by) = owner.filter(|owner| !goes(owner)) {
                let (name, by) = ((*name).to_owned(), (*by).to_owned());
                return Err(EditError::AddressInUse { name, address, by });
            }
        }
    }
    Ok(())
}

/// Who was given which address of which network, without declaring it.
fn given(world: &World) -> BTreeMap<(&str, IpAddr), &str> {
    let fabric = &world.accepted.fabric;
    let mut given = BTreeMap::new();
    for (name, has) in world.leases.workloads.iter() {
        let Some(known) = fabric.workloads.get(name) else { continue };
        let network = fabric.network_of(known).as_str();
        let not_declared = has.iter().filter(|address| !known.addresses.contains(address));
        given.extend(not_declared.map(|address| ((network, *address), name.as_str())));
    }
    given
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
