//! Addresses that a change gives, keeps, and puts to rest.

use super::{Proposal, REST_MS};
use crate::record::{LeaseRecord, RestRecord, lease_name, rest_name};
use crate::world::World;
use ipnet::IpNet;
use netloom_base::WallTime;
use netloom_cbor::to_bytes;
use netloom_model::diagnostic::code;
use netloom_model::fabric::{Name, Subnet};
use netloom_model::lease::{self, Leases, Unassigned};
use netloom_model::{Diagnostic, Fabric};
use netloom_pki::utc;
use netloom_store::Change;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Most workloads that one finding names.
const NAMED_MAX: usize = 5;

/// Addresses from those kept so far: what rests for a workload that comes back, it gets again; what has
/// rested long enough, anybody may get.
///
/// # Errors
/// A workload gets none: a finding for each subnet that has too few.
pub(super) fn assigned(
    world: &World,
    fabric: &Fabric,
    renamed: &BTreeMap<Name, Name>,
    now_ms: u64,
) -> Result<Leases, Vec<Diagnostic>> {
    let (leases, refused) = lease::assign(fabric, &before(world, fabric, renamed, now_ms));
    // What is wrong with an address that a workload asks for, the checks of the file have found:
    // that does not depend on what others have.
    let mut lacking: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (workload, reason) in &refused {
        if let Unassigned::Exhausted { subnet } = reason {
            lacking.entry(subnet).or_default().insert(workload);
        }
    }
    if lacking.is_empty() {
        return Ok(leases);
    }
    let exhausted = Exhausted { world, fabric, leases: &leases, now_ms };
    Err(lacking.iter().map(|(subnet, workloads)| exhausted.finding(subnet, workloads)).collect())
}

/// What workloads have, and what nobody else may be given: what rests, and what somebody has now, since
/// it rests as soon as it is given up.
fn before(world: &World, fabric: &Fabric, renamed: &BTreeMap<Name, Name>, now_ms: u64) -> Leases {
    let mut before = Leases::clone(&world.leases);
    before.resting.retain(|(network, address)| {
        let rest = world.rests.get(&format!("{network}/{address}"));
        rest.is_none_or(|rest| rest.until_ms > now_ms)
    });
    let taken = taken(&world.accepted.fabric, &world.leases);
    let is_new = |name: &str| network(&world.accepted.fabric, name) != network(fabric, name);
    for (name, addresses) in before.workloads.iter_mut().filter(|(name, _)| is_new(name)) {
        // In the network that it moves to, its addresses may be somebody else's.
        let Some(of) = network(fabric, name) else { continue };
        addresses.retain(|one| !before.resting.contains(&(of.to_owned(), *one)));
    }
    // Whoever knows a workload by its address finds it there, whatever it is called now. Names may go round.
    let stays =
        |(new, was): &(&Name, &Name)| network(&world.accepted.fabric, was) == network(fabric, new);
    let kept: Vec<(Name, Vec<IpAddr>)> = renamed
        .iter()
        .filter(stays)
        .filter_map(|(new, was)| Some((new.clone(), world.leases.workloads.get(was)?.clone())))
        .collect();
    renamed.iter().flat_map(|(new, was)| [new, was]).for_each(|name| {
        before.workloads.remove(name);
    });
    before.workloads.extend(kept);
    for (name, address) in returning(world, fabric, &taken, now_ms) {
        before.workloads.entry(name.to_owned()).or_default().push(address);
    }
    before.resting.extend(taken.into_iter().map(|(network, one)| (network.to_owned(), one)));
    before
}

