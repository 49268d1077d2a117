//! The difference between two host states as ordered operations.
//!
//! Order, and why:
//! 1. namespaces, then links (down): nothing flows yet;
//! 2. tables, each in one transaction: policy is in force before the first packet;
//! 3. new `unreachable` routes, so that no packet finds a way out in clear meanwhile; then stale
//!    ways, rules, neighbours and addresses go, and sysctls are set;
//! 4. addresses, links up, neighbours, routes, rules;
//! 5. `unreachable` routes and namespaces that nobody wants any more.

mod generation;
mod stale;
mod table;

use crate::apply::apply;
use crate::host::{HostState, Link, LinkEnd, LinkKind, Namespace, NamespaceState, RouteKind};
use crate::operation::Operation;

/// The operations that turn `observed` into `desired`; empty if they are equal.
///
/// Foreign namespaces (host, paths) are never removed; only what `observed` shows as ours is.
pub fn diff(desired: &HostState, observed: &HostState) -> Vec<Operation> {
    let mut plan = Plan { desired, current: observed.clone(), operations: Vec::new() };
    plan.create_namespaces();
    plan.delete_links();
    plan.create_links();
    plan.configure_links();
    plan.change_tables();
    plan.add_unreachable_routes();
    plan.delete_stale();
    plan.set_sysctls();
    plan.add_addresses();
    plan.set_links_up();
    plan.add_ways();
    plan.delete_unreachable_routes();
    plan.delete_namespaces();
    plan.operations
}

/// Operations found so far, and the state that they lead to.
struct Plan<'a> {
    desired: &'a HostState,
    current: HostState,
    operations: Vec<Operation>,
}

impl<'a> Plan<'a> {
    fn emit(&mut self, operation: Operation) {
        apply(&mut self.current, &operation);
        self.operations.push(operation);
    }

    fn emit_all(&mut self, operations: Vec<Operation>) {
        operations.into_iter().for_each(|operation| self.emit(operation));
    }

    fn current(&self, namespace: &Namespace) -> &NamespaceState {
        static EMPTY: NamespaceState = NamespaceState {
            links: std::collections::BTreeMap::new(),
            addresses: std::collections::BTreeSet::new(),
            neighbours: std::collections::BTreeSet::new(),
            routes: std::collections::BTreeSet::new(),
            rules: std::collections::BTreeSet::new(),
            sysctls: std::collections::BTreeMap::new(),
            tables: std::collections::BTreeMap::new(),
        };
        self.current.namespaces.get(namespace).unwrap_or(&EMPTY)
    }

