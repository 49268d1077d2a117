//! What Bolt's own options and labels in a file of Compose mean.

use crate::account::Outcome;
use Outcome::{Approximated, Exact, Refused};

const GAMING: &str =
    "not part of the network model; classes of traffic (QoS) are what will handle games";

/// Options of a network: name, value that it is said of (or any), outcome, words.
const OPTIONS: [(&str, Option<&str>, Outcome, &str); 7] = [
    ("bolt.type", Some("mesh"), Exact, "every two nodes of a network have a tunnel"),
    (
        "bolt.type",
        None,
        Approximated,
        "no bridge: every packet between workloads passes their policy",
    ),
    ("bolt.encryption", Some("enabled"), Exact, "nothing leaves a node in clear"),
    ("bolt.encryption", None, Refused, "it cannot be turned off: nothing leaves a node in clear"),
    ("bolt.gaming_optimizations", None, Refused, GAMING),
    (
        "bolt.quic_protocol",
        None,
        Refused,
        "not part of the network model; tunnels are WireGuard's, and QUIC is for a transport to come",
    ),
    (
        "bolt.firewall",
        None,
        Approximated,
        "policy is what security groups say, enforced at both ends; nothing is learned",
    ),
];

/// Labels of a service, all of which are kept: how each begins, and what is to be known of it.
const LABELS: [(&str, &str); 6] = [
    ("bolt.mesh.peer", "workloads of one network find each other by name, whoever is named here"),
    ("bolt.vpn.route", "ways out of a network are declared: route tables and gateways"),
    ("bolt.firewall.", "rate limits and floods are for the firewall and eBPF part"),
    ("bolt.routing.", "choosing among several servers is for services and their balancing"),
    ("bolt.gaming", "classes of traffic (QoS) are what will handle games"),
    ("bolt.mesh.priority", "classes of traffic (QoS) are what will handle priorities"),
];

/// What an option of a network's driver is, if it is one of Bolt's.
pub(super) fn option(key: &str, value: Option<&str>) -> Option<(Outcome, &'static str)> {
    let meant = |(known, wanted, ..): &&(&str, Option<&str>, Outcome, &str)| {
        *known == key && wanted.is_none_or(|wanted| Some(wanted) == value)
    };
    OPTIONS.iter().find(meant).map(|(.., outcome, words)| (*outcome, *words))
}

/// What is to be known of a label, if it is one of Bolt's.
pub(super) fn label(key: &str) -> Option<&'static str> {
    let known = LABELS.iter().find(|(begin, _)| key.starts_with(begin));
    let other = key.starts_with("bolt.").then_some("what Bolt does by it has no counterpart");
    known.map(|(_, words)| *words).or(other)
}