/// What rests for workloads of the same name and network, the latest first: they get it where they have
/// nothing of its family. Whoever still knows the address reaches whom it was for.
fn returning<'a>(
    world: &'a World,
    fabric: &Fabric,
    taken: &BTreeSet<(&str, IpAddr)>,
    now_ms: u64,
) -> Vec<(&'a str, IpAddr)> {
    let resting = world.rests.iter().filter(|(_, rest)| rest.until_ms > now_ms);
    let of_owner = |(key, rest): (&'a String, &'a RestRecord)| {
        let (of, address) = key.split_once('/')?;
        let (owner, address) = (rest.owner.as_deref()?, address.parse().ok()?);
        let comes_back = network(fabric, owner) == Some(of) && !taken.contains(&(of, address));
        comes_back.then_some((rest.until_ms, owner, address))
    };
    let mut found: Vec<_> = resting.filter_map(of_owner).collect();
    found.sort_by_key(|(until_ms, ..)| std::cmp::Reverse(*until_ms));
    found.into_iter().map(|(_, owner, address)| (owner, address)).collect()
}

/// Subnets that have too few addresses, and why.
struct Exhausted<'a> {
    world: &'a World,
    fabric: &'a Fabric,
    leases: &'a Leases,
    now_ms: u64,
}

impl Exhausted<'_> {
    fn finding(&self, name: &str, workloads: &BTreeSet<&str>) -> Diagnostic {
        let subnet = &self.fabric.subnets[name];
        let prefixes = self.lacking_prefixes(subnet, workloads);
        let inside = |address: &IpAddr| prefixes.iter().any(|prefix| prefix.contains(address));
        let here =
            |(network, address): &(&str, IpAddr)| *network == subnet.network && inside(address);
        let taken: BTreeSet<(&str, IpAddr)> =
            taken(self.fabric, self.leases).into_iter().filter(here).collect();
        let resting = self.leases.resting.iter().map(|(network, one)| (network.as_str(), *one));
        let resting = resting.filter(|one| here(one) && !taken.contains(one));
        let untils: Vec<Option<u64>> = resting.map(|one| self.until_ms(one)).collect();
        let given_up = untils.iter().filter(|until| until.is_none()).count();
        let mut untils: Vec<u64> = untils.into_iter().flatten().collect();
        untils.sort_unstable();
        let first = workloads.iter().next().expect("a subnet is named for a workload");
        let counts = Counts { taken: taken.len(), untils, given_up, needed: workloads.len() };
        Diagnostic::error(
            code::EXHAUSTED,
            &self.fabric.workloads[*first].span,
            format!("there is no address left in `{name}` for {}", listed(workloads)),
            counts.cause(),
            counts.solution(),
        )
    }

    /// Until when an address rests already; nothing for what this very change gives up.
    fn until_ms(&self, (network, address): (&str, IpAddr)) -> Option<u64> {
        let rest = self.world.rests.get(&format!("{network}/{address}"))?;
        (rest.until_ms > self.now_ms).then_some(rest.until_ms)
    }

    /// The prefixes of the families of which one of the workloads has no address.
    fn lacking_prefixes(&self, subnet: &Subnet, workloads: &BTreeSet<&str>) -> Vec<IpNet> {
        let lacks = |prefix: &&IpNet| {
            let ipv6 = prefix.addr().is_ipv6();
            let has = |workload: &&str| {
                let given = self.leases.workloads.get(*workload).into_iter().flatten();
                given.into_iter().any(|address| address.is_ipv6() == ipv6)
            };
            !workloads.iter().all(has)
        };
        subnet.cidrs.iter().filter(lacks).copied().collect()
    }
}

/// How the addresses of a subnet are used.
struct Counts {
    /// Those that workloads have, or get by the change.
    taken: usize,
    /// Until when others rest, in order.
    untils: Vec<u64>,
    /// How many would begin to rest with the change.
    given_up: usize,
    /// How many are lacking.
    needed: usize,
}

