//! What `netloom status` says of gateways: only what is wrong, or soon will be.

use netloom::api;
use netloom_agent::protocol::TranslationStatus;
use std::collections::BTreeMap;

/// What comes near a limit, or went beyond it, where packets leave the fabric.
pub(super) fn of_all(status: &api::Status) -> String {
    let mut text = String::new();
    for (name, node) in &status.nodes {
        let Some(report) = &node.report else { continue };
        // A node of an earlier version reports none.
        let found = serde_json::from_value(report["translation"].clone()).unwrap_or_default();
        text.push_str(&of_node(name, &found));
    }
    if text.is_empty() { text } else { format!("\ngateways\n{text}") }
}

/// The same of one node, by place.
pub(super) fn of_node(node: &str, places: &BTreeMap<String, TranslationStatus>) -> String {
    let warnings = places.iter().flat_map(|(place, status)| {
        let warnings = status.warnings();
        warnings.into_iter().map(move |warning| format!("  {node}, {place}: {warning}\n"))
    });
    warnings.collect()
}
