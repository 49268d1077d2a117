//! Servers to try the policy with, and the tests that say what it means.

use crate::desk::Desk;
use crate::draft::{
    Attach, Draft, Group, Match, Protocol, Rule, Side, Subnet, Tags, Test, Workload,
};
use crate::flows::{ingress, internet_denied, reaches_internet, surely_denied, surely_passes};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// Most servers that are added, and most tests that are written.
const PROBES_MAX: usize = 128;
const TESTS_MAX: usize = 200;
/// Most pairs of workloads that are looked at in search of tests.
const PAIRS_MAX: usize = 20_000;
/// The port of a server in whose groups no rule names one.
const PORT: u16 = 7;
/// The port that is called on the internet.
const INTERNET_PORT: u16 = 443;
/// Most ports of one server.
const PORTS_MAX: usize = 8;
/// Addresses of a subnet that no workload gets.
const RESERVED_COUNT: u64 = 5;

/// Adds a server for each group, and one to each subnet that has none then.
pub(crate) fn add(desk: &mut Desk) {
    if desk.draft.subnets.is_empty() && !desk.draft.security_groups.is_empty() {
        let network = desk.some_network("servers to try the groups with need a network");
        subnet_of_its_own(desk, &network);
    }
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    for (name, subnet) in &desk.draft.subnets {
        places.insert(name.clone(), Place { probes: 0, left: capacity(subnet) });
    }
    let taken = desk.draft.workloads.values().flat_map(|workload| {
        let further = workload.interfaces.iter().map(|one| &one.subnet);
        further.chain([&workload.subnet])
    });
    for subnet in taken {
        if let Some(place) = places.get_mut(subnet) {
            place.left = place.left.saturating_sub(1);
        }
    }
    let groups: Vec<String> = desk.draft.security_groups.keys().take(PROBES_MAX).cloned().collect();
    let mut count = 0;
    for group in groups {
        let Some(subnet) = chosen(desk, &group, &places) else { break };
        probe(desk, &subnet, &group);
        if let Some(place) = places.get_mut(&subnet) {
            place.probes += 1;
            place.left = place.left.saturating_sub(1);
        }
        count += 1;
    }
    let mut open = None;
    let empty = places.into_iter().filter(|(_, place)| place.probes == 0 && place.left > 0);
    for (subnet, _) in empty.take(PROBES_MAX.saturating_sub(count)) {
        let group = open.get_or_insert_with(|| open_group(desk)).clone();
        probe(desk, &subnet, &group);
    }
}

/// What a subnet has of servers, and of room.
struct Place {
    probes: usize,
    left: u64,
}

/// How many workloads a subnet has addresses for.
fn capacity(subnet: &Subnet) -> u64 {
    let v4 = subnet.cidrs.iter().filter_map(|prefix| match prefix {
        IpNet::V4(v4) => Some((1_u64 << (32 - v4.prefix_len())).saturating_sub(RESERVED_COUNT)),
        IpNet::V6(_) => None,
    });
    v4.reduce(u64::saturating_add).unwrap_or(u64::MAX)
}

/// The subnet in which a group is tried: of its own network, public if the internet is let in, and
/// with few servers so far.
fn chosen(desk: &Desk, group: &str, places: &BTreeMap<String, Place>) -> Option<String> {
    let group = desk.draft.security_groups.get(group)?;
    let is_open = group.ingress.iter().any(|rule| match &rule.side {
        Side::All => true,
        Side::Cidr(prefix) => prefix.prefix_len() == 0,
        Side::Group(_) | Side::PrefixList(_) => false,
    });
    let rank = |(name, subnet): &(&String, &Subnet)| {
        let away = group.home.as_ref().is_some_and(|home| *home != subnet.network);
        let probes = places.get(*name).map_or(0, |place| place.probes);
        (away, subnet.public != is_open, probes)
    };
    let has_room =
        |(name, _): &(&String, &Subnet)| places.get(*name).is_some_and(|place| place.left > 0);
    let with_room = desk.draft.subnets.iter().filter(has_room);
    with_room.min_by_key(rank).map(|(name, _)| name.clone())
}

fn subnet_of_its_own(desk: &mut Desk, network: &str) {
    let cidr = desk.draft.networks.get(network).and_then(|network| network.cidrs.first().copied());
    let Some(cidr) = cidr else { return };
    let (length, longest) = if cidr.addr().is_ipv4() { (24, 29) } else { (64, 64) };
    let length = cidr.prefix_len().max(length);
    let Some(cidr) = IpNet::new(cidr.addr(), length).ok().filter(|_| length <= longest) else {
        return;
    };
    let name = desk.names.claim("subnets", &[network]);
    desk.added(format!("subnets.{name}"), "servers to try the groups with stand in it");
    let made = Subnet { network: network.to_owned(), cidrs: vec![cidr], ..Default::default() };
    desk.draft.subnets.insert(name, made);
}

/// The group of servers that reach each other.
fn open_group(desk: &mut Desk) -> String {
    let name = desk.names.claim("security_groups", &["probes"]);
    desk.added(format!("security_groups.{name}"), "servers of subnets for which no group was left");
    let rule = Rule { matched: Match::ALL, side: Side::Group(name.clone()), note: None };
    let made = Group { ingress: vec![rule.clone()], egress: vec![rule], ..Group::default() };
    desk.draft.security_groups.insert(name.clone(), made);
    name
}

