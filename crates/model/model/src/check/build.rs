//! Declared objects, all free of errors, into the fabric.

use super::rules::Lists;
use crate::decode::party::{Parties, PartySet};
use crate::decode::policy::PolicyTest;
use crate::decode::workload::Workload;
use crate::decode::{At, objects};
use crate::fabric::{self, Fabric};
use crate::load::{Declared, Named};
use crate::span::Span;
use std::collections::BTreeMap;

/// Turns declared objects, whose references are known to resolve, into the fabric's. `None` if one
/// of them lacks something, which the checks have reported then.
pub(super) fn fabric(declared: Declared) -> Option<Fabric> {
    let default_domain = |network: &str| format!("{network}.internal");
    let key_files = key_files(&declared);
    let defaults = NetworkDefaults::of(&declared);
    let lists = Lists::of(&declared);
    let gateways = super::ways::gateways(&declared)?;
    let fabric = Fabric {
        name: declared.fabric?.value,
        regions: each(declared.regions, |_, span, region| {
            Some(fabric::Region {
                span,
                zones: region.zones.into_iter().map(|zone| zone.value).collect(),
                networks: values(region.networks),
                nat: region.nat,
            })
        })?,
        networks: each(declared.networks, |name, span, network| {
            Some(fabric::Network {
                span,
                cidrs: values(network.cidrs),
                region: network.region.map(|region| region.value),
                zones: network.zones.into_iter().map(|zone| zone.value).collect(),
                domain: network.domain.map_or_else(|| default_domain(name), |domain| domain.value),
                resolvers: network.resolvers,
                key_rotation: network.key_rotation.unwrap_or(fabric::KEY_ROTATION),
                mtu_bytes: network.mtu_bytes.unwrap_or(fabric::NETWORK_MTU_BYTES),
                tags: network.tags,
            })
        })?,
        subnets: each(declared.subnets, |_, span, subnet| defaults.subnet(span, subnet))?,
        nodes: each(declared.nodes, |name, span, node| {
            let private_key_files = key_files.get(name).cloned().unwrap_or_default();
            Some(fabric::Node { private_key_files, ..self::node(span, node)? })
        })?,
        workloads: each(declared.workloads, |_, span, workload| self::workload(span, workload))?,
        security_groups: each(declared.security_groups, |_, span, group| {
            Some(fabric::SecurityGroup {
                span,
                ingress: group.ingress.into_iter().flat_map(|rule| lists.rules(rule)).collect(),
                egress: group.egress.into_iter().flat_map(|rule| lists.rules(rule)).collect(),
                tags: group.tags,
            })
        })?,
        route_tables: each(declared.route_tables, |_, span, table| {
            super::ways::route_table(span, table, &lists)
        })?,
        gateways,
        peerings: each(declared.peerings, |_, span, peering| super::ways::peering(span, peering))?,
        prefix_lists: lists.prefix_lists(),
        network_acls: each(declared.network_acls, |_, span, acl| lists.network_acl(span, acl))?,
        ports: lists.ports(),
        services: each(declared.services, |_, span, service| self::service(span, service))?,
        tests: Vec::new(),
        lab_links: declared.lab_links.into_iter().map(|(name, link)| (name, link.value)).collect(),
    };
    with_tests(fabric, declared.tests)
}

/// Files with private keys by network, of each node.
fn key_files(declared: &Declared) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut files: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (network, entry) in &declared.networks {
        for (node, path) in &entry.value.private_key_files {
            files.entry(node.value.clone()).or_default().insert(network.clone(), path.clone());
        }
    }
    files
}

fn node(span: Span, node: objects::Node) -> Option<fabric::Node> {
    Some(fabric::Node {
        span,
        region: node.region?.value,
        zone: node.zone.map(|zone| zone.value),
        roles: node.roles.into_iter().collect(),
        endpoint: node.endpoint.map(|endpoint| endpoint.value),
        advertise: node.advertise.into_iter().map(super::ways::advertised).collect(),
        tags: node.tags.into_iter().map(|tag| tag.value).collect(),
        security_groups: node.security_groups.into_iter().map(|group| group.value).collect(),
        private_key_files: BTreeMap::new(),
    })
}

fn workload(span: Span, workload: Workload) -> Option<fabric::Workload> {
    Some(fabric::Workload {
        span,
        was: workload.was.map(|was| was.value),
        node: workload.node?.value,
        subnet: workload.subnet?.value,
        addresses: values(workload.addresses),
        labels: workload.labels,
        advertise: values(workload.advertise),
        security_groups: workload.security_groups.into_iter().map(|group| group.value).collect(),
        publish: values(workload.publish),
        attach: workload.attach?,
    })
}

