//! What others make, and workloads only attach to: once in each network.

use crate::decode::Decoder;
use crate::diagnostic::code;
use crate::fabric::Attach;
use crate::load::Declared;
use std::collections::BTreeMap;

/// Refuses a container or namespace that two workloads of one node bring into the same network.
pub(super) fn check(declared: &Declared, decoder: &mut Decoder) {
    let mut known: BTreeMap<(&str, &str, &str), &String> = BTreeMap::new();
    for (name, workload) in &declared.workloads {
        let (what, place) = match &workload.value.attach {
            Some(Attach::Container { name }) => ("container", name.as_str()),
            Some(Attach::Netns { path }) => ("network namespace", path.as_str()),
            _ => continue,
        };
        let (Some(node), Some(subnet)) = (&workload.value.node, &workload.value.subnet) else {
            continue;
        };
        let subnet = declared.subnets.get(&subnet.value);
        let Some(network) = subnet.and_then(|subnet| subnet.value.network.as_ref()) else {
            continue;
        };
        let other = known.entry((&node.value, &network.value, place)).or_insert(name);
        if *other != name {
            decoder.error(
                code::ATTACHED_TWICE,
                &workload.span,
                format!("`{name}` and `{other}` attach the same {what} `{place}`"),
                format!("both bring it into the network `{}`", network.value),
                "remove one of them, or put it into another network",
            );
        }
    }
}
