//! Addresses that workloads ask for, and whether there are enough for all.

use crate::decode::Decoder;
use crate::decode::workload::Workload;
use crate::diagnostic::{Diagnostic, code};
use crate::fabric::{self, Attach, Fabric};
use crate::lease::{self, Leases, Unassigned};
use crate::load::{Declared, Entry};
use crate::span::Span;
use std::collections::{BTreeMap, BTreeSet};
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

/// A workload that is declared.
type Declaration = Entry<Workload>;

/// Whether a workload narrows what others of its network can be given.
fn is_choosy(workload: &Declaration) -> bool {
    !workload.value.addresses.is_empty() || !workload.value.advertise.is_empty()
}

/// Networks in which somebody may get no address. In the others nobody asks for any, and each prefix has room
/// for all of the network's workloads, so that they need not be handed out to know.
fn doubtful(declared: &Declared) -> BTreeSet<&str> {
    let mut workloads: BTreeMap<&str, u128> = BTreeMap::new();
    let mut doubtful = BTreeSet::new();
    for workload in declared.workloads.values() {
        let Some(subnet) = &workload.value.subnet else { continue };
        let subnet = declared.subnets.get(&subnet.value);
        let Some(network) = subnet.and_then(|subnet| subnet.value.network.as_ref()) else {
            continue;
        };
        *workloads.entry(&network.value).or_default() += 1;
        if is_choosy(workload) {
            doubtful.insert(network.value.as_str());
        }
    }
    for subnet in declared.subnets.values() {
        let Some(network) = &subnet.value.network else { continue };
        let needed = workloads.get(network.value.as_str()).copied().unwrap_or_default();
        if subnet.value.cidrs.iter().any(|prefix| lease::room(prefix.value) < needed) {
            doubtful.insert(&network.value);
        }
    }
    doubtful
}

/// What is known of the fabric, as far as addresses depend on it and somebody may get none.
fn addressed(declared: &Declared) -> Fabric {
    let mut fabric = Fabric::default();
    let doubtful = doubtful(declared);
    for (name, entry) in declared.subnets.iter().filter(|(_, subnet)| subnet.whole) {
        let network = entry.value.network.as_ref();
        let Some(network) = network.filter(|at| doubtful.contains(at.value.as_str())) else {
            continue;
        };
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