impl Counts {
    fn cause(&self) -> String {
        let mut parts = vec![format!("{} of its addresses are taken", self.taken)];
        if let Some(first) = self.untils.first() {
            parts.push(format!("{} rest, the first until {}", self.untils.len(), time(*first)));
        }
        if self.given_up > 0 {
            parts.push(format!("{} would rest from this change on", self.given_up));
        }
        if parts.len() == 1 {
            return "every address of the subnet is taken or reserved".to_owned();
        }
        let why = "an address that a workload had is given to no other one for 24 hours";
        format!("{}, and none is free: {why}", parts.join(", "))
    }

    fn solution(&self) -> String {
        let cure = "make the subnet larger, or put workloads into another one";
        let resting = self.untils.len() + self.given_up;
        let wait = match self.untils.get(self.needed - 1) {
            Some(enough) => format!("apply again after {}, when enough are free", time(*enough)),
            None if resting >= self.needed => {
                "remove the old workloads first, and add the new ones 24 hours later".to_owned()
            }
            None => return cure.to_owned(),
        };
        format!("{cure}; or ask for the old addresses by name, with `address`; or {wait}")
    }
}

fn time(ms: u64) -> String {
    utc(WallTime::from_secs(ms.div_ceil(1_000)))
}

/// Names of workloads, as many as one reads.
fn listed(workloads: &BTreeSet<&str>) -> String {
    let named: Vec<String> =
        workloads.iter().take(NAMED_MAX).map(|name| format!("`{name}`")).collect();
    match workloads.len() - named.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// What the store keeps of a proposal's addresses.
pub(super) fn changes(world: &World, proposal: &Proposal, now_ms: u64) -> Vec<Change> {
    let (had, has) = (&world.accepted.fabric, &proposal.accepted.fabric);
    let taken = taken(has, &proposal.leases);
    let mut changes = Vec::new();
    for (name, addresses) in &proposal.leases.workloads {
        let of = network(has, name).unwrap_or_default();
        let same = world.leases.workloads.get(name) == Some(addresses)
            && network(had, name) == network(has, name);
        if !same {
            let record = LeaseRecord { addresses: addresses.clone(), network: of.to_owned() };
            changes.push(Change::Put { name: lease_name(name), value: to_bytes(&record) });
        }
    }
    for (name, addresses) in &world.leases.workloads {
        let kept = proposal.leases.workloads.get(name);
        if kept.is_none() {
            changes.push(Change::Delete { name: lease_name(name) });
        }
        let moved = network(had, name) != network(has, name);
        let Some(of) = network(had, name) else { continue };
        for address in addresses {
            let is_given_up = moved || kept.is_none_or(|kept| !kept.contains(address));
            // Somebody else may have asked for it by name.
            if is_given_up && !taken.contains(&(of, *address)) {
                let record = RestRecord { until_ms: now_ms + REST_MS, owner: Some(name.clone()) };
                changes
                    .push(Change::Put { name: rest_name(of, *address), value: to_bytes(&record) });
            }
        }
    }
    // What has rested long enough, what was asked for by name, and what is back rests no more.
    for (key, rest) in world.rests.iter() {
        let Some((network, address)) = key.split_once('/') else { continue };
        let is_taken =
            address.parse().is_ok_and(|address: IpAddr| taken.contains(&(network, address)));
        if is_taken || rest.until_ms <= now_ms {
            changes.push(Change::Delete { name: format!("resting/{key}") });
        }
    }
    changes
}

/// Which addresses of which networks workloads have.
fn taken<'a>(fabric: &'a Fabric, leases: &'a Leases) -> BTreeSet<(&'a str, IpAddr)> {
    let of_network = |(name, addresses): (&'a String, &'a Vec<IpAddr>)| {
        Some((network(fabric, name)?, addresses))
    };
    let given = leases.workloads.iter().filter_map(of_network);
    given.flat_map(|(network, all)| all.iter().map(move |one| (network, *one))).collect()
}

/// The network of a workload.
fn network<'a>(fabric: &'a Fabric, workload: &str) -> Option<&'a str> {
    Some(fabric.network_of(fabric.workloads.get(workload)?))
}
