//! What goes: routes, rules, neighbours and addresses that are not wanted any more.

use super::Plan;
use crate::host::{NamespaceState, RouteKind};
use crate::operation::Operation;

impl Plan<'_> {
    fn delete_routes(&mut self, wanted: fn(&RouteKind) -> bool) {
        let empty = NamespaceState::default();
        let mut found = Vec::new();
        for (namespace, current) in &self.current.namespaces {
            if !self.stays(namespace) {
                continue;
            }
            let desired = self.desired.namespaces.get(namespace).unwrap_or(&empty);
            let stale = current.routes.difference(&desired.routes);
            found.extend(stale.filter(|route| wanted(&route.kind)).map(|route| {
                Operation::DeleteRoute { namespace: namespace.clone(), route: route.clone() }
            }));
        }
        self.emit_all(found);
    }

    pub(super) fn delete_unreachable_routes(&mut self) {
        self.delete_routes(|kind| *kind == RouteKind::Unreachable);
    }

    pub(super) fn delete_stale(&mut self) {
        self.delete_routes(|kind| *kind != RouteKind::Unreachable);
        let empty = NamespaceState::default();
        let mut found = Vec::new();
        for (namespace, current) in &self.current.namespaces {
            if !self.stays(namespace) {
                continue;
            }
            let desired = self.desired.namespaces.get(namespace).unwrap_or(&empty);
            let ns = || namespace.clone();
            found.extend(
                current
                    .rules
                    .difference(&desired.rules)
                    .map(|rule| Operation::DeleteRule { namespace: ns(), rule: rule.clone() }),
            );
            found.extend(current.neighbours.difference(&desired.neighbours).map(|neighbour| {
                Operation::DeleteNeighbour { namespace: ns(), neighbour: neighbour.clone() }
            }));
            found.extend(current.addresses.difference(&desired.addresses).map(|address| {
                Operation::DeleteAddress { namespace: ns(), address: address.clone() }
            }));
        }
        self.emit_all(found);
    }
}
