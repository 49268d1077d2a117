//! Tiers in one zone: subnets of one network that are alike, all where one outage takes them together.

use super::{Words, warning};
use netloom_model::Diagnostic;
use netloom_model::diagnostic::code;
use netloom_model::fabric::{Fabric, Name, Network, Subnet};
use std::collections::{BTreeMap, BTreeSet};

/// What makes subnets alike.
type Tier<'a> = (&'a BTreeMap<String, String>, bool);

/// The subnets of a network that are alike.
type Tiers<'a> = BTreeMap<Tier<'a>, Vec<(&'a Name, &'a Subnet)>>;

pub(super) fn find(fabric: &Fabric) -> Vec<Diagnostic> {
    let mut networks: BTreeMap<&Name, Tiers<'_>> = BTreeMap::new();
    for (name, subnet) in &fabric.subnets {
        let tiers = networks.entry(&subnet.network).or_default();
        tiers.entry((&subnet.tags, subnet.public)).or_default().push((name, subnet));
    }
    let mut found = Vec::new();
    for (name, tiers) in networks {
        let Some(network) = fabric.networks.get(name) else { continue };
        let zones = zones_of(fabric, network);
        if zones.len() < 2 || !spreads(network, &tiers) {
            continue;
        }
        found.extend(tiers.iter().filter_map(|(tier, subnets)| judge(*tier, subnets, zones)));
    }
    found
}

/// The zones that a network's subnets may be in.
fn zones_of<'a>(fabric: &'a Fabric, network: &'a Network) -> &'a BTreeSet<Name> {
    let region = network.region.as_ref().and_then(|region| fabric.regions.get(region));
    match region {
        Some(region) if network.zones.is_empty() => &region.zones,
        Some(_) | None => &network.zones,
    }
}

/// Whether a network is meant to be in several zones: it says so, or one of its tiers is.
fn spreads(network: &Network, tiers: &Tiers<'_>) -> bool {
    let several = |subnets: &Vec<(&Name, &Subnet)>| {
        let zones = subnets.iter().filter_map(|(_, subnet)| subnet.zone.as_ref());
        zones.collect::<BTreeSet<_>>().len() > 1
    };
    network.zones.len() > 1 || tiers.values().any(several)
}

fn judge(
    (tags, public): Tier<'_>,
    subnets: &[(&Name, &Subnet)],
    zones: &BTreeSet<Name>,
) -> Option<Diagnostic> {
    let used: Option<BTreeSet<&Name>> =
        subnets.iter().map(|(_, subnet)| subnet.zone.as_ref()).collect();
    // A subnet without a zone may be anywhere.
    let used = used.filter(|used| used.len() == 1)?;
    let zone = used.first()?;
    let (name, first) = subnets.first()?;
    let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    let kind = if public { "public" } else { "private" };
    let tier = match tags.as_slice() {
        [] => kind.to_owned(),
        tags => format!("{kind}, {}", tags.join(", ")),
    };
    let others: Vec<&str> =
        zones.iter().filter(|other| other != zone).map(String::as_str).take(3).collect();
    let words = Words {
        message: format!("the subnets like `{name}` ({tier}) are all in the zone `{zone}`"),
        cause: format!(
            "the network has {} zones, and an outage of one takes all of them",
            zones.len()
        ),
        solution: format!("add a subnet with the same tags in another zone: {}", others.join(", ")),
    };
    Some(warning(code::ONE_ZONE, &first.span, words))
}
