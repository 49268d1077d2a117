//! What nodes report, in the text format of Prometheus; the one list of all names of metrics.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A metric: its name, kind and meaning. Names are `netloom_SERVICE_NOUN_UNIT`, and stay what they are.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
}

const fn metric(name: &'static str, kind: &'static str, help: &'static str) -> Metric {
    Metric { name, kind, help }
}

const NODE: Metric =
    metric("netloom_control_node_connected", "gauge", "Whether a node has a session with control.");
const PACKETS: Metric = metric(
    "netloom_tunnel_packets_total",
    "counter",
    "Packets that a node has sealed, or opened out of tunnels.",
);
const DROPS: Metric = metric(
    "netloom_tunnel_drops_total",
    "counter",
    "Packets dropped by a node's engine and its driver, by reason.",
);
const BATCHES: Metric = metric(
    "netloom_tunnel_batch_packets",
    "histogram",
    "Packets that were carried at once, by way.",
);
const OFFLOADS: Metric = metric(
    "netloom_tunnel_offload_enabled",
    "gauge",
    "Whether the kernel takes and gives batches there.",
);
const BYTES: Metric = metric(
    "netloom_tunnel_peer_bytes_total",
    "counter",
    "Bytes of datagrams from and to a peer, handshakes included.",
);
const HANDSHAKES: Metric =
    metric("netloom_tunnel_peer_handshakes_total", "counter", "Handshakes with a peer.");
const HANDSHAKE_AGE: Metric = metric(
    "netloom_tunnel_peer_handshake_age_seconds",
    "gauge",
    "Time since the last handshake with a peer.",
);
const SESSION: Metric = metric(
    "netloom_tunnel_peer_session_open",
    "gauge",
    "Whether packets to a peer can be sent at once.",
);
const ROUND_TRIP: Metric = metric(
    "netloom_tunnel_peer_round_trip_seconds",
    "gauge",
    "Smoothed round trip to a peer, where it is measured.",
);
const PATH: Metric = metric(
    "netloom_tunnel_peer_path_mtu_bytes",
    "gauge",
    "Largest inner packet that the path to a peer takes, where probes have shown it.",
);
const FAULTS: Metric = metric(
    "netloom_tunnel_peer_segmentation_faults_total",
    "counter",
    "How often pieces to a peer were found not to arrive whole.",
);
const EXCHANGES: Metric = metric(
    "netloom_tunnel_peer_key_exchanges_total",
    "counter",
    "Preshared keys that were agreed upon with a peer.",
);
const DENIED: Metric = metric(
    "netloom_policy_denied_packets_total",
    "counter",
    "Packets that a network's policy has stopped on a node, by reason.",
);

const TRACKED: Metric = metric(
    "netloom_gateway_tracked_connections",
    "gauge",
    "Connections tracked where sources are translated, by network; `(host)` is the node's own stack.",
);
const TRACKED_MAX: Metric = metric(
    "netloom_gateway_tracked_connections_max",
    "gauge",
    "How many connections can be tracked there.",
);
const SOURCE_PORTS: Metric = metric(
    "netloom_gateway_source_ports",
    "gauge",
    "Source ports taken towards the busiest destination, where there are many connections; 64512 can be.",
);
const UNTRACKED: Metric = metric(
    "netloom_gateway_connections_failed_total",
    "counter",
    "New connections that found no source port (`ports`), or the table full (`full`).",
);

/// All metrics, in the order in which they are told.
const REGISTRY: [&Metric; 18] = [
    &NODE,
    &PACKETS,
    &DROPS,
    &BATCHES,
    &OFFLOADS,
    &BYTES,
    &HANDSHAKES,
    &HANDSHAKE_AGE,
    &SESSION,
    &ROUND_TRIP,
    &PATH,
    &FAULTS,
    &EXCHANGES,
    &DENIED,
    &TRACKED,
    &TRACKED_MAX,
    &SOURCE_PORTS,
    &UNTRACKED,
];

