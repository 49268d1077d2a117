//! The checks between objects: references, prefixes, zones, addresses; then the fabric.

mod addresses;
mod prefixes;
mod references;
mod usage;

use crate::decode::{At, Decoder};
use crate::diagnostic::{Diagnostic, code};
use crate::fabric::{self, Fabric};
use crate::load::Declared;
use crate::span::Span;

/// Checks what was declared. All findings go to `decoder`; the fabric comes out as far as
/// it can be built, for the caller to drop if there was an error.
pub(crate) fn check(declared: Declared, first: &str, decoder: &mut Decoder) -> Option<Fabric> {
    let top = Span { file: first.into(), line: 1, column: 1 };
    version(&declared, &top, decoder);
    let name = fabric_name(&declared, &top, decoder);
    references::check(&declared, decoder);
    prefixes::check(&declared, decoder);
    if decoder.diagnostics.iter().any(|found| found.severity == crate::diagnostic::Severity::Error)
    {
        return None;
    }
    let fabric = build(declared, name?);
    addresses::check(&fabric, decoder);
    usage::check(&fabric, decoder);
    Some(fabric)
}

fn version(declared: &Declared, top: &Span, decoder: &mut Decoder) {
    match &declared.version {
        None => decoder.error(
            code::MISSING_KEY,
            top,
            "the file does not say which version of the format it is in",
            "without it, later versions of Netloom could not know how to read it",
            "begin it with `version: 1`",
        ),
        Some(version) if version.value != "1" => decoder.error(
            code::VERSION,
            &version.span,
            format!("version {} of the format is not known", version.value),
            "this Netloom reads version 1",
            "write `version: 1`, or use the Netloom that wrote the file",
        ),
        Some(_) => {}
    }
}

fn fabric_name(declared: &Declared, top: &Span, decoder: &mut Decoder) -> Option<String> {
    let Some(name) = &declared.fabric else {
        decoder.error(
            code::MISSING_KEY,
            top,
            "the fabric has no name",
            "interfaces, tables and names of the fabric carry it",
            "add `fabric: NAME`",
        );
        return None;
    };
    let key = crate::tree::Key { span: name.span.clone(), name: name.value.clone() };
    decoder.name(&key, "a fabric")
}

/// The nearest declared name as a guess for one that nothing has.
pub(crate) fn unknown<'a>(
    decoder: &mut Decoder,
    reference: &At<String>,
    what: &str,
    section: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) {
    let known: Vec<&str> = names.clone().take(8).collect();
    let solution = if known.is_empty() {
        format!("declare it under `{section}`")
    } else {
        format!("declare it under `{section}`, or name one that is there: {}", known.join(", "))
    };
    let found = Diagnostic::error(
        code::UNKNOWN_REFERENCE,
        &reference.span,
        format!("there is no {what} `{}`", reference.value),
        format!("nothing under `{section}` has this name"),
        solution,
    );
    decoder.diagnostics.push(found.guess(&reference.value, names));
}

/// Turns declared objects, whose references are known to resolve, into the fabric's.
fn build(declared: Declared, name: String) -> Fabric {
    let values = |list: Vec<At<String>>| list.into_iter().map(|at| at.value).collect();
    let default_domain = |network: &str| format!("{network}.internal");
    Fabric {
        name,
        regions: each(declared.regions, |_, span, region| fabric::Region {
            span,
            zones: region.zones.into_iter().map(|zone| zone.value).collect(),
            networks: region.networks.into_iter().map(|prefix| prefix.value).collect(),
            nat: region.nat,
        }),
        networks: each(declared.networks, |name, span, network| fabric::Network {
            span,
            cidrs: network.cidrs.into_iter().map(|prefix| prefix.value).collect(),
            region: network.region.map(|region| region.value),
            domain: network.domain.map_or_else(|| default_domain(name), |domain| domain.value),
            resolvers: network.resolvers,
            tags: network.tags,
        }),
        subnets: each(declared.subnets, |_, span, subnet| fabric::Subnet {
            span,
            network: subnet.network.value,
            cidrs: subnet.cidrs.into_iter().map(|prefix| prefix.value).collect(),
            zone: subnet.zone.map(|zone| zone.value),
            public: subnet.public,
        }),
        nodes: each(declared.nodes, |_, span, node| fabric::Node {
            span,
            region: node.region.value,
            zone: node.zone.map(|zone| zone.value),
            roles: node.roles.into_iter().collect(),
            endpoint: node.endpoint.map(|endpoint| endpoint.value),
            advertise: node.advertise.into_iter().map(|prefix| prefix.value).collect(),
            tags: values(node.tags),
            security_groups: node.security_groups.into_iter().map(|at| at.value).collect(),
        }),
        workloads: each(declared.workloads, |_, span, workload| fabric::Workload {
            span,
            node: workload.node.value,
            subnet: workload.subnet.value,
            addresses: workload.addresses.into_iter().map(|address| address.value).collect(),
            labels: workload.labels,
            security_groups: workload.security_groups.into_iter().map(|at| at.value).collect(),
            attach: workload.attach,
        }),
        security_groups: each(declared.security_groups, |_, span, group| fabric::SecurityGroup {
            span,
            ingress: group.ingress.into_iter().map(rule).collect(),
            egress: group.egress.into_iter().map(rule).collect(),
        }),
        services: each(declared.services, |_, span, service| fabric::Service {
            span,
            namespace: service.namespace.value,
            port: service.port,
            protocol: service.protocol,
            select: service.select,
            health: service.health,
        }),
        tests: Vec::new(),
        lab_links: declared.lab_links.into_iter().map(|(name, at)| (name, at.value)).collect(),
    }
    .with_tests(declared.tests)
}

fn each<A, B>(
    objects: crate::load::Named<A>,
    make: impl Fn(&str, Span, A) -> B,
) -> std::collections::BTreeMap<String, B> {
    objects
        .into_iter()
        .map(|(name, at)| {
            let object = make(&name, at.span, at.value);
            (name, object)
        })
        .collect()
}

fn rule(rule: crate::decode::policy::GroupRule) -> fabric::GroupRule {
    use crate::decode::policy::Peer;
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

impl Fabric {
    fn with_tests(mut self, tests: Vec<crate::decode::policy::PolicyTest>) -> Self {
        self.tests = tests
            .into_iter()
            .filter_map(|test| {
                Some(fabric::PolicyTest {
                    span: test.span,
                    from: self.party(&test.from.value)?,
                    to: self.party(&test.to.value)?,
                    protocol: test.protocol,
                    port: test.port,
                    expect: test.expect,
                })
            })
            .collect();
        self
    }

    /// The end of a flow that `name` means: a workload, a node, `internet`, or an address.
    pub fn party(&self, name: &str) -> Option<fabric::Party> {
        if self.workloads.contains_key(name) {
            return Some(fabric::Party::Workload(name.to_owned()));
        }
        if self.nodes.contains_key(name) {
            return Some(fabric::Party::Node(name.to_owned()));
        }
        if name == "internet" {
            return Some(fabric::Party::Internet);
        }
        name.parse().ok().map(fabric::Party::Address)
    }
}
