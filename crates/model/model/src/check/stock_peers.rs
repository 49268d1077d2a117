//! Stock WireGuard peers: each key once in a network, and each prefix behind one of them only.

use crate::decode::workload::Workload;
use crate::decode::{At, Decoder};
use crate::diagnostic::{Diagnostic, code};
use crate::fabric::Attach;
use crate::load::{Declared, Entry};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// Length of the largest prefixes for private use (RFC 1918, RFC 4193).
const PRIVATE_V4_LENGTH: u8 = 8;
const PRIVATE_V6_LENGTH: u8 = 7;

/// Reports keys and prefixes that two peers claim, and prefixes behind what is no peer.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    let mut keys: BTreeMap<(&str, [u8; 32]), &String> = BTreeMap::new();
    let mut prefixes: BTreeMap<(&str, IpNet), (&String, &At<IpNet>)> = BTreeMap::new();
    for (name, workload) in &declared.workloads {
        let Some(Attach::Wireguard(peer)) = &workload.value.attach else {
            nothing_is_behind(name, workload, decoder);
            continue;
        };
        let Some(network) = network_of(declared, &workload.value) else { continue };
        match peer.public_key {
            None if workload.whole => no_key(name, workload, decoder),
            None => {}
            Some(key) => {
                let first = *keys.entry((network, key)).or_insert(name);
                if first != name {
                    key_taken(name, first, network, workload, decoder);
                }
            }
        }
        for prefix in &workload.value.advertise {
            if prefix.value.prefix_len() == 0 {
                everything(name, prefix, decoder);
            } else if is_a_large_part(prefix.value) {
                large_part(name, prefix, decoder);
            }
            let first = *prefixes.entry((network, prefix.value)).or_insert((name, prefix));
            if first.0 != name || first.1.span != prefix.span {
                taken(prefix, first.0, &first.1.span.to_string(), decoder);
            }
        }
    }
    for (name, workload) in &declared.workloads {
        let Some(network) = network_of(declared, &workload.value) else { continue };
        for address in &workload.value.addresses {
            if let Some((_, prefix)) = prefixes.get(&(network, IpNet::from(address.value))) {
                taken(prefix, name, &address.span.to_string(), decoder);
            }
        }
    }
}

fn network_of<'a>(declared: &'a Declared, workload: &Workload) -> Option<&'a str> {
    let subnet = declared.subnets.get(&workload.subnet.as_ref()?.value)?;
    Some(&subnet.value.network.as_ref()?.value)
}

fn nothing_is_behind(name: &str, workload: &Entry<Workload>, decoder: &mut Decoder) {
    let (Some(prefix), Some(_)) = (workload.value.advertise.first(), &workload.value.attach) else {
        return;
    };
    decoder.error(
        code::CONFLICT,
        &prefix.span,
        format!("`{name}` advertises {}, and is no WireGuard peer", prefix.value),
        "this version reaches prefixes behind stock peers only (`attach: { wireguard: … }`)",
        "remove `advertise`, or attach what has the prefix behind it as a peer",
    );
}

fn everything(name: &str, prefix: &At<IpNet>, decoder: &mut Decoder) {
    decoder.error(
        code::PREFIX_LENGTH,
        &prefix.span,
        format!("`{name}` cannot have {} behind it", prefix.value),
        "this version leads networks to the prefixes behind a peer, and not to the internet",
        "name the prefixes that are to be reached through it",
    );
}

/// Whether a prefix is larger than all that anybody has for private use: a part of the internet.
fn is_a_large_part(prefix: IpNet) -> bool {
    let private = match prefix {
        IpNet::V4(_) => PRIVATE_V4_LENGTH,
        IpNet::V6(_) => PRIVATE_V6_LENGTH,
    };
    prefix.prefix_len() < private
}

fn large_part(name: &str, prefix: &At<IpNet>, decoder: &mut Decoder) {
    let found = Diagnostic::error(
        code::PREFIX_LENGTH,
        &prefix.span,
        format!("`{name}` has {} behind it, a large part of the internet", prefix.value),
        "a node whose own stack is in the network sends there what is for any such address, and answers too",
        "name the prefixes that are to be reached through it",
    );
    decoder.push(found.into_warning());
}

fn no_key(name: &str, workload: &Entry<Workload>, decoder: &mut Decoder) {
    let found = Diagnostic::error(
        code::NO_KEY,
        &workload.span,
        format!("the WireGuard peer `{name}` has no public key"),
        "it has its address and its policy, and cannot connect until its key is known",
        format!("add its `public_key`; `netloom vpn export {name}` makes one for it"),
    );
    decoder.push(found.into_warning());
}

fn key_taken(
    name: &str,
    first: &str,
    network: &str,
    workload: &Entry<Workload>,
    decoder: &mut Decoder,
) {
    decoder.error(
        code::KEY_TAKEN,
        &workload.span,
        format!("`{name}` and `{first}` have the same public key in the network `{network}`"),
        "a peer is known by its key alone, so the two could not be told apart",
        "give one of them a key pair of its own, or put it into another network",
    );
}

fn taken(prefix: &At<IpNet>, other: &str, place: &str, decoder: &mut Decoder) {
    decoder.error(
        code::OVERLAP,
        &prefix.span,
        format!("{} belongs to `{other}` already", prefix.value),
        format!("packets for it could go to one of the two only; the other claim is at {place}"),
        "remove one of the two claims, or make one a longer prefix",
    );
}