/// All metrics as text: of each node, whether it is connected, and its report if there is one.
pub(crate) fn text(nodes: &BTreeMap<String, (bool, Option<Value>)>) -> String {
    let mut page = Page::default();
    for (node, (connected, report)) in nodes {
        page.add(&NODE, &[("node", node)], u8::from(*connected).into());
        // What a node said before it went away is nobody's state now.
        if let Some(report) = report.as_ref().filter(|_| *connected) {
            page.tunnels(node, &report["tunnels"]);
            for (network, status) in entries(&report["networks"]) {
                page.network(node, network, status);
            }
            for (place, status) in entries(&report["translation"]) {
                page.translation(node, place, status);
            }
        }
    }
    page.text()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Samples by metric, so that those of one metric stand together, as the format wants.
#[derive(Default)]
struct Page {
    samples: BTreeMap<&'static str, String>,
}

type Labels<'a> = [(&'a str, &'a str)];

impl Page {
    fn add(&mut self, metric: &Metric, labels: &Labels<'_>, value: f64) {
        self.add_suffixed(metric, "", labels, value);
    }

    fn add_suffixed(&mut self, metric: &Metric, suffix: &str, labels: &Labels<'_>, value: f64) {
        let labels: Vec<String> =
            labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
        let lines = self.samples.entry(metric.name).or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{}{suffix}{{{}}} {value}", metric.name, labels.join(","));
    }

    /// A number of a report, if it is there.
    fn number(&mut self, metric: &Metric, labels: &Labels<'_>, value: &Value) {
        if let Some(value) = value.as_f64() {
            self.add(metric, labels, value);
        }
    }

    fn tunnels(&mut self, node: &str, totals: &Value) {
        for direction in ["sealed", "opened"] {
            let value = &totals[format!("{direction}_packets")];
            self.number(&PACKETS, &[("node", node), ("direction", direction)], value);
        }
        for (reason, count) in entries(&totals["drops"]) {
            self.number(&DROPS, &[("node", node), ("reason", reason)], count);
        }
        for (offload, on) in entries(&totals["offloads"]) {
            let value = u8::from(on.as_bool() == Some(true)).into();
            self.add(&OFFLOADS, &[("node", node), ("offload", offload)], value);
        }
        for (way, batches) in entries(&totals["batches"]) {
            self.batches(node, way, batches);
        }
    }

    /// A histogram: each bucket counts all batches that are not larger.
    fn batches(&mut self, node: &str, way: &str, batches: &Value) {
        let counts = batches["counts"].as_array().into_iter().flatten();
        let counts: Vec<f64> = counts.filter_map(Value::as_f64).collect();
        let mut all = 0.0;
        for (power, count) in counts.iter().enumerate() {
            all += count;
            let largest = if power + 1 == counts.len() {
                "+Inf".to_owned()
            } else {
                ((2_u64 << power) - 1).to_string()
            };
            let labels = [("node", node), ("way", way), ("le", largest.as_str())];
            self.add_suffixed(&BATCHES, "_bucket", &labels, all);
        }
        if !counts.is_empty() {
            let labels = [("node", node), ("way", way)];
            let packets = batches["packets"].as_f64().unwrap_or(0.0);
            self.add_suffixed(&BATCHES, "_sum", &labels, packets);
            self.add_suffixed(&BATCHES, "_count", &labels, all);
        }
    }

    fn translation(&mut self, node: &str, place: &str, status: &Value) {
        let labels = [("node", node), ("network", place)];
        self.number(&TRACKED, &labels, &status["connections"]);
        self.number(&TRACKED_MAX, &labels, &status["connections_max"]);
        self.number(&SOURCE_PORTS, &labels, &status["source_ports"]);
        for (reason, key) in [("ports", "refused"), ("full", "dropped")] {
            self.number(&UNTRACKED, &[labels[0], labels[1], ("reason", reason)], &status[key]);
        }
    }

    fn network(&mut self, node: &str, network: &str, status: &Value) {
        for (reason, count) in entries(&status["denied"]) {
            let labels = [("node", node), ("network", network), ("reason", reason.as_str())];
            self.number(&DENIED, &labels, count);
        }
        for (peer, report) in entries(&status["peers"]).chain(entries(&status["stock_peers"])) {
            let labels = [("node", node), ("network", network), ("peer", peer.as_str())];
            for (direction, key) in [("received", "rx_bytes"), ("sent", "tx_bytes")] {
                let labels = [labels[0], labels[1], labels[2], ("direction", direction)];
                self.number(&BYTES, &labels, &report[key]);
            }
            self.number(&HANDSHAKES, &labels, &report["handshakes"]);
            self.number(&HANDSHAKE_AGE, &labels, &report["handshake_age_s"]);
            self.number(&PATH, &labels, &report["path_mtu_bytes"]);
            self.number(&FAULTS, &labels, &report["segmentation_faults"]);
            self.number(&EXCHANGES, &labels, &report["key_exchanges"]);
            let open = u8::from(report["has_session"].as_bool() == Some(true)).into();
            self.add(&SESSION, &labels, open);
            if let Some(micros) = report["round_trip_us"].as_f64() {
                self.add(&ROUND_TRIP, &labels, micros / 1e6);
            }
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for Metric { name, kind, help } in REGISTRY {
            if let Some(samples) = self.samples.get(name) {
                // Writing to a String cannot fail.
                let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{samples}");
            }
        }
        text
    }
}

/// A label's value, as the format escapes it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report() -> Value {
        json!({
            "tunnels": {
                "sealed_packets": 7, "opened_packets": 5,
                "drops": { "NoRoute": 2 },
                "batches": { "to_port": { "counts": [3, 1, 2], "packets": 17 } },
                "offloads": { "send": true },
            },
            "translation": { "app": {
                "connections": 20_000, "connections_max": 65_536, "source_ports": 19_000,
                "refused": 3, "dropped": 0,
            } },
            "networks": { "app": {
                "denied": { "ingress-denied": 4 },
                "peers": { "beta": {
                    "rx_bytes": 1, "tx_bytes": 2, "handshakes": 3, "handshake_age_s": 9,
                    "has_session": true, "round_trip_us": 1500,
                } },
                "stock_peers": { "a\"b": { "rx_bytes": 0, "has_session": false } },
            } },
        })
    }

    #[test]
    fn reports_become_samples_of_the_registry() {
        let nodes = BTreeMap::from([
            ("alpha".to_owned(), (true, Some(report()))),
            ("away".to_owned(), (false, Some(report()))),
        ]);
        let text = text(&nodes);
        for line in [
            "netloom_control_node_connected{node=\"away\"} 0",
            "netloom_tunnel_packets_total{node=\"alpha\",direction=\"sealed\"} 7",
            "netloom_tunnel_batch_packets_bucket{node=\"alpha\",way=\"to_port\",le=\"3\"} 4",
            "netloom_tunnel_batch_packets_bucket{node=\"alpha\",way=\"to_port\",le=\"+Inf\"} 6",
            "netloom_tunnel_batch_packets_sum{node=\"alpha\",way=\"to_port\"} 17",
            "netloom_tunnel_peer_round_trip_seconds{node=\"alpha\",network=\"app\",peer=\"beta\"} 0.0015",
            "netloom_tunnel_peer_session_open{node=\"alpha\",network=\"app\",peer=\"a\\\"b\"} 0",
            "netloom_gateway_tracked_connections_max{node=\"alpha\",network=\"app\"} 65536",
            "netloom_gateway_source_ports{node=\"alpha\",network=\"app\"} 19000",
            "netloom_gateway_connections_failed_total{node=\"alpha\",network=\"app\",reason=\"ports\"} 3",
            "netloom_policy_denied_packets_total{node=\"alpha\",network=\"app\",reason=\"ingress-denied\"} 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("netloom_tunnel_packets_total{node=\"away\""), "{text}");
    }

    #[test]
    fn names_have_the_scheme_and_are_there_once() {
        let mut names: Vec<&str> = REGISTRY.iter().map(|metric| metric.name).collect();
        for name in &names {
            let words: Vec<&str> = name.split('_').collect();
            assert!(words.len() >= 4 && words[0] == "netloom", "{name}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), REGISTRY.len());
        for metric in REGISTRY {
            assert_eq!(
                metric.kind == "counter",
                metric.name.ends_with("_total"),
                "{}",
                metric.name
            );
        }
    }

    #[test]
    fn a_report_of_another_version_is_no_harm() {
        let odd = json!({ "tunnels": { "batches": { "x": 1 }, "drops": [] }, "networks": "none" });
        let nodes = BTreeMap::from([("alpha".to_owned(), (true, Some(odd)))]);
        assert_eq!(text(&nodes).lines().filter(|line| !line.starts_with('#')).count(), 1);
    }
}
