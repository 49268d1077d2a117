//! The flow that a user asks about: from whom, to whom, and by which protocol and port.

use anyhow::Context as _;
use netloom_model::Fabric;
use netloom_model::fabric::Party;
use netloom_model::special::Special;
use netloom_plan::reach::Flow;

/// The flow that two arguments mean.
pub(super) fn parse(fabric: &Fabric, from: &str, to: &str) -> anyhow::Result<Flow> {
    let (name, port) = to.rsplit_once(':').with_context(|| match to.strip_suffix("/icmp") {
        Some(name) => format!("icmp is asked about without a port: write {name}:icmp"),
        None => "the target needs a port: db-1:5432/tcp, cam-1:7777/udp or web-1:icmp".to_owned(),
    })?;
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let (protocol, port) = fabric
        .transport(port)
        .map_err(|why| anyhow::anyhow!("{name}:{port}: {}; {}", why.message, why.solution))?;
    Ok(Flow { from: party(fabric, from)?, to: party(fabric, name)?, protocol, port })
}

/// Whom an argument means.
pub(super) fn party(fabric: &Fabric, name: &str) -> anyhow::Result<Party> {
    possible(name)?;
    fabric.party(name).with_context(|| {
        let names = fabric.workloads.keys().chain(fabric.nodes.keys()).map(String::as_str);
        match netloom_model::diagnostic::nearest(name, names) {
            Some(near) => format!("there is no workload or node `{name}`; did you mean `{near}`?"),
            None => format!("there is no workload or node `{name}`, and it is no address"),
        }
    })
}

/// Refuses an address that nobody can have, with the reason.
pub(super) fn possible(name: &str) -> anyhow::Result<()> {
    match Special::named(name) {
        Some(what) => anyhow::bail!("{name} is {}; {}", what.words(), what.solution()),
        None => Ok(()),
    }
}
