//! Zones are declared with their regions: those that nodes and subnets name must be among them.

use super::LISTED_MAX;
use crate::decode::{At, Decoder, is_label};
use crate::diagnostic::{Diagnostic, code};
use crate::load::{Declared, Entry};
use std::collections::{BTreeMap, BTreeSet};

/// Reports zones that no region, or not the region in question, has.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    let regions: Zones<'_> = declared
        .regions
        .iter()
        .map(|(name, region)| {
            let names = region.value.zones.iter().map(|zone| zone.value.as_str()).collect();
            (name.as_str(), (names, region.whole))
        })
        .collect();
    let all: BTreeSet<&str> =
        regions.values().flat_map(|(zones, _)| zones.iter().copied()).collect();
    let all_whole =
        regions.values().all(|(_, whole)| *whole) && !declared.broken.contains("regions");
    for node in declared.nodes.values() {
        let (Some(zone), Some(region)) = (&node.value.zone, &node.value.region) else { continue };
        among(zone, &regions, &region.value, decoder);
    }
    for network in declared.networks.values() {
        for zone in &network.value.zones {
            match &network.value.region {
                Some(region) => among(zone, &regions, &region.value, decoder),
                None if all_whole && !all.contains(zone.value.as_str()) => {
                    missing(zone, &all, "any region", decoder);
                }
                None => {}
            }
        }
    }
    for subnet in declared.subnets.values() {
        let (Some(zone), Some(network)) = (&subnet.value.zone, &subnet.value.network) else {
            continue;
        };
        let Some(network) = declared.networks.get(&network.value) else { continue };
        if outside(zone, network, decoder) {
            continue;
        }
        match &network.value.region {
            Some(region) => among(zone, &regions, &region.value, decoder),
            None if network.whole && all_whole && !all.contains(zone.value.as_str()) => {
                missing(zone, &all, "any region", decoder);
            }
            None => {}
        }
    }
}

/// Reports a zone of a subnet that is not one of those that its network is in.
fn outside(
    zone: &At<String>,
    network: &Entry<crate::decode::objects::Network>,
    decoder: &mut Decoder,
) -> bool {
    let zones: Vec<&str> = network.value.zones.iter().map(|at| at.value.as_str()).collect();
    if !network.whole || zones.is_empty() || zones.contains(&zone.value.as_str()) {
        return false;
    }
    let listed: Vec<&str> = zones.iter().copied().take(LISTED_MAX).collect();
    let found = Diagnostic::error(
        code::OUTSIDE,
        &zone.span,
        format!("the subnet is in `{}`, and its network is not", zone.value),
        format!("the network's `zones` are {}", listed.join(", ")),
        "add the zone to the network's, or name one of them",
    );
    let guess = decoder.guess(&zone.value, zones);
    decoder.push(found.meaning(guess));
    true
}

/// By region its zones, and whether they are all known.
type Zones<'a> = BTreeMap<&'a str, (BTreeSet<&'a str>, bool)>;

fn among(zone: &At<String>, regions: &Zones<'_>, region: &str, decoder: &mut Decoder) {
    if let Some((zones, true)) = regions.get(region)
        && !zones.contains(zone.value.as_str())
    {
        missing(zone, zones, &format!("the region `{region}`"), decoder);
    }
}

fn missing(zone: &At<String>, zones: &BTreeSet<&str>, place: &str, decoder: &mut Decoder) {
    let sound = zones.iter().copied().filter(|name| is_label(name));
    let listed: Vec<&str> = sound.take(LISTED_MAX).collect();
    let solution = match listed.as_slice() {
        [] => "add it to a region's `zones`".to_owned(),
        names => {
            format!("add it to the region's `zones`, or name one of them: {}", names.join(", "))
        }
    };
    let found = Diagnostic::error(
        code::UNKNOWN_REFERENCE,
        &zone.span,
        format!("there is no zone `{}` in {place}", zone.value),
        "zones are declared with their region",
        solution,
    );
    let guess = decoder.guess(&zone.value, zones.iter().copied());
    decoder.push(found.meaning(guess));
}
