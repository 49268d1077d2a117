//! `services:` of a file of Compose: containers, by name, with addresses, labels and published ports.

use super::networks::{is_reserved, make, no_address};
use super::{Net, Nets};
use crate::desk::Desk;
use crate::document::At;
use crate::draft::{
    Attach, Gateway, Group, Interface, Match, Ports, Protocol, Rule, Side, Tags, Workload,
};
use crate::scalar::{self, PortsRead};
use std::collections::BTreeMap;
use std::net::IpAddr;

const ENGINES: &str =
    "not part of the network model; the container engine runs it, Netloom attaches it by name";

/// All services of the file.
pub(super) fn services(desk: &mut Desk, root: At<'_>, nets: &mut Nets, project: Option<&str>) {
    let Some(all) = root.get("services") else { return };
    let mut seen = std::collections::BTreeSet::new();
    for at in desk.entries(all) {
        let Some(key) = at.key().filter(|key| seen.insert(*key)) else { continue };
        service(desk, at, key, nets, project);
    }
}

fn service(desk: &mut Desk, at: At<'_>, key: &str, nets: &mut Nets, project: Option<&str>) {
    if !desk.is_object(at) {
        return;
    }
    if let Some(mode) = at.get("network_mode") {
        let why = "it shares another's stack, or has none: attach it as `host` or not at all";
        desk.refuse_all(mode, why);
        desk.refuse_all(at, "it is in no network of its own, so it is not attached");
        return;
    }
    let Some(places) = places(desk, at, nets) else {
        desk.refuse_all(at, "none of its networks could be made");
        return;
    };
    let container = container(desk, at, key, project);
    if !desk.names.take("containers", &container) {
        desk.refuse_all(at, "another service has this container, and it is attached once");
        return;
    }
    let name = desk.names.claim("hosts", &[key]);
    desk.approximated(
        at,
        format!("the workload `{name}`, attached as the container `{container}`"),
    );
    let mut made = Workload {
        node: String::new(),
        subnet: String::new(),
        addresses: Vec::new(),
        labels: Tags::new(),
        security_groups: Vec::new(),
        interfaces: Vec::new(),
        publish: Vec::new(),
        attach: Attach::Container(container),
    };
    for (index, (net, addresses)) in places.into_iter().enumerate() {
        if index == 0 {
            made.subnet = net.subnet.clone();
            made.security_groups.push(net.group.clone());
            made.addresses = addresses;
        } else {
            // Its name within the fabric is that of both, and belongs to nothing else.
            let whole = desk.names.claim("hosts", &[&format!("{name}-{}", net.name)]);
            let own = whole.strip_prefix(&format!("{name}-")).unwrap_or(&net.name);
            made.interfaces.push(Interface {
                name: own.to_owned(),
                subnet: net.subnet.clone(),
                security_group: net.group.clone(),
                addresses,
            });
        }
    }
    if let Some(labels) = at.get("labels") {
        made.labels = self::labels(desk, labels, "a label of the workload");
    }
    desk.tag(&mut made.labels, "service", key);
    publish(desk, at, &name, &mut made);
    for item in desk.items_of(at, "expose") {
        desk.exact(
            item,
            "nothing more is needed: containers of a network reach each other on every port",
        );
    }
    for other in at.children() {
        let told = ["networks", "container_name", "labels", "ports", "expose"];
        if !told.contains(&other.key().unwrap_or("")) {
            desk.refuse_all(other, ENGINES);
        }
    }
    desk.draft.workloads.insert(name, made);
}

/// The container's name: its own, or the one that Compose makes.
fn container(desk: &mut Desk, at: At<'_>, key: &str, project: Option<&str>) -> String {
    if let Some(name) =
        desk.take(at, "container_name", "the container's name, by which it is attached")
    {
        return name.to_owned();
    }
    match project {
        Some(project) => format!("{project}-{key}-1"),
        None => key.to_owned(),
    }
}

type Places = Vec<(Net, Vec<IpAddr>)>;

/// The networks that a service is in, with the addresses that it asks for.
fn places(desk: &mut Desk, at: At<'_>, nets: &mut Nets) -> Option<Places> {
    let mut places = Places::new();
    if let Some(list) = at.get("networks") {
        desk.exact(list, "each is an interface of the workload; its items are told one by one");
        for item in list.children() {
            let called = item.key().or_else(|| item.text()).unwrap_or("");
            let known =
                if called == "default" { default(desk, nets) } else { nets.get(called).cloned() };
            let Some(net) =
                known.filter(|net| !places.iter().any(|(other, _)| other.name == net.name))
            else {
                desk.refuse_all(
                    item,
                    "no network of this name is in the file, or it stands here twice",
                );
                continue;
            };
            desk.exact(item, format!("an interface in the network `{}`", net.name));
            let addresses = addresses(desk, item, &net);
            places.push((net, addresses));
        }
    }
    if places.is_empty() {
        places.push((default(desk, nets)?, Vec::new()));
    }
    Some(places)
}

/// The network of services that name none.
fn default(desk: &mut Desk, nets: &mut Nets) -> Option<Net> {
    if let Some(net) = nets.get("default") {
        return Some(net.clone());
    }
    let net = make(desk, "default", Vec::new(), true)?;
    desk.added(
        format!("networks.{}", net.name),
        "services that name no network are in one together",
    );
    nets.insert("default".to_owned(), net.clone());
    Some(net)
}

