//! What a change does, or did, in words.

use crate::output;
use netloom::api::{self, Applied, Proposed};
use netloom_model::words::counted;

/// Most operations that are shown of one node.
const OPERATIONS_SHOWN_MAX: usize = 20;

/// What a change did, in words.
pub(in crate::host) fn result(applied: &Applied) -> String {
    let mut text = shown(&applied.proposed);
    let revision = applied.revision;
    text.push_str(&match (applied.rolled_back_to, applied.changed) {
        (Some(_), _) => format!("revision {revision} was in force\n"),
        (None, true) => format!("revision {revision} is in force\n"),
        (None, false) => format!("revision {revision} is in force already\n"),
    });
    for (what, nodes) in [
        ("holds it", &applied.applied),
        ("does not hold it yet; `netloom status` tells why", &applied.behind),
        ("is away, and fetches it when it is back", &applied.away),
    ] {
        // Who refuses it has what it could put in force of it, which is told below.
        let refuses = |node: &&String| applied.refused.iter().any(|refused| refused.node == **node);
        for node in nodes.iter().filter(|node| !refuses(node)) {
            let good = std::ptr::eq(nodes, &applied.applied);
            text.push_str(&format!("{} {node} {what}\n", output::mark(good)));
        }
    }
    for refused in &applied.refused {
        let api::NodeRefusal { node, what, reason } = refused;
        text.push_str(&format!("{} {node} refuses {what}: {reason}\n", output::mark(false)));
    }
    if let Some(base) = applied.rolled_back_to {
        text.push_str(&format!(
            "went back to what revision {base} declares, since nodes refuse this one; \
             --keep-refused keeps it\n"
        ));
    }
    if let Some(newer) = applied.overtaken_by {
        let base = applied.proposed.base_revision;
        text.push_str(&format!(
            "did not go back, since somebody else has made revision {newer} meanwhile; `netloom diff \
             {revision} {newer}` shows it, then mend what is refused and apply again, or `netloom \
             rollback {base}`, which undoes both\n"
        ));
    }
    text
}

/// A proposal in words.
pub(in crate::host) fn shown(proposed: &Proposed) -> String {
    let mut text = String::new();
    for finding in &proposed.warnings {
        let place = finding.place();
        text.push_str(&format!("warning: {} ({place}); {}\n", finding.message, finding.solution));
    }
    for api::Rename { from, to, addresses } in &proposed.renamed {
        text.push_str(&format!("renames {from} to {to}, at {}\n", addresses.join(" and ")));
    }
    if proposed.nodes.is_empty() {
        text.push_str("nothing changes on any node\n");
    }
    for (name, change) in &proposed.nodes {
        text.push_str(&on_node(name, change));
    }
    if proposed.nodes_not_planned > 0 {
        text.push_str(&format!("… and {}\n", counted(proposed.nodes_not_planned, "more node")));
    }
    if !proposed.flows.is_empty() {
        text.push_str("flows\n");
    }
    for flow in &proposed.flows {
        let from = flow.from.join(", ");
        for (sign, what) in [("+", &flow.opened), ("-", &flow.closed)] {
            if !what.is_empty() {
                text.push_str(&format!("  {sign} {from} -> {}: {}\n", flow.to, what.join(", ")));
            }
        }
    }
    if proposed.flows_not_compared > 0 {
        text.push_str(&format!(
            "  … {} not compared\n",
            counted(proposed.flows_not_compared, "pair")
        ));
    }
    if proposed.tests > 0 {
        let holding = proposed.tests.saturating_sub(proposed.broken_tests.len());
        let tests = counted(proposed.tests, "test");
        let hold = if proposed.tests == 1 { "holds" } else { "hold" };
        text.push_str(&format!("{holding} of {tests} of the file {hold}\n"));
    }
    for broken in &proposed.broken_tests {
        text.push_str(&format!("{} {}\n", output::mark(false), broken.message));
    }
    text
}

/// What changes on a node, in words.
fn on_node(name: &str, change: &api::NodeChange) -> String {
    let mut text = format!("{name}\n");
    for operation in change.operations.iter().take(OPERATIONS_SHOWN_MAX) {
        text.push_str(&format!("  {operation}\n"));
    }
    if change.operations.len() > OPERATIONS_SHOWN_MAX {
        let more = change.operations.len() - OPERATIONS_SHOWN_MAX;
        text.push_str(&format!("  … and {}\n", counted(more, "more operation")));
    }
    let (started, stopped) = (&change.started, &change.stopped);
    let only = |names: &[String], others: &[String]| {
        names.iter().filter(|name| !others.contains(name)).cloned().collect::<Vec<_>>()
    };
    let again = started.iter().filter(|name| stopped.contains(name)).cloned().collect();
    for (sign, what, names) in [
        ("+", "starts workload", only(started, stopped)),
        ("-", "stops workload", only(stopped, started)),
        ("~", "restarts workload", again),
        ("~", "peer", change.peers.clone()),
        ("~", "names of network", change.names.clone()),
    ] {
        if !names.is_empty() {
            text.push_str(&format!("  {sign} {what} {}\n", names.join(", ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom::api::NodeChange;

    #[test]
    fn what_starts_anew_is_told_once_and_operations_keep_their_signs() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let change = NodeChange {
            operations: names(&["+ route host: x", "- link host/y"]),
            started: names(&["web", "new"]),
            stopped: names(&["web", "old"]),
            ..NodeChange::default()
        };
        let nodes = [("beta".to_owned(), change)].into();
        let text = shown(&Proposed { nodes, ..Proposed::default() });
        let lines: Vec<&str> = text.lines().collect();
        let wanted = [
            "beta",
            "  + route host: x",
            "  - link host/y",
            "  + starts workload new",
            "  - stops workload old",
            "  ~ restarts workload web",
        ];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn who_refuses_a_change_does_not_hold_it() {
        let refused = api::NodeRefusal { node: "b".to_owned(), ..api::NodeRefusal::default() };
        let applied = vec!["a".to_owned(), "b".to_owned()];
        let text = result(&Applied { applied, refused: vec![refused], ..Applied::default() });
        assert!(text.contains("a holds it") && !text.contains("b holds it"), "{text}");
        assert!(text.contains("b refuses"), "{text}");
    }
}
