//! The flow that a user asks about: from whom, to whom, and by which protocol and port.

use anyhow::Context as _;
use netloom_model::Fabric;
use netloom_model::fabric::{Party, Protocol};
use netloom_model::special::Special;
use netloom_plan::reach::Flow;

/// The flow that two arguments mean.
pub(super) fn parse(fabric: &Fabric, from: &str, to: &str) -> anyhow::Result<Flow> {
    let (name, port) = to.rsplit_once(':').with_context(|| match to.strip_suffix("/icmp") {
        Some(name) => format!("icmp is asked about without a port: write {name}:icmp"),
        None => "the target needs a port: db-1:5432/tcp, cam-1:7777/udp or web-1:icmp".to_owned(),
    })?;
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let (protocol, port) = transport(fabric, name, port)?;
    Ok(Flow { from: party(fabric, from)?, to: party(fabric, name)?, protocol, port })
}

/// `5432/tcp`, `53/udp`, `443`, `icmp`, or a name of the service port table.
fn transport(fabric: &Fabric, to: &str, text: &str) -> anyhow::Result<(Protocol, Option<u16>)> {
    if let Some(port) = fabric.ports.get(text) {
        return Ok((port.protocol, Some(port.port)));
    }
    let (number, protocol) = match text.split_once('/') {
        Some((number, "udp")) => (number, Protocol::Udp),
        Some((number, "tcp")) => (number, Protocol::Tcp),
        None if text == "icmp" => return Ok((Protocol::Icmp, None)),
        None => (text, Protocol::Tcp),
        Some((_, "icmp")) => anyhow::bail!("icmp has no ports: write {to}:icmp"),
        Some((_, other)) => anyhow::bail!("`{other}` is not a protocol: use tcp, udp or icmp"),
    };
    if let Some(port) = number.parse().ok().filter(|port| *port != 0) {
        return Ok((protocol, Some(port)));
    }
    let known: Vec<&str> = fabric.ports.keys().map(String::as_str).take(KNOWN_MAX).collect();
    let known = match &known[..] {
        [] => "the file names none under `ports`".to_owned(),
        known => format!("or a name of the file's `ports`, such as {}", known.join(", ")),
    };
    anyhow::bail!(
        "`{text}` is not a port: write a number from 1 to 65535 as in {to}:443/tcp; {known}"
    )
}

/// How many names of ports are listed.
const KNOWN_MAX: usize = 5;

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