fn probe(desk: &mut Desk, subnet: &str, group: &str) {
    let name = desk.names.claim("hosts", &[&format!("probe-{subnet}-{group}")]);
    let region = desk.draft.subnets.get(subnet).and_then(|subnet| {
        desk.draft.networks.get(&subnet.network).and_then(|network| network.region.clone())
    });
    let nodes = &desk.draft.nodes;
    let near = nodes.iter().find(|(_, node)| region.as_ref() == Some(&node.region));
    let Some((node, _)) = near.or_else(|| nodes.iter().next()) else { return };
    let node = node.clone();
    let rules = desk.draft.security_groups.get(group).map(|group| group.ingress.as_slice());
    let ports = |protocol: Protocol| -> Vec<u16> {
        let named = rules.unwrap_or(&[]).iter().filter(|rule| rule.matched.protocol == protocol);
        let ports: BTreeSet<u16> =
            named.filter_map(|rule| Some(rule.matched.ports?.first)).collect();
        ports.into_iter().take(PORTS_MAX).collect()
    };
    let (mut tcp, udp) = (ports(Protocol::Tcp), ports(Protocol::Udp));
    if tcp.is_empty() && udp.is_empty() {
        tcp.push(PORT);
    }
    desk.added(
        format!("workloads.{name}"),
        format!("a server to try `{group}` with, in `{subnet}`"),
    );
    let made = Workload {
        node,
        subnet: subnet.to_owned(),
        addresses: Vec::new(),
        labels: Tags::from([("role".to_owned(), "probe".to_owned())]),
        security_groups: vec![group.to_owned()],
        interfaces: Vec::new(),
        publish: Vec::new(),
        attach: Attach::Serve { tcp, udp },
    };
    desk.draft.workloads.insert(name, made);
}

/// Gives workloads their node, and writes what the policy means for them as tests.
pub(crate) fn tests(desk: &mut Desk) {
    let first = desk.draft.nodes.keys().next().cloned().unwrap_or_default();
    for workload in desk.draft.workloads.values_mut().filter(|one| one.node.is_empty()) {
        workload.node.clone_from(&first);
    }
    let draft = &desk.draft;
    let mut tests = Vec::new();
    let mut pairs = 0;
    for (to, target) in &draft.workloads {
        if tests.len() >= TESTS_MAX || pairs > PAIRS_MAX {
            break;
        }
        let served = served(draft, target);
        for (protocol, port) in &served {
            let flow = format!("{port}/{}", protocol.name());
            let test = |from: &str, allow| Test {
                from: from.to_owned(),
                to: to.clone(),
                port: flow.clone(),
                allow,
            };
            let (mut allowed, mut across, mut denied) = (None, None, None);
            for (from, source) in draft.workloads.iter().filter(|(from, _)| *from != to) {
                pairs += 1;
                if pairs > PAIRS_MAX {
                    break;
                }
                let is_near = is_near(draft, source, target);
                let found = if is_near { &mut allowed } else { &mut across };
                if found.is_none() && surely_passes(draft, source, target, *protocol, *port) {
                    *found = Some(test(from, true));
                }
                if denied.is_none() && surely_denied(draft, source, target, *protocol, *port) {
                    denied = Some(test(from, false));
                }
            }
            tests.extend(allowed.into_iter().chain(across).chain(denied));
            if internet_denied(draft, target, *protocol, *port) {
                tests.push(test("internet", false));
            }
        }
        if let Some(allow) = reaches_internet(draft, target, INTERNET_PORT) {
            let (from, port) = (to.clone(), format!("{INTERNET_PORT}/tcp"));
            tests.push(Test { from, to: "internet".to_owned(), port, allow });
        }
    }
    tests.truncate(TESTS_MAX);
    if !tests.is_empty() {
        let words = format!("{} of what the groups allow and deny between workloads", tests.len());
        desk.added("tests", words);
    }
    desk.draft.tests = tests;
}

/// Whether two workloads are in one network.
fn is_near(draft: &Draft, one: &Workload, other: &Workload) -> bool {
    let network = |of: &Workload| draft.subnets.get(&of.subnet).map(|subnet| &subnet.network);
    network(one) == network(other)
}

/// Ports at which a workload can be tried.
fn served(draft: &Draft, workload: &Workload) -> Vec<(Protocol, u16)> {
    match &workload.attach {
        Attach::Serve { tcp, udp } => {
            let tcp = tcp.iter().map(|port| (Protocol::Tcp, *port));
            tcp.chain(udp.iter().map(|port| (Protocol::Udp, *port))).collect()
        }
        Attach::Container(_) => {
            let named = ingress(draft, workload).filter(|rule| rule.matched.protocol.has_ports());
            let mut ports: Vec<(Protocol, u16)> = named
                .filter_map(|rule| Some((rule.matched.protocol, rule.matched.ports?.first)))
                .take(PORTS_MAX)
                .collect();
            if ports.is_empty() {
                ports.push((Protocol::Tcp, PORT));
            }
            ports
        }
    }
}
