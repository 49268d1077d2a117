//! Quotas: how many of each thing there may be, and where a cloud would refuse sooner.

use crate::decode::policy::Peer;
use crate::decode::routing::Destination;
use crate::decode::{At, Decoder};
use crate::diagnostic::{Diagnostic, code};
use crate::fabric::{PeeringStatus, Quotas};
use crate::load::Declared;
use crate::span::Span;
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Reports what exceeds the largest quotas, and warns of what exceeds the usual ones.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    let mut desk = Desk { declared, decoder };
    for (name, network) in &declared.networks {
        for ipv6 in [false, true] {
            let of = network.value.cidrs.iter().filter(|at| at.value.addr().is_ipv6() == ipv6);
            let what =
                format!("{} of `{name}`", if ipv6 { "IPv6 prefixes" } else { "IPv4 prefixes" });
            desk.judge(&network.span, &what, of.count(), |quotas| quotas.cidrs_per_network);
        }
    }
    desk.objects();
    desk.prefix_lists();
    desk.tables_and_acls();
    desk.groups();
    desk.propagated();
}

/// The lists of a group.
const DIRECTIONS: [&str; 2] = ["ingress", "egress"];

struct Desk<'a> {
    declared: &'a Declared,
    decoder: &'a mut Decoder,
}

