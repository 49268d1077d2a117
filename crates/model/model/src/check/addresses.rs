//! Addresses that workloads ask for, and whether there are enough for all.

use crate::decode::Decoder;
use crate::diagnostic::{Diagnostic, code};
use crate::fabric::{self, Attach, Fabric};
use crate::lease::{self, Leases, Unassigned};
use crate::load::Declared;
use crate::span::Span;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Reports addresses that cannot be given, in subnets whose own prefixes are sound.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    let fabric = addressed(declared);
    let (_, refused) = lease::assign(&fabric, &Leases::default());
    let mut exhausted = BTreeSet::new();
    for (workload, reason) in refused {
        let entry = &declared.workloads[&workload];
        // A workload without an address of either family lacks one thing, not two.
        if matches!(reason, Unassigned::Exhausted { .. }) && !exhausted.insert(workload.clone()) {
            continue;
        }
        let asked = |address: &IpAddr| {
            let at = entry.value.addresses.iter().find(|at| at.value == *address);
            at.map_or_else(|| entry.span.clone(), |at| at.span.clone())
        };
        let span = match &reason {
            Unassigned::Outside { address, .. }
            | Unassigned::Reserved { address }
            | Unassigned::Taken { address, .. }
            | Unassigned::Second { address, .. } => asked(address),
            Unassigned::Exhausted { .. } => entry.span.clone(),
        };
        decoder.push(finding(&span, &workload, &reason));
    }
}

/// What is known of the fabric, as far as addresses depend on it.
fn addressed(declared: &Declared) -> Fabric {
    let mut fabric = Fabric::default();
    for (name, entry) in declared.subnets.iter().filter(|(_, subnet)| subnet.whole) {
        let Some(network) = &entry.value.network else { continue };
        let subnet = fabric::Subnet {
            span: entry.span.clone(),
            network: network.value.clone(),
            cidrs: entry.value.cidrs.iter().map(|prefix| prefix.value).collect(),
            zone: None,
            public: false,
            route_table: None,
            nat_gateway: None,
            network_acl: None,
            tags: Default::default(),
            reserved: entry.value.reserved,
        };
        fabric.subnets.insert(name.clone(), subnet);
    }
    for (name, entry) in &declared.workloads {
        let Some(subnet) = &entry.value.subnet else { continue };
        if !fabric.subnets.contains_key(&subnet.value) {
            continue;
        }
        let workload = fabric::Workload {
            span: entry.span.clone(),
            was: None,
            node: String::new(),
            subnet: subnet.value.clone(),
            addresses: entry.value.addresses.iter().map(|address| address.value).collect(),
            labels: Default::default(),
            advertise: entry.value.advertise.iter().map(|prefix| prefix.value).collect(),
            security_groups: BTreeSet::new(),
            publish: Vec::new(),
            attach: Attach::Host,
        };
        fabric.workloads.insert(name.clone(), workload);
    }
    fabric
}

fn finding(span: &Span, workload: &str, reason: &Unassigned) -> Diagnostic {
    match reason {
        Unassigned::Outside { address, subnet } => Diagnostic::error(
            code::OUTSIDE,
            span,
            format!("`{workload}` asks for {address}, which is not in its subnet `{subnet}`"),
            "a workload's addresses come from its subnet",
            "ask for one that is, or for none to be given one",
        ),
        Unassigned::Reserved { address } => Diagnostic::error(
            code::ADDRESS_TAKEN,
            span,
            format!("`{workload}` asks for {address}, which is reserved"),
            "a subnet keeps five addresses: its first, its last, and three for gateway, DNS and \
             future use beside one of them",
            "ask for another one, or move the three with the subnet's `reserved: last` or `first`",
        ),
        Unassigned::Taken { address, by } => Diagnostic::error(
            code::ADDRESS_TAKEN,
            span,
            format!("`{workload}` asks for {address}, which `{by}` has"),
            "an address belongs to one workload",
            "ask for another one, or for none to be given one",
        ),
        Unassigned::Second { address, first } => Diagnostic::error(
            code::CONFLICT,
            span,
            format!("`{workload}` asks for {address}, and for {first} already"),
            "a workload has one address of each family in its subnet",
            "keep one of the two, or make a second workload",
        ),
        Unassigned::Exhausted { subnet } => Diagnostic::error(
            code::EXHAUSTED,
            span,
            format!("there is no address left for `{workload}` in `{subnet}`"),
            "every address of the subnet is taken or reserved",
            "make the subnet larger, or put the workload into another one",
        ),
    }
}
