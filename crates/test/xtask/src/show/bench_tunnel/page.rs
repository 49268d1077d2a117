//! The page of a run: a table in Markdown, with all that a reader needs to measure it again.

use super::machine::Machine;
use super::results::{Results, short};

/// The text of `docs/benchmarks/tunnel.md`.
pub(super) fn text(
    results: &Results,
    remarks: &[(String, String)],
    command: &str,
    machine: &Machine,
) -> String {
    let Machine { date, kernel, processor, processors, versions } = machine;
    let mut text = format!(
        "# Tunnels beside others\n\n\
         Written by `{command}` on {date}.\n{processors} × {processor}, Linux {kernel}; {}.\n\
         Both ends, iperf3 and the echoes on the same processors. Medians of interleaved rounds; what was not measured is –. \
         Memory with peers and handshakes\nper second are of one end whose peers `wg` configured, once in each round; \
         10,000 peers call, 64 at a time, until nine of ten have a session. How it is measured: [`bench/tunnel`](../../bench/tunnel/src/main.rs).\n\n\
         ![Rates, processor time and round trips of the implementations](tunnel.svg)\n\n",
        versions.join(", "),
    );
    text.push_str(&format!("| | {} |\n", results.names.join(" | ")));
    text.push_str(&format!("|---|{}\n", "---|".repeat(results.names.len())));
    for measure in &results.measures {
        let values = results
            .names
            .iter()
            .map(|name| results.get(name, measure).map_or_else(|| "–".to_owned(), short));
        let values: Vec<String> = values.collect();
        if values.iter().any(|value| value != "–") {
            text.push_str(&format!("| {} | {} |\n", named(measure), values.join(" | ")));
        }
    }
    if !remarks.is_empty() {
        text.push_str("\nPeers and handshakes, in the last round:\n\n");
    }
    for (name, remark) in remarks {
        text.push_str(&format!("- {name}: {remark}\n"));
    }
    text
}

/// The name of a measure as it is read: microseconds have their sign.
fn named(measure: &str) -> String {
    let words = measure.split(' ').map(|word| if word == "us" { "µs" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_machine_the_table_and_what_is_missing() {
        let value = |name: &str, measure: &str| match (name, measure) {
            ("netloom", "round trip p50 us") => Some(427.2),
            ("netloom", "handshakes per second") => Some(4076.4),
            ("wireguard-go", "round trip p50 us") => Some(467.0),
            _ => None,
        };
        let measures = ["round trip p50 us", "handshakes per second", "memory MiB"];
        let results = Results::new(&["netloom", "wireguard-go", "gotatun"], &measures, value);
        let machine = Machine {
            date: "2026-11-28".to_owned(),
            kernel: "6.18".to_owned(),
            processor: "Some CPU".to_owned(),
            processors: 2,
            versions: vec!["iperf3 3.12".to_owned(), "wireguard-go 0.0.1".to_owned()],
        };
        let remarks = [("wireguard-go".to_owned(), "does not take 10,000 peers".to_owned())];
        let text = text(&results, &remarks, "cargo xtask show bench-tunnel --write", &machine);
        for part in [
            "`cargo xtask show bench-tunnel --write` on 2026-11-28.\n2 × Some CPU, Linux 6.18; iperf3 3.12, wireguard-go 0.0.1.",
            "| | netloom | wireguard-go |\n|---|---|---|\n| round trip p50 µs | 427 | 467 |\n",
            "| handshakes per second | 4,076 | – |\n",
            "(tunnel.svg)",
            "- wireguard-go: does not take 10,000 peers\n",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains("memory MiB"), "{text}");
    }
}
