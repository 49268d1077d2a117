//! Ports that can be called from outside: at a network's gateway, each leads to one workload.

use crate::decode::Decoder;
use crate::diagnostic::code;
use crate::fabric::Protocol;
use crate::load::Declared;
use crate::span::Span;
use std::collections::BTreeMap;

/// Reports ports of a network's gateway that two workloads publish.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    let mut taken: BTreeMap<(&str, Protocol, u16), (&str, &Span)> = BTreeMap::new();
    for (name, entry) in &declared.workloads {
        let subnet = entry.value.subnet.as_ref();
        let subnet = subnet.and_then(|subnet| declared.subnets.get(&subnet.value));
        let Some(network) = subnet.and_then(|subnet| subnet.value.network.as_ref()) else {
            continue;
        };
        for at in &entry.value.publish {
            let key = (network.value.as_str(), at.value.protocol, at.value.port);
            let first = *taken.entry(key).or_insert((name, &at.span));
            if first.1 == &at.span {
                continue;
            }
            decoder.error(
                code::PORT_TAKEN,
                &at.span,
                format!("`{}` publishes port {} already", first.0, at.value.port),
                format!(
                    "a port of the gateway of `{}` leads to one workload; the other is at {}",
                    network.value, first.1
                ),
                "publish one of the two at another port: { port: OTHER, to: PORT }",
            );
        }
    }
}