fn addresses(desk: &mut Desk, at: At<'_>, net: &Net) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for key in ["ipv4_address", "ipv6_address"] {
        let Some(value) = at.get(key) else { continue };
        let text = value.text().unwrap_or("");
        let parsed = text.parse::<IpAddr>().ok();
        let own = parsed.filter(|address| {
            net.cidrs.iter().any(|cidr| cidr.contains(address) && !is_reserved(*cidr, *address))
                && !addresses.iter().any(|other| other.is_ipv4() == address.is_ipv4())
                && desk.names.take("addresses", &format!("{} {address}", net.subnet))
        });
        match own {
            Some(address) => {
                addresses.push(address);
                desk.exact(value, "the address that the workload asks for");
            }
            None => desk.refuse_all(value, no_address(text)),
        }
    }
    let names = "a workload has one name in each network; more are for services with `select`";
    desk.refuse_keys(at, &[("aliases", names)]);
    addresses
}

/// Labels as a map, or as a list of `key=value`.
pub(super) fn labels(desk: &mut Desk, at: At<'_>, words: &'static str) -> Tags {
    let mut labels = Tags::new();
    let is_list = at.is_list();
    if !is_list && !at.is_map() {
        desk.entries(at);
        return labels;
    }
    desk.exact(at, "its parts are told one by one");
    for item in at.children() {
        let text = item.text().or_else(|| item.is_nothing().then_some(""));
        let Some(text) = text else {
            desk.refuse_all(item, "a label is a single value");
            continue;
        };
        let (key, value) = if is_list {
            text.split_once('=').unwrap_or((text, ""))
        } else {
            (item.key().unwrap_or(""), text)
        };
        if !desk.tag(&mut labels, key, value) {
            desk.refused(item, "a label has up to 128 characters and a value of up to 1,024");
        } else if let Some(known) = super::bolt::label(key) {
            desk.approximated(item, format!("{words}, to be selected by; {known}"));
        } else {
            desk.exact(item, words);
        }
    }
    labels
}

/// Ports that are reached from outside: published, and let in.
fn publish(desk: &mut Desk, at: At<'_>, name: &str, made: &mut Workload) {
    let mut open: BTreeMap<(bool, u16), ()> = BTreeMap::new();
    for item in desk.items_of(at, "ports") {
        let Some((outside, inside, protocol)) = published(desk, item) else { continue };
        if !desk.names.take("published", &format!("{outside}/{}", protocol.name())) {
            desk.refuse_all(item, "another service, or this one, publishes the same port");
            continue;
        }
        desk.exact_all(item, "`publish`, and a rule that lets everyone in");
        made.publish.push((outside, protocol, inside));
        open.insert((protocol == Protocol::Udp, inside), ());
    }
    if open.is_empty() {
        return;
    }
    let group = desk.names.claim("security_groups", &[&format!("{name}-published")]);
    let rule = |(is_udp, port): (bool, u16)| Rule {
        matched: Match {
            protocol: if is_udp { Protocol::Udp } else { Protocol::Tcp },
            ports: Some(Ports { first: port, last: port }),
            icmp_type: None,
        },
        side: Side::All,
        note: None,
    };
    let ingress = open.into_keys().map(rule).collect();
    desk.added(format!("security_groups.{group}"), "what a service publishes, everyone may reach");
    desk.draft.security_groups.insert(group.clone(), Group { ingress, ..Group::default() });
    made.security_groups.push(group);
    let network = desk.draft.subnets.get(&made.subnet).map(|subnet| subnet.network.clone());
    let Some(network) = network else { return };
    if !desk.draft.internet_gateways.values().any(|one| one.network == network) {
        let gateway = desk.names.claim("gateways", &[&network]);
        desk.added(
            format!("internet_gateways.{gateway}"),
            "published ports are reached through one",
        );
        desk.draft.internet_gateways.insert(gateway, Gateway { network, ..Gateway::default() });
    }
}

/// Port outside, port of the container, protocol; or the entry is refused.
fn published(desk: &mut Desk, at: At<'_>) -> Option<(u16, u16, Protocol)> {
    let (outside, inside, protocol, host) = if at.is_map() {
        let protocol = at.text_of("protocol").unwrap_or("tcp");
        let target = at.text_of("target").unwrap_or("");
        (at.text_of("published").unwrap_or(target), target, protocol, at.text_of("host_ip"))
    } else {
        let text = at.text().unwrap_or("");
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let (rest, inside) = ports.rsplit_once(':').unwrap_or((ports, ports));
        let (host, outside) = match rest.rsplit_once(':') {
            Some((host, outside)) => (Some(host), outside),
            None => (None, rest),
        };
        (outside, inside, protocol, host)
    };
    let host = host.map(|host| host.trim_matches(['[', ']']));
    if host.and_then(|host| host.parse::<IpAddr>().ok()).is_some_and(|host| !host.is_unspecified())
    {
        desk.refuse_all(
            at,
            "published on one address of the host only; gateways publish on all of them",
        );
        return None;
    }
    let single = |text: &str| match scalar::ports(text) {
        Some(PortsRead::Some(Ports { first, last })) if first == last => Some(first),
        Some(_) | None => None,
    };
    let protocol = scalar::protocol(protocol).filter(|protocol| protocol.has_ports());
    match (single(outside), single(inside), protocol) {
        (Some(outside), Some(inside), Some(protocol)) => Some((outside, inside, protocol)),
        _ => {
            desk.refuse_all(at, "ports are published one by one: write each port by itself");
            None
        }
    }
}
