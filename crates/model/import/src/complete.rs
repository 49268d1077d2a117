//! What every fabric needs and sources do not say: regions, nodes, objects that others name.

use crate::desk::Desk;
use crate::draft::{Draft, Gateway, Network, Node, Region};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// The network that is made where a source needs one and none is given.
const PLACEHOLDER: [u8; 4] = [10, 0, 0, 0];
const PLACEHOLDER_LENGTH: u8 = 16;

impl Desk {
    /// A region by what a source calls it, declared now if it was not.
    pub(crate) fn region(&mut self, called: &str) -> String {
        let name = crate::name::label(called).unwrap_or_else(|| "unnamed".to_owned());
        self.draft.regions.entry(name.clone()).or_default();
        name
    }

    /// A zone of a network's region, declared now if it was not.
    pub(crate) fn zone(&mut self, network: &str, called: &str) -> Option<String> {
        let zone = crate::name::label(called)?;
        let region = self.draft.networks.get(network).and_then(|network| network.region.clone());
        let region = match region {
            Some(region) => region,
            None => {
                let made = self.region(place_of(&zone));
                if let Some(network) = self.draft.networks.get_mut(network) {
                    network.region = Some(made.clone());
                }
                made
            }
        };
        self.draft.regions.entry(region).or_default().zones.insert(zone.clone());
        Some(zone)
    }

    /// Whether a text is a domain.
    pub(crate) fn domain(&self, text: &str) -> bool {
        text.len() <= 200 && text.split('.').all(netloom_model::decode::is_label)
    }

    /// The first network, or one that is made because something needs one.
    pub(crate) fn some_network(&mut self, why: &str) -> String {
        if let Some(name) = self.draft.networks.keys().next() {
            return name.clone();
        }
        let name = self.names.claim("networks", &["imported"]);
        let Ok(cidr) = IpNet::new(PLACEHOLDER.into(), PLACEHOLDER_LENGTH) else { return name };
        self.added(
            format!("networks.{name}"),
            format!(
                "{why}, and no file has one: {cidr} stands there until you write the right one"
            ),
        );
        let made = Network { cidrs: vec![cidr], ..Network::default() };
        self.draft.networks.insert(name.clone(), made);
        name
    }
}

/// The region of a zone such as `us-west-1a`: the same without its letter.
pub(crate) fn place_of(zone: &str) -> &str {
    let bare = zone.trim_end_matches(|c: char| c.is_ascii_lowercase());
    if bare.len() + 1 == zone.len() && bare.ends_with(|c: char| c.is_ascii_digit()) {
        bare
    } else {
        zone
    }
}

/// The region with the most subnets, in which control is.
fn home(draft: &Draft) -> String {
    let mut counts: BTreeMap<&String, usize> = draft.regions.keys().map(|name| (name, 0)).collect();
    let hosted: BTreeSet<&String> = draft.nodes.values().map(|node| &node.region).collect();
    for subnet in draft.subnets.values() {
        let network = draft.networks.get(&subnet.network);
        let region = network.and_then(|network| network.region.as_ref());
        if let Some(count) = region.and_then(|region| counts.get_mut(region)) {
            *count += 1;
        }
    }
    let free = counts.into_iter().rev().filter(|(region, _)| !hosted.contains(region));
    free.max_by_key(|(_, count)| *count).map(|(region, _)| region.clone()).unwrap_or_default()
}

/// Gives networks with public subnets the gateway that these need.
fn internet_gateways(desk: &mut Desk) {
    let open = desk.draft.internet_gateways.values().filter(|one| !one.egress_only);
    let have: BTreeSet<&String> = open.map(|one| &one.network).collect();
    let public = desk.draft.subnets.values().filter(|subnet| subnet.public);
    let lack: BTreeSet<String> = public
        .filter(|subnet| !have.contains(&subnet.network))
        .map(|subnet| subnet.network.clone())
        .collect();
    for network in lack {
        let name = desk.names.claim("gateways", &[&network]);
        desk.added(
            format!("internet_gateways.{name}"),
            format!("`{network}` has public subnets, which need one, and no file has it"),
        );
        let made = Gateway { network, ..Gateway::default() };
        desk.draft.internet_gateways.insert(name, made);
    }
}

/// Adds what is missing.
pub(crate) fn run(desk: &mut Desk) {
    internet_gateways(desk);
    if desk.draft.regions.is_empty() {
        desk.draft.regions.insert("local".to_owned(), Region::default());
        desk.added("regions.local", "a fabric has a region; no file names one");
    }
    // A place in which something is, and where no node stands, gets a gateway.
    let regions: Vec<String> = desk.draft.regions.keys().cloned().collect();
    let hosted: BTreeSet<String> =
        desk.draft.nodes.values().map(|node| node.region.clone()).collect();
    let only = regions.len() == 1;
    let home = home(&desk.draft);
    let control = !desk.draft.nodes.values().any(|node| node.roles.contains(&"control"));
    for region in regions {
        if hosted.contains(&region) {
            continue;
        }
        let wanted = if only { "local".to_owned() } else { format!("{region}-gateway") };
        let name = desk.names.claim("hosts", &[&wanted]);
        let mut roles = vec!["gateway"];
        let why = if control && region == home {
            roles.insert(0, "control");
            "a host that keeps the fabric's state and is its way to the internet; no file names one"
        } else {
            "a host that is the region's way to the internet; no file names one"
        };
        desk.added(format!("nodes.{name}"), why);
        desk.draft.nodes.insert(name, Node { region, roles, ..Node::default() });
    }
    if control
        && !desk.draft.nodes.values().any(|node| node.roles.contains(&"control"))
        && let Some((name, node)) = desk.draft.nodes.iter_mut().next()
    {
        node.roles.extend(["control", "gateway"]);
        let path = format!("nodes.{name}.roles");
        desk.added(path, "a host keeps the fabric's state and is its way to the internet");
    }
}
