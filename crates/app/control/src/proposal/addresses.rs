//! Addresses that a change gives, keeps, and puts to rest.
//!
//! What is in one network does not depend on another, so only networks are looked at whose workloads or
//! subnets change: in a large fabric, these are few.

mod exhausted;

use super::{Proposal, REST_MS};
use crate::record::{LeaseRecord, RestRecord, lease_name, rest_name};
use crate::world::World;
use exhausted::Exhausted;
use itertools::{EitherOrBoth, Itertools as _};
use netloom_cbor::to_bytes;
use netloom_model::fabric::{Name, Subnet, Workload};
use netloom_model::lease::{self, Leases, Unassigned};
use netloom_model::{Diagnostic, Fabric};
use netloom_store::Change;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Addresses after a change.
pub(super) struct Assigned {
    pub(super) leases: Leases,
    /// Networks, before and after the change, in which they may be others than before.
    pub(super) networks: BTreeSet<Name>,
}

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
) -> Result<Assigned, Vec<Diagnostic>> {
    let networks = readdressed(world, fabric, renamed);
    let before = before(world, fabric, renamed, &networks, now_ms);
    let (given, refused) = lease::assign_in(fabric, &before, |network| networks.contains(network));
    // What is wrong with an address that a workload asks for, the checks of the file have found:
    // that does not depend on what others have.
    let mut lacking: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (workload, reason) in &refused {
        if let Unassigned::Exhausted { subnet } = reason {
            lacking.entry(subnet).or_default().insert(workload);
        }
    }
    if lacking.is_empty() {
        let mut leases = Leases::clone(&world.leases);
        for name in leased_in(world, &networks).map(|(name, ..)| name) {
            leases.workloads.remove(name);
        }
        leases.workloads.extend(given.workloads);
        return Ok(Assigned { leases, networks });
    }
    let exhausted = Exhausted { world, fabric, leases: &given, now_ms };
    Err(lacking.iter().map(|(subnet, workloads)| exhausted.finding(subnet, workloads)).collect())
}

/// Networks, before and after, of which a workload or a subnet is another one now, as far as addresses
/// depend on it.
fn readdressed(world: &World, fabric: &Fabric, renamed: &BTreeMap<Name, Name>) -> BTreeSet<Name> {
    let former = &world.accepted.fabric;
    let mut networks = BTreeSet::new();
    for (_, was, is) in side_by_side(&former.subnets, &fabric.subnets) {
        let same = |was: &Subnet, is: &Subnet| {
            (&was.network, &was.cidrs, was.reserved) == (&is.network, &is.cidrs, is.reserved)
        };
        if !was.zip(is).is_some_and(|(was, is)| same(was, is)) {
            networks.extend([was, is].into_iter().flatten().map(|subnet| subnet.network.clone()));
        }
    }
    let same = |was: &Workload, is: &Workload| {
        was.subnet == is.subnet && was.addresses == is.addresses && was.advertise == is.advertise
    };
    let others: BTreeSet<&Name> = renamed.iter().flat_map(|(new, was)| [new, was]).collect();
    for (name, was, is) in side_by_side(&former.workloads, &fabric.workloads) {
        // A name may be somebody else's now, who is declared just as its former owner was.
        if was.zip(is).is_some_and(|(was, is)| same(was, is)) && !others.contains(name) {
            continue;
        }
        networks.extend(was.map(|was| former.network_of(was).clone()));
        networks.extend(is.map(|is| fabric.network_of(is).clone()));
    }
    for (_, workload, lease) in side_by_side(&fabric.workloads, &world.leases.workloads) {
        if let (Some(workload), None) = (workload, lease) {
            networks.insert(fabric.network_of(workload).clone());
        }
    }
    networks
}

/// The entries of two maps by their keys, in order.
fn side_by_side<'a, A, B>(
    left: &'a BTreeMap<Name, A>,
    right: &'a BTreeMap<Name, B>,
) -> impl Iterator<Item = (&'a Name, Option<&'a A>, Option<&'a B>)> {
    let pairs = left.iter().merge_join_by(right, |left, right| left.0.cmp(right.0));
    pairs.map(|pair| match pair {
        EitherOrBoth::Left((name, left)) => (name, Some(left), None),
        EitherOrBoth::Right((name, right)) => (name, None, Some(right)),
        EitherOrBoth::Both((name, left), (_, right)) => (name, Some(left), Some(right)),
    })
}

/// The workloads of some networks now, each with its network and its addresses.
fn leased_in<'a>(
    world: &'a World,
    networks: &'a BTreeSet<Name>,
) -> impl Iterator<Item = (&'a Name, &'a Name, &'a Vec<IpAddr>)> {
    let fabric = &world.accepted.fabric;
    let workloads = (!networks.is_empty()).then_some(&fabric.workloads).into_iter().flatten();
    workloads.filter_map(move |(name, workload)| {
        let network = Some(fabric.network_of(workload)).filter(|of| networks.contains(*of))?;
        Some((name, network, world.leases.workloads.get(name)?))
    })
}

/// What workloads of some networks have, and what nobody else may be given: what rests, and what somebody has
/// now, since it rests as soon as it is given up.
fn before(
    world: &World,
    fabric: &Fabric,
    renamed: &BTreeMap<Name, Name>,
    networks: &BTreeSet<Name>,
    now_ms: u64,
) -> Leases {
    let mut before = Leases::default();
    let mut taken = BTreeSet::new();
    for (name, network, addresses) in leased_in(world, networks) {
        before.workloads.insert(name.clone(), addresses.clone());
        taken.extend(addresses.iter().map(|one| (network.as_str(), *one)));
    }
    let rests = |(network, address): &&(Name, IpAddr)| {
        let rest = world.rests.get(&format!("{network}/{address}"));
        networks.contains(network) && rest.is_none_or(|rest| rest.until_ms > now_ms)
    };
    before.resting = world.leases.resting.iter().filter(rests).cloned().collect();
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

/// What the store keeps of a proposal's addresses.
pub(super) fn changes(world: &World, proposal: &Proposal, now_ms: u64) -> Vec<Change> {
    let (had, has) = (&world.accepted.fabric, &proposal.accepted.fabric);
    let networks = &proposal.readdressed;
    let all = has.workloads.iter().map(|(name, workload)| (name, has.network_of(workload)));
    let meant = (!networks.is_empty()).then_some(all).into_iter().flatten();
    let mut taken = BTreeSet::new();
    let mut changes = Vec::new();
    for (name, of) in meant.filter(|(_, of)| networks.contains(*of)) {
        let Some(addresses) = proposal.leases.workloads.get(name) else { continue };
        taken.extend(addresses.iter().map(|one| (of.as_str(), *one)));
        let same = world.leases.workloads.get(name) == Some(addresses)
            && network(had, name) == Some(of.as_str());
        if !same {
            let record = LeaseRecord { addresses: addresses.clone(), network: of.clone() };
            changes.push(Change::Put { name: lease_name(name), value: to_bytes(&record) });
        }
    }
    let leases = side_by_side(&had.workloads, &world.leases.workloads);
    let of_nobody = leases.filter(|(name, had, lease)| {
        had.is_none() && lease.is_some() && !has.workloads.contains_key(*name)
    });
    changes.extend(of_nobody.map(|(name, ..)| Change::Delete { name: lease_name(name) }));
    for (name, of, addresses) in leased_in(world, networks) {
        let kept = proposal.leases.workloads.get(name);
        if kept.is_none() {
            changes.push(Change::Delete { name: lease_name(name) });
        }
        let moved = network(has, name) != Some(of.as_str());
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
