//! Declared objects, all free of errors, into the fabric.

use crate::decode::policy::{GroupRule, Peer, PolicyTest};
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
                domain: network.domain.map_or_else(|| default_domain(name), |domain| domain.value),
                resolvers: network.resolvers,
                key_rotation: network.key_rotation.unwrap_or(fabric::KEY_ROTATION),
                mtu_bytes: network.mtu_bytes.unwrap_or(fabric::NETWORK_MTU_BYTES),
                tags: network.tags,
            })
        })?,
        subnets: each(declared.subnets, |_, span, subnet| {
            Some(fabric::Subnet {
                span,
                network: subnet.network?.value,
                cidrs: values(subnet.cidrs),
                zone: subnet.zone.map(|zone| zone.value),
                public: subnet.public,
                reserved: subnet.reserved,
            })
        })?,
        nodes: each(declared.nodes, |name, span, node| {
            let private_key_files = key_files.get(name).cloned().unwrap_or_default();
            Some(fabric::Node { private_key_files, ..self::node(span, node)? })
        })?,
        workloads: each(declared.workloads, |_, span, workload| self::workload(span, workload))?,
        security_groups: each(declared.security_groups, |_, span, group| {
            Some(fabric::SecurityGroup {
                span,
                ingress: group.ingress.into_iter().map(rule).collect(),
                egress: group.egress.into_iter().map(rule).collect(),
            })
        })?,
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
        advertise: values(node.advertise),
        tags: node.tags.into_iter().map(|tag| tag.value).collect(),
        security_groups: node.security_groups.into_iter().map(|group| group.value).collect(),
        private_key_files: BTreeMap::new(),
    })
}

fn workload(span: Span, workload: Workload) -> Option<fabric::Workload> {
    Some(fabric::Workload {
        span,
        node: workload.node?.value,
        subnet: workload.subnet?.value,
        addresses: values(workload.addresses),
        labels: workload.labels,
        advertise: values(workload.advertise),
        security_groups: workload.security_groups.into_iter().map(|group| group.value).collect(),
        attach: workload.attach?,
    })
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

fn values<T>(list: Vec<At<T>>) -> Vec<T> {
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

fn rule(rule: GroupRule) -> fabric::GroupRule {
    fabric::GroupRule {
        span: rule.span,
        protocol: rule.protocol,
        ports: rule.ports,
        peer: match rule.peer {
            Peer::All => fabric::Peer::All,
            Peer::Cidr(prefix) => fabric::Peer::Cidr(prefix),
            Peer::SecurityGroup(name) => fabric::Peer::SecurityGroup(name.value),
        },
    }
}

fn with_tests(mut fabric: Fabric, tests: Vec<PolicyTest>) -> Option<Fabric> {
    let tests: Option<Vec<_>> = tests
        .into_iter()
        .map(|test| {
            let (protocol, port) = test.flow?;
            Some(fabric::PolicyTest {
                span: test.span,
                from: fabric.party(&test.from?.value)?,
                to: fabric.party(&test.to?.value)?,
                protocol,
                port,
                expect: test.expect?,
            })
        })
        .collect();
    fabric.tests = tests?;
    Some(fabric)
}
