//! The flow that a user asks about: from whom, to whom, and by which protocol and port.

use anyhow::{Context as _, bail};
use netloom_model::Fabric;
use netloom_model::fabric::Party;
use netloom_model::special::Special;
use netloom_plan::names;
use netloom_plan::reach::Flow;

/// The flows that two arguments mean: one, or one to each member of a service.
pub(super) fn parse(fabric: &Fabric, from: &str, to: &str) -> anyhow::Result<Vec<Flow>> {
    let (name, port) = to.rsplit_once(':').with_context(|| match to.strip_suffix("/icmp") {
        Some(name) => format!("icmp is asked about without a port: write {name}:icmp"),
        None => "the target needs a port: db-1:5432/tcp, cam-1:7777/udp or web-1:icmp".to_owned(),
    })?;
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let (protocol, port) = fabric
        .transport(port)
        .map_err(|why| anyhow::anyhow!("{name}:{port}: {}; {}", why.message, why.solution))?;
    let from = party(fabric, from)?;
    let flow = |to| Flow { from: from.clone(), to, protocol, port };
    Ok(parties(fabric, name)?.into_iter().map(flow).collect())
}

/// The one that an argument means.
pub(super) fn party(fabric: &Fabric, name: &str) -> anyhow::Result<Party> {
    let mut parties = parties(fabric, name)?;
    let Some(party) = parties.pop() else { bail!("nothing is called `{name}`") };
    if parties.is_empty() {
        return Ok(party);
    }
    parties.push(party);
    let names = parties.iter().filter_map(|party| match party {
        Party::Workload(name) => Some(name.as_str()),
        Party::Node(_) | Party::Internet | Party::Address(_) => None,
    });
    let names = names.collect::<Vec<_>>().join(", ");
    bail!("`{name}` is a service of several workloads: ask about one of them, {names}")
}

/// All whom an argument means: one by its name or address, or the members of a service.
pub(super) fn parties(fabric: &Fabric, name: &str) -> anyhow::Result<Vec<Party>> {
    possible(name)?;
    let found = names::whom(fabric, name);
    if !found.is_empty() {
        return Ok(found);
    }
    if fabric.services.contains_key(name) {
        bail!("the service `{name}` selects no workload");
    }
    let all = fabric.workloads.keys().chain(fabric.nodes.keys()).chain(fabric.services.keys());
    match netloom_model::diagnostic::nearest(name, all.map(String::as_str)) {
        Some(near) => {
            bail!("there is no workload, node or service `{name}`; did you mean `{near}`?")
        }
        None => bail!("there is no workload, node or service `{name}`, and it is no address"),
    }
}

/// Refuses an address that nobody can have, with the reason.
pub(super) fn possible(name: &str) -> anyhow::Result<()> {
    match Special::named(name) {
        Some(what) => anyhow::bail!("{name} is {}; {}", what.words(), what.solution()),
        None => Ok(()),
    }
}