    fn desired_links(&self) -> impl Iterator<Item = (LinkEnd, &'a Link)> + use<'a> {
        self.desired.namespaces.iter().flat_map(|(namespace, state)| {
            state.links.iter().map(|(name, link)| {
                (LinkEnd { namespace: namespace.clone(), link: name.clone() }, link)
            })
        })
    }

    fn current_link(&self, end: &LinkEnd) -> Option<&Link> {
        self.current.namespaces.get(&end.namespace)?.links.get(&end.link)
    }

    fn desired_link(&self, end: &LinkEnd) -> Option<&Link> {
        self.desired.namespaces.get(&end.namespace)?.links.get(&end.link)
    }

    fn create_namespaces(&mut self) {
        for namespace in self.desired.namespaces.keys() {
            if !self.current.namespaces.contains_key(namespace) {
                match namespace {
                    Namespace::Own(_) => {
                        self.emit(Operation::CreateNamespace { namespace: namespace.clone() });
                    }
                    Namespace::Host | Namespace::Path(_) => {}
                }
            }
        }
    }

    fn delete_links(&mut self) {
        let ends: Vec<LinkEnd> = self
            .current
            .namespaces
            .iter()
            .filter(|(namespace, _)| self.stays(namespace))
            .flat_map(|(namespace, state)| {
                state
                    .links
                    .keys()
                    .map(|link| LinkEnd { namespace: namespace.clone(), link: link.clone() })
            })
            .collect();
        for end in ends {
            let Some(current) = self.current_link(&end) else { continue };
            let stale = self.desired_link(&end).is_none_or(|desired| desired.kind != current.kind);
            if stale && current.kind != LinkKind::Loopback {
                self.emit(Operation::DeleteLink { end });
            }
        }
    }

    /// Whether a namespace is kept: those of others always, ours if it is desired.
    fn stays(&self, namespace: &Namespace) -> bool {
        !matches!(namespace, Namespace::Own(_)) || self.desired.namespaces.contains_key(namespace)
    }

    fn create_links(&mut self) {
        for (end, link) in self.desired_links() {
            if self.current_link(&end).is_some() {
                continue;
            }
            match &link.kind {
                LinkKind::Loopback => {}
                LinkKind::Tunnel => self.emit(Operation::CreateTunnel { end }),
                LinkKind::Veth { peer } => {
                    self.emit(Operation::CreateVeth { end, peer: peer.clone() });
                }
            }
        }
    }

    fn configure_links(&mut self) {
        for (end, link) in self.desired_links() {
            let same = self.current_link(&end).is_some_and(|current| {
                current.mtu_bytes == link.mtu_bytes
                    && (link.mac.is_none() || current.mac == link.mac)
            });
            if !same && link.kind != LinkKind::Loopback {
                self.emit(Operation::ConfigureLink {
                    end,
                    mtu_bytes: link.mtu_bytes,
                    mac: link.mac,
                });
            }
        }
    }

    fn change_tables(&mut self) {
        let mut found = Vec::new();
        for (namespace, desired) in &self.desired.namespaces {
            let current = &self.current(namespace).tables;
            let gone = current.keys().filter(|name| !desired.tables.contains_key(*name));
            for name in gone.chain(desired.tables.keys()) {
                let changes = table::changes(desired.tables.get(name), current.get(name));
                if !changes.is_empty() {
                    found.push(Operation::ChangeTable {
                        namespace: namespace.clone(),
                        table: name.clone(),
                        changes,
                    });
                }
            }
        }
        for (namespace, current) in &self.current.namespaces {
            if self.desired.namespaces.contains_key(namespace) || !self.stays(namespace) {
                continue;
            }
            for (name, table) in &current.tables {
                found.push(Operation::ChangeTable {
                    namespace: namespace.clone(),
                    table: name.clone(),
                    changes: table::changes(None, Some(table)),
                });
            }
        }
        self.emit_all(found);
    }

    fn set_sysctls(&mut self) {
        for (namespace, desired) in &self.desired.namespaces {
            for (key, value) in &desired.sysctls {
                if self.current(namespace).sysctls.get(key) != Some(value) {
                    self.emit(Operation::SetSysctl {
                        namespace: namespace.clone(),
                        key: key.clone(),
                        value: value.clone(),
                    });
                }
            }
        }
    }

    fn add_unreachable_routes(&mut self) {
        self.add_routes(|kind| *kind == RouteKind::Unreachable);
    }

    fn add_routes(&mut self, wanted: fn(&RouteKind) -> bool) {
        for (namespace, desired) in &self.desired.namespaces {
            let missing = desired.routes.difference(&self.current(namespace).routes);
            let added = missing.filter(|route| wanted(&route.kind)).map(|route| {
                Operation::AddRoute { namespace: namespace.clone(), route: route.clone() }
            });
            let added = added.collect();
            self.emit_all(added);
        }
    }

    fn add_addresses(&mut self) {
        for (namespace, desired) in &self.desired.namespaces {
            for address in &desired.addresses {
                if !self.current(namespace).addresses.contains(address) {
                    self.emit(Operation::AddAddress {
                        namespace: namespace.clone(),
                        address: address.clone(),
                    });
                }
            }
        }
    }

    fn set_links_up(&mut self) {
        for (end, link) in self.desired_links() {
            if self.current_link(&end).is_none_or(|current| current.up != link.up) {
                self.emit(Operation::SetLinkUp { end, up: link.up });
            }
        }
    }

    /// Neighbours, routes and rules: what leads packets over links that are up by now.
    fn add_ways(&mut self) {
        for (namespace, desired) in &self.desired.namespaces {
            for neighbour in &desired.neighbours {
                if !self.current(namespace).neighbours.contains(neighbour) {
                    self.emit(Operation::AddNeighbour {
                        namespace: namespace.clone(),
                        neighbour: neighbour.clone(),
                    });
                }
            }
        }
        self.add_routes(|_| true);
        for (namespace, desired) in &self.desired.namespaces {
            for rule in &desired.rules {
                if !self.current(namespace).rules.contains(rule) {
                    self.emit(Operation::AddRule {
                        namespace: namespace.clone(),
                        rule: rule.clone(),
                    });
                }
            }
        }
    }

    fn delete_namespaces(&mut self) {
        let gone: Vec<Namespace> =
            self.current.namespaces.keys().filter(|name| !self.stays(name)).cloned().collect();
        for namespace in gone {
            self.emit(Operation::DeleteNamespace { namespace });
        }
    }
}
