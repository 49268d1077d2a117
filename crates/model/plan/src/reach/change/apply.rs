//! A change made in a fabric.

use super::Change;
use netloom_model::fabric::{
    AclRule, Fabric, Gateway, GroupRule, Name, Party, Peering, PeeringStatus, Published, Route,
    RouteTable, SecurityGroup,
};
use netloom_policy::Direction;
use std::collections::BTreeMap;

impl Change {
    /// Makes the change in a fabric.
    pub fn apply(&self, fabric: &mut Fabric) {
        match self {
            Self::AddGroupRule { group, direction, rule } => {
                if let Some(list) = group_rules(fabric, group, *direction) {
                    list.push(rule.clone());
                }
            }
            Self::RemoveGroupRule { group, direction, index, .. } => {
                let list = group_rules(fabric, group, *direction);
                if let Some(list) = list.filter(|list| *index < list.len()) {
                    list.remove(*index);
                }
            }
            Self::AddAclRule { acl, direction, rule } => {
                if let Some(list) = acl_rules(fabric, acl, *direction) {
                    let place = list.partition_point(|one| one.number < rule.number);
                    list.insert(place, rule.clone());
                }
            }
            Self::AddGroup { .. } => self.add_group(fabric),
            Self::AddRoute { .. } | Self::AddRouteTable { .. } => self.add_route(fabric),
            Self::ActivatePeering { peering } => {
                if let Some(peering) = fabric.peerings.get_mut(peering) {
                    peering.status = PeeringStatus::Active;
                }
            }
            Self::AddPeering { .. } | Self::AddGateway { .. } => self.add_way(fabric),
            Self::Publish { workload, protocol, port, to } => {
                if let Some(workload) = fabric.workloads.get_mut(workload) {
                    let published = Published { protocol: *protocol, port: *port, to: *to };
                    workload.publish.push(published);
                }
            }
        }
    }

    fn add_group(&self, fabric: &mut Fabric) {
        let Self::AddGroup { group, to, ingress, egress, span } = self else { return };
        let groups = match to {
            Party::Workload(name) => {
                fabric.workloads.get_mut(name).map(|one| &mut one.security_groups)
            }
            Party::Node(name) => fabric.nodes.get_mut(name).map(|one| &mut one.security_groups),
            Party::Internet | Party::Address(_) => None,
        };
        let Some(groups) = groups else { return };
        groups.insert(group.clone());
        let declared = SecurityGroup {
            span: span.clone(),
            ingress: ingress.clone(),
            egress: egress.clone(),
            tags: BTreeMap::new(),
        };
        fabric.security_groups.insert(group.clone(), declared);
    }

    fn add_route(&self, fabric: &mut Fabric) {
        match self {
            Self::AddRoute { table, route, .. } => {
                if let Some(table) = fabric.route_tables.get_mut(table) {
                    table.routes.retain(|one| one.to != route.to);
                    table.routes.push(route.clone());
                }
            }
            Self::AddRouteTable { table, subnet, network, route, .. } => {
                let Some(subnet) = fabric.subnets.get_mut(subnet) else { return };
                subnet.route_table = Some(table.clone());
                let declared = route_table(network, route);
                fabric.route_tables.insert(table.clone(), declared);
            }
            _ => {}
        }
    }

    fn add_way(&self, fabric: &mut Fabric) {
        match self {
            Self::AddPeering { peering, networks, has_own_routes, span } => {
                let declared = Peering {
                    span: span.clone(),
                    networks: networks.clone(),
                    status: PeeringStatus::Active,
                    has_own_routes: *has_own_routes,
                    tags: BTreeMap::new(),
                };
                fabric.peerings.insert(peering.clone(), declared);
            }
            Self::AddGateway { gateway, network, kind, node, span } => {
                let declared = Gateway {
                    span: span.clone(),
                    network: network.clone(),
                    kind: *kind,
                    nodes: vec![node.clone()],
                    tags: BTreeMap::new(),
                };
                fabric.gateways.insert(gateway.clone(), declared);
            }
            _ => {}
        }
    }
}

fn route_table(network: &Name, route: &Route) -> RouteTable {
    RouteTable {
        span: route.span.clone(),
        network: network.clone(),
        routes: vec![route.clone()],
        tags: BTreeMap::new(),
    }
}

fn group_rules<'a>(
    fabric: &'a mut Fabric,
    group: &str,
    direction: Direction,
) -> Option<&'a mut Vec<GroupRule>> {
    let group = fabric.security_groups.get_mut(group)?;
    Some(match direction {
        Direction::Ingress => &mut group.ingress,
        Direction::Egress => &mut group.egress,
    })
}

fn acl_rules<'a>(
    fabric: &'a mut Fabric,
    acl: &str,
    direction: Direction,
) -> Option<&'a mut Vec<AclRule>> {
    let acl = fabric.network_acls.get_mut(acl)?;
    Some(match direction {
        Direction::Ingress => &mut acl.ingress,
        Direction::Egress => &mut acl.egress,
    })
}
