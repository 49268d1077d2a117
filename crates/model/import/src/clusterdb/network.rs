//! `network:` with a `vpc` and a list of `subnets`.

use crate::desk::Desk;
use crate::document::At;
use crate::draft::{Network, Subnet};
use crate::scalar;

/// Imports the file.
pub(crate) fn network(desk: &mut Desk, root: At<'_>) {
    let Some(outer) = root.get("network") else { return };
    desk.entries(outer);
    let vpc = outer.get("vpc").and_then(|vpc| self::vpc(desk, vpc));
    if let Some(subnets) = outer.get("subnets") {
        for item in desk.items(subnets) {
            match &vpc {
                Some(network) => subnet(desk, item, network),
                None => {
                    desk.refuse_all(item, "a subnet is part of a network, and `vpc` makes none")
                }
            }
        }
    }
}

/// The VPC as a network; its name.
fn vpc(desk: &mut Desk, at: At<'_>) -> Option<String> {
    desk.entries(at);
    let mut made = Network::default();
    for cidr in one_or_more(desk, at, "cidr") {
        desk.network_prefix(cidr, "the network's `cidr`", &mut made.cidrs);
    }
    if made.cidrs.is_empty() {
        desk.refuse_all(at, "a network needs a `cidr`, and none stands here that can be read");
        return None;
    }
    let region = desk.take(at, "region", "the network's `region`");
    made.region = region.map(|region| desk.region(region));
    if let Some(dns) = at.get("dns") {
        self::dns(desk, dns, &mut made);
    }
    if let Some(tags) = at.get("tags") {
        made.tags = desk.tags(tags, "a tag of the network");
    }
    let called = desk.take(at, "name", "the network's name").unwrap_or("vpc");
    let name = desk.names.claim("networks", &[called]);
    renamed(desk, at, called, &name);
    desk.draft.name.get_or_insert_with(|| name.clone());
    desk.draft.networks.insert(name.clone(), made);
    Some(name)
}

fn dns(desk: &mut Desk, at: At<'_>, made: &mut Network) {
    desk.entries(at);
    if let Some(domain) = at.get("domain")
        && let Some(text) = desk.text(domain)
    {
        if desk.domain(text) {
            made.domain = Some(text.to_owned());
            desk.exact(domain, "names of the network end in it");
        } else {
            desk.refused(domain, "no domain: labels of a-z, 0-9 and - with dots between them");
        }
    }
    for resolver in one_or_more(desk, at, "resolvers") {
        let Some(text) = desk.text(resolver) else { continue };
        match text.parse::<std::net::IpAddr>() {
            Ok(address) => {
                made.resolvers.push(address);
                if made.cidrs.iter().any(|cidr| cidr.contains(&address)) {
                    let how = "asked for names that are not the network's, by each subnet's own resolver; \
                               being in the network, it must be a workload's address";
                    desk.approximated(resolver, how);
                } else {
                    desk.exact(resolver, "asked for names that are not the network's");
                }
            }
            Err(_) => desk.refused(resolver, format!("`{}` is no address", scalar::short(text))),
        }
    }
}

fn subnet(desk: &mut Desk, at: At<'_>, network: &str) {
    desk.entries(at);
    let mut made = Subnet { network: network.to_owned(), ..Subnet::default() };
    for cidr in one_or_more(desk, at, "cidr") {
        desk.subnet_prefix(cidr, "the subnet's `cidr`", network, &mut made.cidrs);
    }
    if made.cidrs.is_empty() {
        desk.refuse_all(
            at,
            "a subnet needs a `cidr` of its own in its network, and none stands here",
        );
        return;
    }
    if let Some(zone) = desk.take(at, "zone", "the subnet's `zone`, added to its region's zones") {
        made.zone = desk.zone(network, zone);
    }
    if let Some(public) = at.get("public")
        && let Some(text) = desk.text(public)
    {
        match scalar::truth(text) {
            Some(is) => {
                made.public = is;
                desk.exact(public, "the subnet's `public`");
            }
            None => desk.refused(public, "neither true nor false"),
        }
    }
    if let Some(tags) = at.get("tags") {
        made.tags = desk.tags(tags, "a tag of the subnet");
    }
    let called = desk.take(at, "name", "the subnet's name").unwrap_or("subnet");
    let name = desk.names.claim("subnets", &[called]);
    renamed(desk, at, called, &name);
    desk.draft.subnets.insert(name, made);
}

/// Says so where a name had to be changed.
fn renamed(desk: &mut Desk, at: At<'_>, called: &str, name: &str) {
    if let Some(key) = at.get("name").filter(|_| called != name) {
        desk.approximated(
            key,
            format!("called `{name}` here: names are DNS labels, each given once"),
        );
    }
}

/// One value, or the items of a list.
fn one_or_more<'a>(desk: &mut Desk, at: At<'a>, key: &str) -> Vec<At<'a>> {
    match at.get(key) {
        Some(list) if list.is_list() => desk.items(list),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}
