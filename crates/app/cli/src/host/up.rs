//! `netloom up FILE`: begins a fabric with this host as its control and first node.

use super::changes::{result, sources};
use super::place::{Host, Place};
use super::{access, author, daemons, join, supervise, wait_for};
use crate::{output, source};
use anyhow::{Context as _, bail, ensure};
use netloom::api;
use netloom_model::Fabric;
use netloom_model::fabric::Role;
use netloom_sys::netlink::{NetlinkSocket, Protocol};
use netloom_sys::route::dump_addresses;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Longest wait until control answers.
const READY_TIMEOUT: Duration = Duration::from_secs(15);

/// Begins the fabric of the files with this host as control and node, or goes on with it.
#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    #[command(flatten)]
    host: Host,
    /// Files of the fabric.
    #[arg(required = true)]
    files: Vec<String>,
    /// Which node of the file this host is; else the one with role `control`, else this host's name.
    #[arg(long)]
    name: Option<String>,
    /// Where nodes connect to control.
    #[arg(long, default_value = "[::]:7766", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Where other nodes reach control, if not at this host's address: HOST:PORT.
    #[arg(long = "endpoint", value_name = "HOST:PORT")]
    endpoints: Vec<String>,
    /// Where the dashboard answers, on this host only.
    #[arg(long, default_value = "127.0.0.1:7767", value_name = "ADDRESS:PORT", value_parser = loopback)]
    dashboard: SocketAddr,
    /// Another name under which browsers call the dashboard, as behind a proxy: HOST:PORT.
    #[arg(long = "dashboard-host", value_name = "HOST:PORT")]
    dashboard_hosts: Vec<String>,
    /// UDP port of the tunnels.
    #[arg(long, default_value_t = 51820)]
    port: u16,
    /// Longest wait for the nodes, in seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    wait: u64,
}

pub(crate) fn up(arguments: &Up) -> anyhow::Result<ExitCode> {
    let (name, sources) = sources(&arguments.files)?;
    let fabric = source::fabric(&arguments.files)?;
    let node = node_name(&fabric, arguments.name.as_deref())?;
    let place = arguments.host.place(&name);
    let is_new = !place.control().join("ca.crt").exists();
    ensure!(
        netloom_sys::process::effective_user() == 0,
        "a host's networks are for root to change; run `sudo netloom up`, or try the fabric without \
         root: netloom lab up {}",
        arguments.files.join(" ")
    );
    place.make()?;
    netloom_control::keys::found(&place.control(), &name)
        .or_else(|error| if place.has_control() { Ok(()) } else { Err(error) })?;
    if is_new {
        output::print(&format!("fabric {name} begins on this host\n"));
    }
    let settings = daemons::Settings {
        listen: arguments.listen,
        dashboard: Some(arguments.dashboard),
        dashboard_hosts: arguments.dashboard_hosts.clone(),
        endpoints: endpoints(arguments)?,
    };
    settings.write(&place.control())?;
    supervise::start(&place)?;
    wait_for_control(&place)?;
    // Declared first: a node that the fabric does not have is not let in.
    let mut apply = api::Apply {
        sources,
        message: "netloom up".to_owned(),
        author: author(),
        ..api::Apply::default()
    };
    let proposed = wait_for(place.client().apply(&apply))?.proposed;
    join::join_own_control(&place, &node, arguments.port)?;
    join::wait_until_heard(&place)?;
    // Nothing changes any more; it is waited for.
    apply.wait_ms = arguments.wait * 1000;
    let applied = api::Applied { proposed, ..wait_for(place.client().apply(&apply))? };
    output::print(&result(&applied));
    let status = wait_for(place.client().status())?;
    output::print(&format!("\n{}", super::status::shown(&status)));
    if let Some(address) = access::address_of_up(&place)? {
        output::print(&format!("\ndashboard  {address}\n"));
    }
    output::print(&next_steps(&status, arguments));
    let good = applied.refused.is_empty() && applied.behind.is_empty();
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// An address of this host's own: what is said there is not encrypted.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| format!("`{text}` is no address such as 127.0.0.1:7767"))?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err("the dashboard speaks HTTP without encryption, so it answers on this host only; from \
         another one: ssh -L 7767:127.0.0.1:7767 HOST"
        .to_owned())
}

/// Which node of the file this host is.
fn node_name(fabric: &Fabric, given: Option<&str>) -> anyhow::Result<String> {
    let names: Vec<&str> = fabric.nodes.keys().map(String::as_str).collect();
    if let Some(given) = given {
        ensure!(
            fabric.nodes.contains_key(given),
            "the file has no node `{given}`; it has {}",
            names.join(", ")
        );
        return Ok(given.to_owned());
    }
    let mut controls = fabric.nodes.iter().filter(|(_, node)| node.roles.contains(&Role::Control));
    if let (Some((name, _)), None) = (controls.next(), controls.next()) {
        return Ok(name.clone());
    }
    let host = join::host_name()?;
    if fabric.nodes.contains_key(&host) {
        return Ok(host);
    }
    bail!(
        "which node of the file is this host? say it with --name, or give one of them \
         `roles: [control]`; the file has {}",
        names.join(", ")
    )
}

/// What tokens name: as given, else this host's address on the way out.
fn endpoints(arguments: &Up) -> anyhow::Result<Vec<String>> {
    if !arguments.endpoints.is_empty() {
        return Ok(arguments.endpoints.clone());
    }
    let port = arguments.listen.port();
    let address =
        if arguments.listen.ip().is_unspecified() { own_address() } else { arguments.listen.ip() };
    Ok(vec![SocketAddr::new(address, port).to_string()])
}

/// The address that packets to other hosts leave from; nothing is sent to find it.
fn own_address() -> IpAddr {
    let ask = |local: &str, towards: &str| {
        let socket = UdpSocket::bind(local).ok()?;
        socket.connect(towards).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    // Addresses for documentation (RFC 5737, RFC 3849): what matters is the default route.
    ask("0.0.0.0:0", "192.0.2.1:9")
        .or_else(|| ask("[::]:0", "[2001:db8::1]:9"))
        .or_else(first_address)
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// The first address of any link but the loopback, on a host without a default route.
fn first_address() -> Option<IpAddr> {
    let mut socket = NetlinkSocket::open(Protocol::Route).ok()?;
    let found = dump_addresses(&mut socket).ok()?;
    let addresses = found.into_iter().filter(|found| !found.is_ours());
    addresses.map(|found| found.address.addr()).find(|address| match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_link_local(),
        IpAddr::V6(address) => !address.is_loopback() && !address.is_unicast_link_local(),
    })
}

fn wait_for_control(place: &Place) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY_TIMEOUT;
    while !place.has_control() {
        if Instant::now() > deadline {
            let log = std::fs::read_to_string(place.log("control")).unwrap_or_default();
            let end: Vec<&str> = log.lines().rev().take(3).collect();
            let end = end.into_iter().rev().collect::<Vec<_>>().join("\n");
            bail!("control does not answer; its log ends with:\n{end}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn next_steps(status: &api::Status, arguments: &Up) -> String {
    let mut text = "\nnext\n".to_owned();
    for (name, node) in &status.nodes {
        if node.state == "not joined" {
            text.push_str(&format!("  netloom token create --node {name}\n"));
        }
    }
    let files = arguments.files.join(" ");
    text.push_str(&format!("  netloom plan {files}\n  netloom apply {files}\n  netloom status\n"));
    text
}

/// Where control listens, as `up` was told.
pub(super) fn read_settings(place: &Place) -> anyhow::Result<daemons::Settings> {
    daemons::Settings::read(&place.control()).context("control's settings")
}
