//! What nodes have mended lately, in words.

use super::super::time::utc;
use crate::output;
use netloom::api;
use netloom_agent::protocol::DriftStatus;
use netloom_model::words::counted;

/// Events of drift that are shown of each node.
const DRIFT_SHOWN_MAX: usize = 3;

/// What nodes have mended lately; nothing where nothing was.
pub(super) fn of_all(status: &api::Status) -> String {
    let mut text = String::new();
    for (name, node) in &status.nodes {
        let Some(report) = &node.report else { continue };
        // A node of an earlier version reports none.
        let drift: DriftStatus =
            serde_json::from_value(report["drift"].clone()).unwrap_or_default();
        text.push_str(&of_node(name, &drift));
    }
    if text.is_empty() { text } else { format!("\ndrift\n{text}") }
}

/// What one node has mended lately.
pub(super) fn of_node(node: &str, drift: &DriftStatus) -> String {
    if drift.count == 0 {
        return String::new();
    }
    let times = counted(drift.count, "time");
    let mut text = format!("  {node}: {times} something was not as planned\n");
    let first = drift.events.len().saturating_sub(DRIFT_SHOWN_MAX);
    for event in &drift.events[first..] {
        let by: Vec<String> = event.by.iter().map(ToString::to_string).collect();
        let by = if by.is_empty() { "unknown".to_owned() } else { by.join(", ") };
        let found = event.found.first().cloned().unwrap_or_default();
        let more = match event.found.len() {
            0 | 1 => String::new(),
            all => format!(" and {} more", all - 1),
        };
        let end = event.error.as_deref().unwrap_or("mended");
        let (mark, time) = (output::mark(event.error.is_none()), utc(event.time_ms));
        text.push_str(&format!("  {mark} {time} {found}{more}; by {by}; {end}\n"));
    }
    text
}
