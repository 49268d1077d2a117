//! Which flows a draft lets pass, as far as that can be said without doubt.

mod ways;

use crate::draft::{AclRule, Draft, Match, NetworkAcl, Ports, Protocol, Rule, Side, Workload};
use ipnet::IpNet;
pub(crate) use ways::reaches_internet;

/// Ports from which clients call.
const CLIENT_PORTS: Ports = Ports { first: 1024, last: u16::MAX };
const ONE_PORT: fn(u16) -> Ports = |port| Ports { first: port, last: port };

/// Whether one workload surely reaches a port of another.
pub(crate) fn surely_passes(
    draft: &Draft,
    from: &Workload,
    to: &Workload,
    protocol: Protocol,
    port: u16,
) -> bool {
    let (Some(source), Some(target)) =
        (draft.subnets.get(&from.subnet), draft.subnets.get(&to.subnet))
    else {
        return false;
    };
    let port = ONE_PORT(port);
    let is_near = source.network == target.network;
    let near = |side: &Side| is_near || !matches!(side, Side::Group(_));
    let out = |rule: &Rule| {
        rule.matched.holds(protocol, port)
            && near(&rule.side)
            && leads_to(&rule.side, &to.security_groups, &target.cidrs)
    };
    let into = |rule: &Rule| {
        rule.matched.holds(protocol, port)
            && near(&rule.side)
            && leads_to(&rule.side, &from.security_groups, &source.cidrs)
    };
    (is_near || ways::are_joined(draft, source, target))
        && egress(draft, from).any(out)
        && ingress(draft, to).any(into)
        && acls_let_pass(draft, from, to, protocol, port)
}

/// Whether no rule of the target's groups lets any of the source's packets in: surely denied.
pub(crate) fn surely_denied(
    draft: &Draft,
    from: &Workload,
    to: &Workload,
    protocol: Protocol,
    port: u16,
) -> bool {
    // A further interface has groups and a network of its own, by which a packet may go.
    if !from.interfaces.is_empty() || !to.interfaces.is_empty() {
        return false;
    }
    if are_apart(draft, from, to) {
        return true;
    }
    let cidrs = draft.subnets.get(&from.subnet).map(|subnet| subnet.cidrs.as_slice());
    let cidrs = cidrs.unwrap_or(&[]);
    !ingress(draft, to).any(|rule| {
        rule.matched.touches(protocol, ONE_PORT(port))
            && may_be(&rule.side, &from.security_groups, cidrs)
    })
}

/// Whether two workloads are in networks that nothing joins.
fn are_apart(draft: &Draft, from: &Workload, to: &Workload) -> bool {
    let network = |of: &Workload| draft.subnets.get(&of.subnet).map(|subnet| &subnet.network);
    let (Some(source), Some(target)) = (network(from), network(to)) else { return false };
    source != target
        && !draft
            .peerings
            .values()
            .any(|peering| peering.networks.contains(source) && peering.networks.contains(target))
        && to.publish.is_empty()
}

/// Whether no rule of a workload's groups lets the internet in at a port.
pub(crate) fn internet_denied(draft: &Draft, to: &Workload, protocol: Protocol, port: u16) -> bool {
    let further =
        to.interfaces.iter().filter_map(|one| draft.security_groups.get(&one.security_group));
    let further = further.flat_map(|group| &group.ingress);
    !ingress(draft, to).chain(further).any(|rule| {
        rule.matched.touches(protocol, ONE_PORT(port)) && !matches!(rule.side, Side::Group(_))
    })
}

/// The rules by which a workload is reached.
pub(crate) fn ingress<'a>(draft: &'a Draft, of: &'a Workload) -> impl Iterator<Item = &'a Rule> {
    let groups = of.security_groups.iter().filter_map(|name| draft.security_groups.get(name));
    groups.flat_map(|group| &group.ingress)
}

fn egress<'a>(draft: &'a Draft, of: &'a Workload) -> impl Iterator<Item = &'a Rule> {
    let groups = of.security_groups.iter().filter_map(|name| draft.security_groups.get(name));
    groups.flat_map(|group| &group.egress)
}

/// Whether a side holds every address of prefixes, or a group of a workload.
fn leads_to(side: &Side, groups: &[String], cidrs: &[IpNet]) -> bool {
    match side {
        Side::All => true,
        Side::Group(group) => groups.contains(group),
        // The first prefix is that of the family in which tests are made.
        Side::Cidr(prefix) => cidrs.first().is_some_and(|cidr| prefix.contains(cidr)),
        Side::PrefixList(_) => false,
    }
}

/// Whether a side may hold an address of prefixes, or a group of a workload.
fn may_be(side: &Side, groups: &[String], cidrs: &[IpNet]) -> bool {
    match side {
        Side::All | Side::PrefixList(_) => true,
        Side::Group(group) => groups.contains(group),
        Side::Cidr(prefix) => {
            cidrs.iter().any(|cidr| cidr.contains(prefix) || prefix.contains(cidr))
        }
    }
}

/// Whether network ACLs let a flow and its answers pass, both ways.
fn acls_let_pass(
    draft: &Draft,
    from: &Workload,
    to: &Workload,
    protocol: Protocol,
    port: Ports,
) -> bool {
    if from.subnet == to.subnet {
        return true;
    }
    let cidrs = |of: &Workload| {
        draft.subnets.get(&of.subnet).map(|subnet| subnet.cidrs.clone()).unwrap_or_default()
    };
    let sends = acl_of(draft, from).is_none_or(|acl| {
        first_allows(&acl.egress, protocol, port, &cidrs(to))
            && first_allows(&acl.ingress, protocol, CLIENT_PORTS, &cidrs(to))
    });
    let answers = acl_of(draft, to).is_none_or(|acl| {
        first_allows(&acl.ingress, protocol, port, &cidrs(from))
            && first_allows(&acl.egress, protocol, CLIENT_PORTS, &cidrs(from))
    });
    sends && answers
}

/// The network ACL of a workload's subnet.
fn acl_of<'a>(draft: &'a Draft, of: &Workload) -> Option<&'a NetworkAcl> {
    let subnet = draft.subnets.get(&of.subnet)?;
    let own = subnet.network_acl.as_ref();
    let name = own.or_else(|| draft.networks.get(&subnet.network)?.network_acl.as_ref())?;
    draft.network_acls.get(name)
}

/// Whether the first rule that may match some of the packets surely allows all of them.
fn first_allows(rules: &[AclRule], protocol: Protocol, ports: Ports, cidrs: &[IpNet]) -> bool {
    let mut rules: Vec<&AclRule> = rules.iter().collect();
    rules.sort_by_key(|rule| rule.number);
    let touches =
        |matched: &Match, side: &Side| matched.touches(protocol, ports) && may_be(side, &[], cidrs);
    let first = rules.into_iter().find(|rule| touches(&rule.matched, &rule.side));
    first.is_some_and(|rule| {
        rule.allow && rule.matched.holds(protocol, ports) && leads_to(&rule.side, &[], cidrs)
    })
}
