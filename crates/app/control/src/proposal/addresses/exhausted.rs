//! What is said where a subnet has too few addresses: who has them, and when some are free again.

use super::taken;
use crate::world::World;
use ipnet::IpNet;
use netloom_base::WallTime;
use netloom_model::diagnostic::code;
use netloom_model::fabric::Subnet;
use netloom_model::lease::Leases;
use netloom_model::{Diagnostic, Fabric};
use netloom_pki::utc;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Most workloads that one finding names.
const NAMED_MAX: usize = 5;

/// Subnets that have too few addresses, and why.
pub(super) struct Exhausted<'a> {
    pub(super) world: &'a World,
    pub(super) fabric: &'a Fabric,
    /// Those of the networks that they are in.
    pub(super) leases: &'a Leases,
    pub(super) now_ms: u64,
}

impl Exhausted<'_> {
    /// What is said of a subnet that has none for some workloads.
    pub(super) fn finding(&self, name: &str, workloads: &BTreeSet<&str>) -> Diagnostic {
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
