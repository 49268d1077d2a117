//! An event in words: what was found, who did it as far as the kernel told, what was done.

use super::watch::Noticed;
use crate::protocol::{DriftAuthor, DriftEvent};
use netloom_state::{LinkEnd, Namespace, Operation, Route, RouteKind};
use netloom_sys::monitor::Object;
use std::collections::BTreeSet;

/// Findings, deeds and authors of one event that are put down; the rest is a number.
const LINES_MAX: usize = 16;

/// The event of a comparison that found something.
pub(crate) fn event(
    time_ms: u64,
    operations: &[Operation],
    done: Vec<String>,
    noticed: &Noticed,
    error: Option<String>,
) -> DriftEvent {
    DriftEvent {
        time_ms,
        found: shortened(causes(operations).map(found).collect()),
        by: authors(operations, noticed),
        done: shortened(done),
        error,
        times: 1,
    }
}

/// The event as a line of the log.
pub(super) fn line(event: &DriftEvent) -> String {
    let by: Vec<String> = event.by.iter().map(ToString::to_string).collect();
    let by = if by.is_empty() { "somebody the kernel does not name".into() } else { by.join(", ") };
    let found = event.found.join(", ");
    match &event.error {
        None => format!("drift: {found}; by {by}; mended: {}", event.done.join(", ")),
        Some(error) => format!("drift: {found}; by {by}; not mended: {error}"),
    }
}

/// Operations without those that only complete a link which was gone.
fn causes(operations: &[Operation]) -> impl Iterator<Item = &Operation> {
    let is_made = |operation: &Operation| {
        matches!(operation, Operation::CreateVeth { .. } | Operation::CreateTunnel { .. })
    };
    let made: Vec<LinkEnd> = operations.iter().filter(|one| is_made(one)).flat_map(links).collect();
    operations.iter().filter(move |operation| match operation {
        Operation::ConfigureLink { end, .. } | Operation::SetLinkUp { end, .. } => {
            !made.contains(end)
        }
        Operation::SetSysctl { namespace, key, .. } => {
            let of = |end: &LinkEnd| end.namespace == *namespace && key.contains(&end.link);
            !made.iter().any(of)
        }
        _ => true,
    })
}

/// What an operation finds wrong.
fn found(operation: &Operation) -> String {
    match operation {
        Operation::CreateNamespace { namespace } => format!("namespace {namespace} is gone"),
        Operation::DeleteNamespace { namespace } => format!("namespace {namespace} is not planned"),
        Operation::CreateVeth { end, peer } => format!("veth {end} = {peer} is gone"),
        Operation::CreateTunnel { end } => format!("tunnel {end} is gone"),
        Operation::DeleteLink { end } => format!("link {end} is not as planned"),
        Operation::ConfigureLink { end, .. } => format!("link {end} has another MTU or address"),
        Operation::SetLinkUp { end, up } => {
            format!("link {end} is {}", if *up { "down" } else { "up" })
        }
        Operation::AddAddress { namespace, address } => {
            format!("address {} is gone from {namespace}/{}", address.address, address.link)
        }
        Operation::DeleteAddress { namespace, address } => {
            format!("address {} is not planned on {namespace}/{}", address.address, address.link)
        }
        Operation::AddNeighbour { namespace, neighbour } => {
            format!("neighbour {} is gone from {namespace}/{}", neighbour.address, neighbour.link)
        }
        Operation::DeleteNeighbour { namespace, neighbour } => format!(
            "neighbour {} is not as planned on {namespace}/{}",
            neighbour.address, neighbour.link
        ),
        Operation::AddRoute { namespace, route } => {
            format!("route {route} is gone from {namespace}")
        }
        Operation::DeleteRoute { namespace, route } => {
            format!("route {route} is not planned in {namespace}")
        }
        Operation::AddRule { namespace, rule } => format!("rule {rule} is gone from {namespace}"),
        Operation::DeleteRule { namespace, rule } => {
            format!("rule {rule} is not planned in {namespace}")
        }
        Operation::SetSysctl { namespace, key, value } => {
            format!("sysctl {key} of {namespace} is not {value}")
        }
        Operation::ChangeTable { namespace, table, changes } => {
            format!("table {table} of {namespace} differs in {} places", changes.len())
        }
    }
}

fn shortened(mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > LINES_MAX {
        let more = lines.len() - (LINES_MAX - 1);
        lines.truncate(LINES_MAX - 1);
        lines.push(format!("{more} more"));
    }
    lines
}

/// Those who changed what differs, as far as the kernel says.
fn authors(operations: &[Operation], noticed: &Noticed) -> Vec<DriftAuthor> {
    let mut authors = BTreeSet::new();
    for (namespace, change) in &noticed.changes {
        let Some(author) = &change.author else { continue };
        if operations.iter().any(|operation| is_about(operation, namespace, &change.object)) {
            authors.insert(author.clone());
        }
    }
    let authors = authors.into_iter().take(LINES_MAX);
    authors.map(|author| DriftAuthor { pid: author.pid, name: author.name }).collect()
}

