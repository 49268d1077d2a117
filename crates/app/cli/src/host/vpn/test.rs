//! `netloom vpn test`: stock peers tried for real, from this node's side.

use crate::host::place::Host;
use crate::host::status::{ask_agent, of_agent};
use crate::output;
use anyhow::{bail, ensure};
use netloom_agent::protocol::{Answer, Examination, NetworkStatus, PeerStatus, Request};
use netloom_probe::{PingOptions, lookup, ping};
use netloom_sys::namespace::NamespaceHandle;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// A session ends so long after its handshake (WireGuard's REJECT_AFTER_TIME).
const SESSION_S_MAX: u64 = 180;
/// How long an echo may take.
const ECHO_TIMEOUT: Duration = Duration::from_secs(2);
/// Port of DNS.
const DNS_PORT: u16 = 53;

/// Tries this node's peers: a handshake within the last three minutes, an echo through the tunnel, and
/// the network's resolver. The echo is the network's own, so policy does not stop it.
#[derive(Debug, clap::Args)]
pub(crate) struct TestPeers {
    #[command(flatten)]
    host: Host,
    /// Only this one.
    peer: Option<String>,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
}

/// What was found of one peer.
#[derive(Debug, Serialize)]
struct Found {
    peer: String,
    network: String,
    steps: Vec<Step>,
}

/// One thing that was tried.
#[derive(Debug, Serialize)]
struct Step {
    what: &'static str,
    good: bool,
    detail: String,
}

pub(crate) fn run(arguments: &TestPeers) -> anyhow::Result<ExitCode> {
    let place = arguments.host.chosen()?;
    let status = of_agent(&place)?;
    let resolvers = match ask_agent(&place, &Request::Examine)? {
        Answer::Examined(examined) => examined.resolvers,
        Answer::Status(_) | Answer::Error(_) => BTreeMap::new(),
    };
    let mut found = Vec::new();
    for (network, status) in &status.networks {
        for (name, peer) in &status.stock_peers {
            if arguments.peer.as_ref().is_none_or(|wanted| wanted == name) {
                let steps = steps(status, peer, resolvers.get(network));
                found.push(Found { peer: name.clone(), network: network.clone(), steps });
            }
        }
    }
    if let (Some(wanted), true) = (&arguments.peer, found.is_empty()) {
        bail!("this node has no peer `{wanted}`; `netloom vpn list` names peers and their nodes");
    }
    ensure!(!found.is_empty(), "this node has no WireGuard peers; `netloom vpn add` makes one");
    if arguments.json {
        output::json(&found)?;
    } else {
        output::print(&shown(&found));
    }
    let good = found.iter().flat_map(|one| &one.steps).all(|step| step.good);
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn shown(found: &[Found]) -> String {
    let mut text = String::new();
    for one in found {
        text.push_str(&format!("{} ({})\n", one.peer, one.network));
        for step in &one.steps {
            text.push_str(&format!(
                "  {} {}: {}\n",
                output::mark(step.good),
                step.what,
                step.detail
            ));
        }
    }
    text
}

fn steps(network: &NetworkStatus, peer: &PeerStatus, resolver: Option<&Examination>) -> Vec<Step> {
    let mut steps = vec![handshake(peer)];
    let own = peer.allowed.iter().filter_map(|prefix| {
        let (address, length) = prefix.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        (length == if address.is_ipv4() { "32" } else { "128" }).then_some(address)
    });
    if let Ok(namespace) = NamespaceHandle::open(Path::new(&network.namespace)) {
        if steps[0].good
            && let Some(address) = own.into_iter().next()
        {
            steps.push(echo(&namespace, address));
        }
        if let Some(resolver) = resolver {
            steps.push(names(&namespace, resolver));
        }
    }
    steps
}

fn handshake(peer: &PeerStatus) -> Step {
    let (good, detail) = match (&peer.public_key, peer.handshake_age_s) {
        (None, _) => (false, "it has no key; `netloom vpn export` makes a pair".to_owned()),
        (Some(_), None) => (
            false,
            "there was none; is the peer on, and does it call this node's endpoint?".to_owned(),
        ),
        (Some(_), Some(age)) if age > SESSION_S_MAX => {
            (false, format!("the last one is {age} s old; the peer has sent nothing since"))
        }
        (Some(_), Some(age)) => (true, format!("{age} s ago")),
    };
    Step { what: "handshake", good, detail }
}

fn echo(namespace: &NamespaceHandle, address: IpAddr) -> Step {
    let host = address.to_string();
    let options = PingOptions { count: 1, timeout: ECHO_TIMEOUT, ..PingOptions::new(&host) };
    let result = namespace.run(move || ping(&options, &mut |_| {}));
    let (good, detail) = match result {
        Ok(Ok(report)) => match report.round_trip() {
            Some(round_trip) => (true, format!("{address} answers after {:?}", round_trip.average)),
            None => {
                let from = namespace.run(move || source_towards(address)).ok().flatten();
                (false, unanswered(address, from))
            }
        },
        Ok(Err(error)) => (false, error.to_string()),
        Err(error) => (false, error.to_string()),
    };
    Step { what: "echo", good, detail }
}

/// The address from which this thread's namespace calls another one.
fn source_towards(address: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // Nothing is sent.
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((address, DNS_PORT)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// A peer that was set up as a server knows the address of the node's own stack, and not that of the network's gateway.
fn unanswered(address: IpAddr, from: Option<IpAddr>) -> String {
    let allowed = from.map_or_else(String::new, |from| {
        format!(", or its AllowedIPs for this node lack {from}, from which it was asked")
    });
    format!(
        "{address} does not answer: its own firewall may drop echo requests, it is not routed to{allowed}"
    )
}

fn names(namespace: &NamespaceHandle, resolver: &Examination) -> Step {
    let (Some(server), Some((name, _))) = (resolver.servers.first(), resolver.names.iter().next())
    else {
        return Step {
            what: "names",
            good: true,
            detail: "the network has no names yet".to_owned(),
        };
    };
    let (server, name) = (*server, name.clone());
    let whole = format!("{}.", name.trim_end_matches('.'));
    let asked =
        namespace.run(move || lookup(&whole, None, Some(SocketAddr::new(server, DNS_PORT))));
    let (good, detail) = match asked {
        Ok(Ok(_)) => (true, format!("{server} knows {name}")),
        Ok(Err(error)) => (false, format!("{server}: {error}")),
        Err(error) => (false, error.to_string()),
    };
    Step { what: "names", good, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_where_a_silent_peer_was_asked_is_told() {
        let here: IpAddr = Ipv4Addr::LOCALHOST.into();
        assert_eq!(source_towards(here), Some(here));
        let told = unanswered(here, Some(here));
        assert!(told.contains("its AllowedIPs for this node lack 127.0.0.1"), "{told}");
        assert!(!unanswered(here, None).contains("AllowedIPs"));
    }
}
