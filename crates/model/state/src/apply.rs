//! What operations do to a host state: a model of the kernel, on which `diff` plans.

use crate::host::{HostState, Link, LinkEnd, LinkKind, Namespace, NamespaceState, RouteKind};
use crate::nft::{Chain, Change, Element, Set, Table};
use crate::operation::Operation;
use std::collections::BTreeMap;

/// The kernel's default for a new link.
const MTU_BYTES_DEFAULT: u32 = 1500;

/// What every new namespace holds.
const LOOPBACK: Link = Link { kind: LinkKind::Loopback, mtu_bytes: 65536, mac: None, up: false };

/// Applies one operation to `state` as the kernel would, with what follows from it:
/// a link takes its addresses, neighbours and routes with it, a veth its other end.
pub fn apply(state: &mut HostState, operation: &Operation) {
    match operation {
        Operation::CreateNamespace { namespace } => {
            let made = state.namespaces.entry(namespace.clone()).or_default();
            made.links.entry("lo".to_owned()).or_insert(LOOPBACK);
        }
        Operation::DeleteNamespace { namespace } => delete_namespace(state, namespace),
        Operation::CreateVeth { end, peer } => {
            insert_link(state, end, LinkKind::Veth { peer: peer.clone() });
            insert_link(state, peer, LinkKind::Veth { peer: end.clone() });
        }
        Operation::CreateTunnel { end } => insert_link(state, end, LinkKind::Tunnel),
        Operation::DeleteLink { end } => delete_link(state, end),
        Operation::ConfigureLink { end, mtu_bytes, mac } => {
            if let Some(link) = link_mut(state, end) {
                link.mtu_bytes = *mtu_bytes;
                link.mac = mac.or(link.mac);
            }
        }
        Operation::SetLinkUp { end, up } => set_link_up(state, end, *up),
        Operation::ChangeTable { namespace, table, changes } => {
            let tables = &mut state.namespaces.entry(namespace.clone()).or_default().tables;
            for change in changes {
                apply_change(tables, table, change);
            }
        }
        other => apply_entry(state.namespaces.entry(other.namespace().clone()).or_default(), other),
    }
}

fn apply_entry(state: &mut NamespaceState, operation: &Operation) {
    match operation {
        Operation::AddAddress { address, .. } => drop(state.addresses.insert(address.clone())),
        Operation::DeleteAddress { address, .. } => drop(state.addresses.remove(address)),
        Operation::AddNeighbour { neighbour, .. } => {
            state
                .neighbours
                .retain(|old| (&old.link, old.address) != (&neighbour.link, neighbour.address));
            state.neighbours.insert(neighbour.clone());
        }
        Operation::DeleteNeighbour { neighbour, .. } => drop(state.neighbours.remove(neighbour)),
        Operation::AddRoute { route, .. } => drop(state.routes.insert(route.clone())),
        Operation::DeleteRoute { route, .. } => drop(state.routes.remove(route)),
        Operation::AddRule { rule, .. } => drop(state.rules.insert(rule.clone())),
        Operation::DeleteRule { rule, .. } => drop(state.rules.remove(rule)),
        Operation::SetSysctl { key, value, .. } => {
            state.sysctls.insert(key.clone(), value.clone());
        }
        Operation::CreateNamespace { .. }
        | Operation::DeleteNamespace { .. }
        | Operation::CreateVeth { .. }
        | Operation::CreateTunnel { .. }
        | Operation::DeleteLink { .. }
        | Operation::ConfigureLink { .. }
        | Operation::SetLinkUp { .. }
        | Operation::ChangeTable { .. } => unreachable!("handled by `apply`"),
    }
}

fn link_mut<'a>(state: &'a mut HostState, end: &LinkEnd) -> Option<&'a mut Link> {
    state.namespaces.get_mut(&end.namespace)?.links.get_mut(&end.link)
}

fn insert_link(state: &mut HostState, end: &LinkEnd, kind: LinkKind) {
    let link = Link { kind, mtu_bytes: MTU_BYTES_DEFAULT, mac: None, up: false };
    let namespace = state.namespaces.entry(end.namespace.clone()).or_default();
    namespace.links.insert(end.link.clone(), link);
}

fn delete_namespace(state: &mut HostState, namespace: &Namespace) {
    let links = state.namespaces.remove(namespace).map(|gone| gone.links).unwrap_or_default();
    for link in links.into_values() {
        if let LinkKind::Veth { peer } = link.kind {
            delete_link_end(state, &peer);
        }
    }
}

fn delete_link(state: &mut HostState, end: &LinkEnd) {
    if let Some(LinkKind::Veth { peer }) = delete_link_end(state, end) {
        delete_link_end(state, &peer);
    }
}

fn delete_link_end(state: &mut HostState, end: &LinkEnd) -> Option<LinkKind> {
    let namespace = state.namespaces.get_mut(&end.namespace)?;
    let link = namespace.links.remove(&end.link)?;
    namespace.addresses.retain(|address| address.link != end.link);
    namespace.neighbours.retain(|neighbour| neighbour.link != end.link);
    forget_routes(namespace, &end.link);
    Some(link.kind)
}

fn set_link_up(state: &mut HostState, end: &LinkEnd, up: bool) {
    if let Some(link) = link_mut(state, end) {
        link.up = up;
    }
    if !up && let Some(namespace) = state.namespaces.get_mut(&end.namespace) {
        forget_routes(namespace, &end.link);
    }
}

fn forget_routes(namespace: &mut NamespaceState, gone: &str) {
    namespace.routes.retain(|route| match &route.kind {
        RouteKind::Unicast { link, .. } => link != gone,
        RouteKind::Unreachable | RouteKind::Blackhole => true,
    });
}

// === nf_tables ===

fn apply_change(tables: &mut BTreeMap<String, Table>, name: &str, change: &Change) {
    match change {
        Change::AddTable => drop(tables.entry(name.to_owned()).or_default()),
        Change::DeleteTable => drop(tables.remove(name)),
        other => {
            if let Some(table) = tables.get_mut(name) {
                apply_inside(table, other);
            }
        }
    }
}

/// The effect of one change inside a table.
pub(crate) fn apply_inside(table: &mut Table, change: &Change) {
    match change {
        Change::AddTable | Change::DeleteTable => unreachable!("handled by `apply_change`"),
        Change::AddChain { chain, base } => {
            table.chains.insert(chain.clone(), Chain { base: *base, rules: Vec::new() });
        }
        Change::DeleteChain { chain } => drop(table.chains.remove(chain)),
        Change::FlushChain { chain } => {
            if let Some(chain) = table.chains.get_mut(chain) {
                chain.rules.clear();
            }
        }
        Change::AppendRule { chain, rule } => {
            table.chains.entry(chain.clone()).or_default().rules.push(rule.clone());
        }
        Change::AddSet { set, kind } => {
            let empty = Set {
                key_bytes: kind.key_bytes,
                data: kind.data,
                interval: kind.interval,
                elements: BTreeMap::new(),
            };
            table.sets.insert(set.clone(), empty);
        }
        Change::DeleteSet { set } => drop(table.sets.remove(set)),
        Change::AddElements { set, elements, .. } => {
            if let Some(set) = table.sets.get_mut(set) {
                set.elements.extend(elements.iter().map(clone_entry));
            }
        }
        Change::DeleteElements { set, elements, .. } => {
            if let Some(set) = table.sets.get_mut(set) {
                set.elements.retain(|key, _| !elements.contains_key(key));
            }
        }
    }
}

fn clone_entry((key, element): (&Vec<u8>, &Element)) -> (Vec<u8>, Element) {
    (key.clone(), element.clone())
}