/// Whether an operation mends what a change of this object may have broken.
fn is_about(operation: &Operation, namespace: &Namespace, object: &Object) -> bool {
    let links = links(operation);
    let touches =
        |name: &String| links.iter().any(|end| end.namespace == *namespace && end.link == *name);
    if let Object::Link { name, .. } = object
        && touches(name)
    {
        return true;
    }
    if operation.namespace() != namespace {
        return false;
    }
    match (operation, object) {
        (
            Operation::AddRoute { route, .. } | Operation::DeleteRoute { route, .. },
            Object::Route { table, destination, .. },
        ) => (route.table, route.destination.trunc()) == (*table, destination.trunc()),
        (
            Operation::AddAddress { address, .. } | Operation::DeleteAddress { address, .. },
            Object::Address { address: changed, .. },
        ) => address.address == *changed,
        (
            Operation::AddNeighbour { neighbour, .. }
            | Operation::DeleteNeighbour { neighbour, .. },
            Object::Neighbour { address, .. },
        ) => neighbour.address == *address,
        (
            Operation::AddRule { rule, .. } | Operation::DeleteRule { rule, .. },
            Object::Rule { priority },
        ) => rule.priority == *priority,
        (Operation::ChangeTable { table, .. }, Object::Table { name }) => table == name,
        (Operation::SetSysctl { .. }, Object::Setting) => true,
        _ => false,
    }
}

/// The links that an operation is about.
fn links(operation: &Operation) -> Vec<LinkEnd> {
    let end = |link: &String| {
        vec![LinkEnd { namespace: operation.namespace().clone(), link: link.clone() }]
    };
    match operation {
        Operation::CreateVeth { end, peer } => vec![end.clone(), peer.clone()],
        Operation::CreateTunnel { end: one }
        | Operation::DeleteLink { end: one }
        | Operation::ConfigureLink { end: one, .. }
        | Operation::SetLinkUp { end: one, .. } => vec![one.clone()],
        Operation::AddAddress { address, .. } => end(&address.link),
        Operation::AddNeighbour { neighbour, .. } => end(&neighbour.link),
        Operation::AddRoute {
            route: Route { kind: RouteKind::Unicast { link, .. }, .. }, ..
        } => end(link),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_sys::monitor::{Author, Change};

    fn own(name: &str) -> Namespace {
        Namespace::Own(name.to_owned())
    }

    fn changed(namespace: &str, object: Object, pid: u32) -> (Namespace, Change) {
        let author = Some(Author { pid, name: Some("ip".into()) });
        (own(namespace), Change { object, gone: true, port: pid, author })
    }

    fn route(destination: &str) -> Route {
        let kind = RouteKind::Unicast { link: "mesh0".into(), gateway: None, source: None };
        Route { table: 254, destination: destination.parse().unwrap(), metric: 1, kind }
    }

    fn route_object(destination: &str) -> Object {
        Object::Route { protocol: 0x6e, table: 254, destination: destination.parse().unwrap() }
    }

    #[test]
    fn only_those_are_named_who_changed_what_differs() {
        let add = Operation::AddRoute { namespace: own("a"), route: route("10.0.0.0/16") };
        let noticed = Noticed {
            changes: vec![
                changed("a", route_object("10.0.0.0/16"), 7),
                changed("a", route_object("10.9.0.0/16"), 8),
                changed("b", route_object("10.0.0.0/16"), 9),
                changed("a", Object::Link { name: "mesh0".into(), alias: None, up: false }, 10),
                changed("a", Object::Link { name: "eth0".into(), alias: None, up: false }, 11),
            ],
        };
        let event = event(1, std::slice::from_ref(&add), vec![add.to_string()], &noticed, None);
        let pids: Vec<u32> = event.by.iter().map(|author| author.pid).collect();
        assert_eq!(pids, [7, 10]);
        assert_eq!(
            line(&event),
            "drift: route 10.0.0.0/16 dev mesh0 metric 1 table 254 is gone from a; by ip (process 7), \
             ip (process 10); mended: + route a: 10.0.0.0/16 dev mesh0 metric 1 table 254"
        );
    }

    #[test]
    fn a_pair_of_links_is_about_both_its_ends() {
        let end = |namespace: &str, link: &str| LinkEnd {
            namespace: own(namespace),
            link: link.to_owned(),
        };
        let create = Operation::CreateVeth { end: end("net", "w-a"), peer: end("work", "eth0") };
        let object = Object::Link { name: "eth0".into(), alias: None, up: false };
        assert!(is_about(&create, &own("work"), &object));
        assert!(!is_about(&create, &own("net"), &object));
    }

    #[test]
    fn a_long_list_ends_with_the_number_of_the_rest() {
        let lines = shortened((0..40).map(|number| number.to_string()).collect());
        assert_eq!(lines.len(), LINES_MAX);
        assert_eq!(lines.last().unwrap(), "25 more");
    }
}
