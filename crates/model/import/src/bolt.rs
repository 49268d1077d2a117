//! Bolt's own network configuration: switches, of which few are the network model's.

use crate::account::Outcome;
use crate::desk::Desk;
use crate::document::At;
use crate::scalar::truth;

use Outcome::{Approximated, Exact, Refused};

const GAMING: &str =
    "not part of the network model; classes of traffic (QoS) are what will handle games";
const SECRET: &str = "a key of another control server, not kept: nodes join with a token of \
                      `netloom token create`";

/// What each key is: table, key, value that it is said of (or any), outcome, words.
const KEYS: [(&str, &str, Option<&str>, Outcome, &str); 32] = [
    (
        "networking",
        "driver",
        None,
        Approximated,
        "workloads are attached by the node's agent; no driver of a container engine is needed",
    ),
    (
        "networking",
        "enable_mesh",
        Some("true"),
        Exact,
        "every two nodes of a network have a tunnel",
    ),
    (
        "networking",
        "enable_mesh",
        Some("false"),
        Refused,
        "nodes of a network are a mesh always; leave a node out of it instead",
    ),
    ("networking", "enable_gaming_optimizations", None, Refused, GAMING),
    ("vpn", "primary", Some("wireguard"), Exact, "tunnels between nodes are WireGuard's"),
    (
        "vpn",
        "primary",
        None,
        Approximated,
        "tunnels between nodes are Netloom's own, which speak WireGuard",
    ),
    (
        "vpn",
        "fallback",
        None,
        Refused,
        "not part of the network model; an ordered list of tunnels that health decides between is for VPNs to come",
    ),
    ("ghostwire", "auth_key", None, Refused, SECRET),
    (
        "ghostwire",
        "control_server",
        None,
        Refused,
        "a fabric's control is a node with the role `control`, found by its join token",
    ),
    (
        "ghostwire",
        "mesh_networking",
        Some("true"),
        Exact,
        "every two nodes of a network have a tunnel",
    ),
    (
        "ghostwire",
        "nat_traversal",
        Some("true"),
        Approximated,
        "nodes behind translators call those that are not; two behind translators need a relay",
    ),
    ("ghostwire", "gaming_mode", None, Refused, GAMING),
    ("ghostwire", "gaming_optimizations", None, Refused, GAMING),
    (
        "firewall",
        "mode",
        None,
        Approximated,
        "policy is what security groups and network ACLs say, enforced at both ends; nothing is learned",
    ),
    (
        "firewall",
        "docker_conflict_resolution",
        Some("true"),
        Approximated,
        "tables of Netloom are its own, in namespaces of its own, so those of Docker stay as they are; conflicts on the host are not resolved",
    ),
    ("firewall", "gaming_protection", None, Refused, GAMING),
    (
        "firewall",
        "ddos_protection",
        None,
        Refused,
        "not part of the network model; rate limits and floods are for the firewall and eBPF part",
    ),
    ("mesh", "discovery", Some("automatic"), Exact, "control tells nodes of each other"),
    (
        "mesh",
        "encryption",
        Some("chacha20poly1305"),
        Approximated,
        "ChaCha20-Poly1305, or AES-256-GCM between nodes whose processors have it",
    ),
    ("mesh", "gaming_optimization", None, Refused, GAMING),
    (
        "mesh",
        "p2p_game_servers",
        None,
        Refused,
        "not part of the network model; workloads reach each other directly where their groups allow it",
    ),
    (
        "routing",
        "enable_bgp",
        Some("false"),
        Exact,
        "routes are planned from the file; no routing protocol runs",
    ),
    (
        "routing",
        "enable_bgp",
        None,
        Refused,
        "not part of the network model; routes are planned from the file, and no routing protocol runs",
    ),
    ("routing", "policy_based_routing", Some("false"), Exact, "route tables decide by destination"),
    (
        "routing",
        "policy_based_routing",
        None,
        Refused,
        "not part of the network model; route tables decide by destination alone",
    ),
    ("routing", "gaming_traffic_priority", None, Refused, GAMING),
    (
        "monitoring",
        "enable_detailed_metrics",
        Some("true"),
        Approximated,
        "not declared: `GET /v1/metrics` tells Prometheus of nodes, tunnels and packets always",
    ),
    ("monitoring", "gaming_analytics", None, Refused, GAMING),
    (
        "monitoring",
        "real_time_updates",
        Some("true"),
        Approximated,
        "not declared: the dashboard and `GET /v1/events` are live always",
    ),
    (
        "features",
        "magic_dns",
        Some("true"),
        Exact,
        "workloads, nodes and services have names in every network",
    ),
    (
        "features",
        "subnet_routing",
        Some("true"),
        Approximated,
        "a node leads to what is behind it with `advertise`",
    ),
    (
        "features",
        "exit_nodes",
        None,
        Refused,
        "a way to the internet is declared: `nat_gateways` and a route",
    ),
];

/// Imports the file.
pub(crate) fn import(desk: &mut Desk, root: At<'_>) {
    for table in root.children() {
        let name = table.key().unwrap_or("");
        if !KEYS.iter().any(|(known, ..)| *known == name) {
            desk.refuse_all(table, "no table of Bolt of this name is known");
            continue;
        }
        for at in desk.entries(table) {
            key(desk, name, at);
        }
    }
}

fn key(desk: &mut Desk, table: &str, at: At<'_>) {
    let text = at.text().map(|text| match truth(text) {
        Some(true) => "true",
        Some(false) => "false",
        None => text,
    });
    let own = KEYS.iter().filter(|(known, key, ..)| *known == table && at.key() == Some(*key));
    let meant = own.clone().find(|(_, _, value, ..)| value.is_none_or(|value| Some(value) == text));
    match meant {
        Some((_, _, _, outcome, words)) => desk.ledger.mark_all(at, *outcome, (*words).into()),
        None if own.count() > 0 && text == Some("false") => {
            desk.refuse_all(at, "this cannot be turned off");
        }
        None => desk.refuse_all(at, format!("no such key or value is known in `{table}`")),
    }
}
