//! Ends of tests that mean nobody: such a test holds whatever the policy is.

use super::{LOOKS_MAX, warn};
use crate::decode::Decoder;
use crate::decode::party::{Parties, PartySet};
use crate::decode::workload::Workload;
use crate::diagnostic::code;
use crate::load::Declared;

/// Warns of sets without members.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    if declared.broken.contains("workloads") || declared.workloads.values().any(|one| !one.whole) {
        return;
    }
    let mut looks = 0;
    let ends = declared.tests.iter().flat_map(|test| test.from.iter().chain(&test.to));
    for end in ends {
        let Parties::Set(set) = end else { continue };
        if !is_known(declared, set) {
            continue;
        }
        let mut workloads = declared.workloads.values();
        let has_members = workloads.any(|workload| {
            looks += 1;
            is_member(declared, &workload.value, set)
        });
        if looks > LOOKS_MAX {
            return;
        }
        if !has_members {
            warn(
                decoder,
                (code::SELECTS_NOTHING, &set.span),
                "this end of a test means no workload".to_owned(),
                "nobody is everything that it names, so that the test promises nothing",
                "correct it, or the labels and groups of those that are meant",
            );
        }
    }
}

/// A name that nothing has was reported already.
fn is_known(declared: &Declared, set: &PartySet) -> bool {
    set.network.as_ref().is_none_or(|at| declared.networks.contains_key(&at.value))
        && set.subnet.as_ref().is_none_or(|at| declared.subnets.contains_key(&at.value))
        && set
            .security_group
            .as_ref()
            .is_none_or(|at| declared.security_groups.contains_key(&at.value))
}

fn is_member(declared: &Declared, workload: &Workload, set: &PartySet) -> bool {
    let subnet = workload.subnet.as_ref().map(|at| &at.value);
    let of = subnet.and_then(|subnet| declared.subnets.get(subnet));
    let network = of.and_then(|subnet| subnet.value.network.as_ref()).map(|at| &at.value);
    set.labels.iter().all(|(key, value)| workload.labels.get(key) == Some(value))
        && set.network.as_ref().is_none_or(|named| Some(&named.value) == network)
        && set.subnet.as_ref().is_none_or(|named| Some(&named.value) == subnet)
        && set.security_group.as_ref().is_none_or(|named| {
            workload.security_groups.iter().any(|group| group.value == named.value)
        })
}