/// What subnets have of their network where they say nothing themselves.
struct NetworkDefaults {
    route_tables: BTreeMap<String, String>,
    network_acls: BTreeMap<String, String>,
}

impl NetworkDefaults {
    fn of(declared: &Declared) -> Self {
        let of = |part: fn(&objects::Network) -> &Option<At<String>>| {
            let networks = declared.networks.iter();
            let named = |(name, network): (&String, &crate::load::Entry<objects::Network>)| {
                Some((name.clone(), part(&network.value).as_ref()?.value.clone()))
            };
            networks.filter_map(named).collect()
        };
        Self {
            route_tables: of(|network| &network.route_table),
            network_acls: of(|network| &network.network_acl),
        }
    }

    fn subnet(&self, span: Span, subnet: objects::Subnet) -> Option<fabric::Subnet> {
        let network = subnet.network?.value;
        let or = |own: Option<At<String>>, of: &BTreeMap<String, String>| {
            own.map(|own| own.value).or_else(|| of.get(&network).cloned())
        };
        Some(fabric::Subnet {
            span,
            cidrs: values(subnet.cidrs),
            zone: subnet.zone.map(|zone| zone.value),
            public: subnet.public,
            route_table: or(subnet.route_table, &self.route_tables),
            nat_gateway: subnet.nat_gateway.map(|gateway| gateway.value),
            network_acl: or(subnet.network_acl, &self.network_acls),
            tags: subnet.tags,
            reserved: subnet.reserved,
            network,
        })
    }
}

/// The namespace of services that name none.
const DEFAULT_NAMESPACE: &str = "services";

fn service(span: Span, service: objects::Service) -> Option<fabric::Service> {
    let default_namespace = || DEFAULT_NAMESPACE.to_owned();
    Some(fabric::Service {
        span,
        namespace: service.namespace.map_or_else(default_namespace, |namespace| namespace.value),
        port: service.port?,
        protocol: service.protocol?,
        select: service.select,
        health: service.health,
    })
}

pub(super) fn values<T>(list: Vec<At<T>>) -> Vec<T> {
    list.into_iter().map(|at| at.value).collect()
}

fn each<A, B>(
    objects: Named<A>,
    make: impl Fn(&str, Span, A) -> Option<B>,
) -> Option<BTreeMap<String, B>> {
    objects
        .into_iter()
        .map(|(name, entry)| {
            let object = make(&name, entry.span, entry.value)?;
            Some((name, object))
        })
        .collect()
}

fn with_tests(mut fabric: Fabric, tests: Vec<PolicyTest>) -> Option<Fabric> {
    let mut all = Vec::new();
    for test in tests {
        let (from, to) = (parties(&fabric, &test.from?)?, parties(&fabric, &test.to?)?);
        let expect = test.expect?;
        let is_one = from.len() == 1 && to.len() == 1;
        let pairs = from.iter().flat_map(|from| to.iter().map(move |to| (from, to)));
        // Among many, nobody is asked whether it reaches itself.
        for (from, to) in pairs.filter(|(from, to)| is_one || from != to) {
            all.extend(test.flows.iter().map(|(protocol, port)| fabric::PolicyTest {
                span: test.span.clone(),
                from: from.clone(),
                to: to.clone(),
                protocol: *protocol,
                port: *port,
                expect,
            }));
        }
    }
    fabric.tests = all;
    Some(fabric)
}

/// Whom an end of a test means.
fn parties(fabric: &Fabric, declared: &Parties) -> Option<Vec<fabric::Party>> {
    let set = match declared {
        Parties::One(name) => return Some(vec![fabric.party(&name.value)?]),
        Parties::Set(set) => set,
    };
    let workloads = fabric.workloads.iter();
    let members = workloads.filter(|(_, workload)| is_member(fabric, workload, set));
    Some(members.map(|(name, _)| fabric::Party::Workload(name.clone())).collect())
}

fn is_member(fabric: &Fabric, workload: &fabric::Workload, set: &PartySet) -> bool {
    let is = |named: &Option<At<String>>, own: &String| {
        named.as_ref().is_none_or(|named| named.value == *own)
    };
    let group = set.security_group.as_ref();
    set.labels.iter().all(|(key, value)| workload.labels.get(key) == Some(value))
        && is(&set.network, fabric.network_of(workload))
        && is(&set.subnet, &workload.subnet)
        && group.is_none_or(|group| workload.security_groups.contains(&group.value))
}
