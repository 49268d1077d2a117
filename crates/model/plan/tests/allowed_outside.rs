//! The set of what may pass to and from what is not in the fabric, against the answer for each single flow.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use netloom_model::Fabric;
use netloom_model::fabric::{Party, Protocol};
use netloom_plan::assumed::Assumed;
use netloom_plan::reach::allowed::allowed;
use netloom_plan::reach::{Flow, reach};
use netloom_policy::packet_set::transport;
use netloom_policy::words;
use netloom_testkit::random_fabric::{self, Dice, Size};
use netloom_testkit::random_networks;
use std::net::IpAddr;

/// The internet, addresses there, one that a table leads nowhere, those behind the nodes and peers of random
/// fabrics, and those of networks that nobody has.
const OUTSIDE: [&str; 9] = [
    "internet",
    "198.51.100.7",
    "203.0.113.200",
    "2001:db8:7::1",
    "192.168.4.9",
    "10.204.4.9",
    "10.1.9.9",
    "fd00:1:9::9",
    "192.168.200.9",
];

/// A random fabric with gateways, where every other workload publishes what it serves.
fn publishing(seed: u64) -> Fabric {
    let text = random_networks::yaml(seed);
    let mut workloads = 0;
    let lines = text.lines().map(|line| {
        if !line.contains("attach: { serve: { tcp: 80, udp: 53 } }") {
            return format!("{line}\n");
        }
        workloads += 1;
        let (tcp, udp) = (8_000 + workloads, 9_000 + workloads);
        let publish = match workloads % 3 {
            0 => String::new(),
            1 => format!("publish: [{{ port: {tcp}, to: 80 }}], "),
            _ => format!(
                "publish: [{{ port: {tcp}, to: 443 }}, {{ port: {udp}, protocol: udp, to: 53 }}], "
            ),
        };
        format!("{}\n", line.replace("attach:", &format!("{publish}attach:")))
    });
    netloom_testkit::fabric(&lines.collect::<String>())
}

/// The port of who is called that a caller outside means, who has it as the gateway does.
fn own(fabric: &Fabric, to: &Party, source: IpAddr, protocol: Protocol, port: u16) -> u16 {
    let Party::Workload(name) = to else { return port };
    let published = fabric.workloads[name].published(protocol, port);
    published.filter(|_| source.is_ipv4()).map_or(port, |one| one.to)
}

/// How many flows pass, of those that the set and the single answers are asked about.
fn agrees(fabric: &Fabric, seed: u64) -> usize {
    let world = Assumed::of(fabric);
    let input = world.input(fabric);
    let workloads = fabric.workloads.keys().cloned().map(Party::Workload);
    let ends: Vec<Party> = workloads.chain(fabric.nodes.keys().cloned().map(Party::Node)).collect();
    let outside = OUTSIDE.map(|name| fabric.party(name).unwrap());
    let (mut dice, mut passing) = (Dice::new(seed), 0);
    for (inside, outside) in
        ends.iter().flat_map(|end| outside.iter().map(move |other| (end, other)))
    {
        for (from, to) in [(inside, outside), (outside, inside)] {
            let Ok(sets) = allowed(&input, from, to) else { continue };
            for _ in 0..4 {
                let port = *dice.pick(&[1, 52, 53, 80, 443, 8_001, 32_768, 65_535]);
                let protocol = *dice.pick(&[Protocol::Tcp, Protocol::Udp, Protocol::Icmp]);
                let port = (protocol != Protocol::Icmp).then_some(port);
                let flow = Flow { from: from.clone(), to: to.clone(), protocol, port };
                let answers = reach(&input, &flow).unwrap();
                assert_eq!(answers.len(), sets.len(), "{seed}: {flow:?}");
                for (answer, set) in answers.iter().zip(&sets) {
                    assert_eq!(
                        (answer.source, answer.destination),
                        (set.source, set.destination),
                        "{seed}: {flow:?}"
                    );
                    let port = port.map(|port| own(fabric, to, answer.source, protocol, port));
                    let number = match protocol {
                        Protocol::Tcp => transport(6, port.unwrap()),
                        Protocol::Udp => transport(17, port.unwrap()),
                        _ if answer.source.is_ipv4() => transport(1, 8 << 8),
                        _ => transport(58, 128 << 8),
                    };
                    let is_in = set.transports.contains(number);
                    assert_eq!(is_in, answer.passes(), "{seed}: {answer:#?} {set:?}");
                    assert!(set.obstacle.is_none() || set.transports.is_empty(), "{set:?}");
                    passing += usize::from(is_in);
                }
            }
        }
    }
    passing
}

#[test]
fn the_set_holds_exactly_the_flows_that_pass_out_and_in() {
    let (mut simple, mut ways) = (0, 0);
    for seed in 0..60 {
        let text = random_fabric::yaml(seed, Size { peers_max: 3, ..Size::default() });
        simple += agrees(&netloom_testkit::fabric(&text), seed);
        ways += agrees(&publishing(seed), seed);
    }
    assert!(ways > 1_000, "{simple} and {ways} flows pass");
}

#[test]
fn what_is_published_and_what_leaves_is_listed_in_words() {
    let text = include_str!("../../../../examples/app-network.yaml");
    let fabric = netloom_testkit::fabric(text);
    let world = Assumed::of(&fabric);
    let input = world.input(&fabric);
    let listed = |from: &str, to: &str| {
        let [from, to] = [from, to].map(|name| fabric.party(name).unwrap());
        let pairs = allowed(&input, &from, &to).unwrap();
        let pair = pairs.into_iter().find(|pair| pair.source.is_ipv4()).unwrap();
        (words::words(&pair.transports).join(", "), pair.obstacle.is_some())
    };
    assert_eq!(listed("internet", "lb-1"), ("tcp 443".to_owned(), false));
    assert_eq!(listed("internet", "web-1"), (String::new(), true));
}

#[test]
fn what_a_host_calls_by_its_own_links_is_said_to_be_no_way_of_the_fabric() {
    let fabric = netloom_testkit::fabric(include_str!("../../../../examples/quickstart.yaml"));
    let world = Assumed::of(&fabric);
    let obstacle = |from: &str| {
        let [from, to] = [from, "internet"].map(|name| fabric.party(name).unwrap());
        let found = allowed(&world.input(&fabric), &from, &to).unwrap().pop().unwrap();
        found.obstacle.unwrap()
    };
    assert!(obstacle("alpha").ends_with("by the host's own links, if at all"));
    assert!(obstacle("web-1").ends_with("in no network of the fabric, and no way leads out"));
}