impl Desk<'_> {
    fn judge(&mut self, span: &Span, what: &str, count: usize, of: impl Fn(&Quotas) -> usize) {
        let (largest, usual) = (of(&Quotas::LARGEST), of(&Quotas::USUAL));
        let message = |most| format!("{count} {what}: at most {most}");
        if count > largest {
            self.decoder.error(
                code::QUOTA,
                span,
                message(largest),
                "a fabric stays within what the largest clouds grant, so that checks stay fast",
                "split it: several networks, tables or groups take the rest",
            );
        } else if count > usual {
            let found = Diagnostic::error(
                code::QUOTA_USUAL,
                span,
                message(usual),
                "AWS grants so many without being asked; here they work",
                "nothing has to be done, unless the same is to be set up there",
            );
            self.decoder.push(found.into_warning());
        }
    }

    /// Things that are counted by their network.
    fn objects(&mut self) {
        let declared = self.declared;
        let subnets = declared.subnets.values();
        let subnets = subnets.filter_map(|one| one.value.network.as_ref().map(|at| &at.value));
        self.by_network(counted(subnets), "subnets", |quotas| quotas.subnets_per_network);
        let tables = declared.route_tables.values();
        let tables = tables.filter_map(|one| one.value.network.as_ref().map(|at| &at.value));
        self.by_network(counted(tables), "route tables", |quotas| quotas.route_tables_per_network);
        let acls = declared.network_acls.values();
        let acls = acls.filter_map(|one| one.value.network.as_ref().map(|at| &at.value));
        self.by_network(counted(acls), "network ACLs", |quotas| quotas.acls_per_network);
        let there = declared.peerings.values().filter(|one| {
            matches!(one.value.status, PeeringStatus::Active | PeeringStatus::Pending)
        });
        let peerings = there.flat_map(|one| &one.value.networks);
        let peerings = counted(peerings.map(|at| &at.value));
        self.by_network(peerings, "peerings", |quotas| quotas.peerings_per_network);
    }

    fn by_network(
        &mut self,
        counts: BTreeMap<&String, usize>,
        what: &str,
        of: impl Fn(&Quotas) -> usize + Copy,
    ) {
        for (network, count) in counts {
            let Some(entry) = self.declared.networks.get(network) else { continue };
            self.judge(&entry.span, &format!("{what} in `{network}`"), count, of);
        }
    }

    /// Lists that hold more than they say that they ever will.
    fn prefix_lists(&mut self) {
        for (name, list) in &self.declared.prefix_lists {
            let (list, count) = (&list.value, list.value.entries.len());
            let Some(most) = list.entries_max.as_ref().filter(|most| count > most.value) else {
                continue;
            };
            self.decoder.error(
                code::QUOTA,
                &most.span,
                format!("`{name}` has {count} entries: at most {}", most.value),
                "rules that name the list are counted as that many, so it may not have more",
                "raise `max_entries`, or remove entries",
            );
        }
    }

    fn tables_and_acls(&mut self) {
        let declared = self.declared;
        for (name, table) in &declared.route_tables {
            let what = format!("routes in `{name}`");
            let routes = table.value.routes.iter();
            let count = Families::sum(routes.map(|route| self.destinations(&route.to))).larger();
            self.judge(&table.span, &what, count, |quotas| quotas.routes_per_table);
        }
        for (name, acl) in &declared.network_acls {
            for (word, rules) in [("ingress", &acl.value.ingress), ("egress", &acl.value.egress)] {
                let what = format!("{word} rules in `{name}`");
                let peers = rules.iter().map(|rule| {
                    Families::sum(rule.peers.iter().map(|peer| self.peer(peer))).at_most_one()
                });
                let count = Families::sum(peers).larger();
                self.judge(&acl.span, &what, count, |quotas| quotas.rules_per_acl);
            }
        }
    }

    fn groups(&mut self) {
        let declared = self.declared;
        if let Some(last) = declared.security_groups.values().next_back() {
            let count = declared.security_groups.len();
            self.judge(&last.span, "security groups", count, |quotas| quotas.groups);
        }
        let mut sizes: BTreeMap<&str, [Families; 2]> = BTreeMap::new();
        for (name, group) in &declared.security_groups {
            let lists = [&group.value.ingress, &group.value.egress];
            let counts =
                lists.map(|rules| Families::sum(rules.iter().map(|rule| self.peer(&rule.peer))));
            for (word, count) in DIRECTIONS.iter().zip(counts) {
                let what = format!("{word} rules in `{name}`");
                self.judge(&group.span, &what, count.larger(), |quotas| quotas.rules_per_group);
            }
            sizes.insert(name, counts);
        }
        for (name, workload) in &declared.workloads {
            let groups = &workload.value.security_groups;
            let what = format!("security groups of `{name}`");
            self.judge(&workload.span, &what, groups.len(), |quotas| quotas.groups_per_workload);
            // One group alone has a quota of its own.
            for (place, word) in DIRECTIONS.iter().enumerate().filter(|_| groups.len() > 1) {
                let of = groups.iter().filter_map(|at| sizes.get(at.value.as_str()));
                let count = Families::sum(of.map(|counts| counts[place])).larger();
                let what = format!("{word} rules in the groups of `{name}` together");
                self.judge(&workload.span, &what, count, |quotas| quotas.rules_per_workload);
            }
        }
    }

    /// Prefixes behind nodes, as the networks count them that reach them by name.
    fn propagated(&mut self) {
        let declared = self.declared;
        let mut counts: BTreeMap<&String, Families> = BTreeMap::new();
        for one in declared.nodes.values().flat_map(|node| &node.value.advertise) {
            let seen = Families::of(one.seen_as.as_ref().unwrap_or(&one.prefix).value);
            for network in &one.networks {
                let count = counts.entry(&network.value).or_default();
                *count = Families::sum([*count, seen].into_iter());
            }
        }
        let counts = counts.into_iter().map(|(name, count)| (name, count.larger())).collect();
        self.by_network(counts, "prefixes behind nodes", |quotas| quotas.propagated_per_network);
    }

    /// As how many rules another side counts. A prefix list counts as its largest size, whatever it
    /// holds now.
    fn peer(&self, peer: &Peer) -> Families {
        match peer {
            Peer::All | Peer::SecurityGroup(_) => Families { v4: 1, v6: 1 },
            Peer::Cidr(prefix) => Families::of(*prefix),
            Peer::PrefixList(name) => {
                let held = self.held(name);
                let list = self.declared.prefix_lists.get(&name.value);
                let most = list.and_then(|list| list.value.entries_max.as_ref());
                let largest = |held: usize| match most {
                    Some(most) if held > 0 => most.value,
                    _ => held,
                };
                Families { v4: largest(held.v4), v6: largest(held.v6) }
            }
        }
    }

    fn destinations(&self, to: &Destination) -> Families {
        match to {
            Destination::Prefix(prefix) => Families::of(prefix.value),
            Destination::List(name) => self.held(name),
        }
    }

    /// What a prefix list holds now.
    fn held(&self, name: &At<String>) -> Families {
        let list = self.declared.prefix_lists.get(&name.value);
        let entries = list.into_iter().flat_map(|list| &list.value.entries);
        Families::sum(entries.map(|entry| Families::of(entry.value)))
    }
}

/// How many there are of each family: quotas are for each by itself.
#[derive(Clone, Copy, Default)]
struct Families {
    v4: usize,
    v6: usize,
}

impl Families {
    fn of(prefix: IpNet) -> Self {
        let is_v6 = prefix.addr().is_ipv6();
        Self { v4: usize::from(!is_v6), v6: usize::from(is_v6) }
    }

    fn sum(all: impl Iterator<Item = Self>) -> Self {
        all.fold(Self::default(), |all, one| Self {
            v4: all.v4.saturating_add(one.v4),
            v6: all.v6.saturating_add(one.v6),
        })
    }

    fn at_most_one(self) -> Self {
        Self { v4: self.v4.min(1), v6: self.v6.min(1) }
    }

    fn larger(self) -> usize {
        self.v4.max(self.v6)
    }
}

fn counted<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<&'a String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}
