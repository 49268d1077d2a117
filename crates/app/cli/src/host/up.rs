//! `netloom up FILE`: begins a fabric with this host as its control and first node.

use super::changes::{result, sources};
use super::needed::{Needed, refuse_taken};
use super::place::{Host, Place};
use super::seat::Seat;
use super::{access, author, daemons, join, membership, supervise, wait_for};
use crate::{output, shell};
use anyhow::{Context as _, bail, ensure};
use netloom::api;
use netloom_agent::joined::JoinedFacts;
use netloom_model::Fabric;
use netloom_model::fabric::Role;
use std::path::PathBuf;
use std::process::ExitCode;

/// UDP port of the tunnels, unless another is said.
pub(super) const PORT: u16 = 51820;

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
    #[command(flatten)]
    seat: Seat,
    /// Keep the declared state in this etcd, which several members of control can share: the URL of
    /// one of its members; once for each.
    #[arg(long = "etcd", value_name = "URL")]
    etcd: Vec<String>,
    /// Certificates of the authorities that sign etcd's (PEM), where its URLs are https.
    #[arg(long, requires = "etcd", value_name = "FILE")]
    etcd_ca: Option<PathBuf>,
    /// The certificate that etcd is shown (PEM).
    #[arg(long, requires_all = ["etcd_ca", "etcd_key"], value_name = "FILE")]
    etcd_cert: Option<PathBuf>,
    /// The key of that (PEM).
    #[arg(long, requires = "etcd_cert", value_name = "FILE")]
    etcd_key: Option<PathBuf>,
    /// UDP port of the tunnels; 51820 unless said.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Longest wait for the nodes, in seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    wait: u64,
    /// Print what was applied, how the fabric is, and the dashboard's address as JSON.
    #[arg(long)]
    json: bool,
}

/// What `up` has done.
#[derive(Debug, serde::Serialize)]
struct Begun {
    /// What was applied.
    applied: api::Applied,
    /// How the fabric is then, if control says it.
    status: Option<api::Status>,
    /// The dashboard's address, if control has one.
    dashboard: Option<String>,
}

pub(crate) fn up(arguments: &Up) -> anyhow::Result<ExitCode> {
    let (fabric, sources) = sources(&arguments.host, &arguments.files)?;
    let place = arguments.host.place(&fabric.name);
    let own = membership::joined(&place);
    if let Some(own) = &own {
        refuse_change(own, arguments.name.as_deref(), arguments.port)?;
    }
    let own = own.map(|own| own.node).filter(|own| fabric.nodes.contains_key(own));
    let node = node_name(&fabric, arguments.name.as_ref().or(own.as_ref()).map(String::as_str))?;
    let is_new = !place.control().join("ca.crt").exists();
    refuse_beginning(arguments, &place, is_new)?;
    place.make()?;
    if let Some(etcd) = etcd(arguments)? {
        netloom_control::store_place::keep_etcd(&place.control(), &etcd)?;
    }
    netloom_control::keys::found(&place.control(), &place.fabric)
        .or_else(|error| if place.has_control() { Ok(()) } else { Err(error) })?;
    if is_new && !arguments.json {
        output::print(&format!("fabric {} begins on this host\n", place.fabric));
    }
    let settings = arguments.seat.settings(&node);
    let former = daemons::Settings::read(&place.control()).ok().filter(|_| place.has_control());
    let waits = former.is_some_and(|former| former != settings);
    settings.write(&place.control())?;
    if waits {
        output::error(&format!(
            "note: control runs on as it was started; other addresses count from its next start: \
             netloom stop{0} && netloom start{0}\n",
            place.words()
        ));
    }
    supervise::start(&place)?.wait_for_control()?;
    // Declared first: a node that the fabric does not have is not let in.
    let mut apply = api::Apply {
        sources,
        message: "netloom up".to_owned(),
        author: author(),
        ..api::Apply::default()
    };
    let first = wait_for(place.client().apply(&apply))?;
    join::join_own_control(&place, &node, arguments.port.unwrap_or(PORT))?;
    join::wait_until_heard(&place)?;
    // Nothing changes any more; it is waited for.
    apply.wait_ms = arguments.wait * 1000;
    let applied = told_together(first, wait_for(place.client().apply(&apply))?);
    if !arguments.json {
        // Before the rest is asked for, which may fail.
        output::print(&result(&applied));
    }
    let good = applied.refused.is_empty() && applied.behind.is_empty();
    let (status, dashboard) = (wait_for(place.client().status()), access::address_of_up(&place));
    if arguments.json {
        let (status, address) = (status.as_ref().ok().cloned(), dashboard.as_ref().ok().cloned());
        output::json(&Begun { applied, status, dashboard: address.flatten() })?;
    } else if let Ok(status) = &status {
        let address = dashboard.as_ref().ok().and_then(Option::as_deref);
        output::print(&shown(status, address, arguments));
    }
    // What could be told was.
    status?;
    dashboard?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Refuses what cannot be begun or gone on with here, before anything is made.
fn refuse_beginning(arguments: &Up, place: &Place, is_new: bool) -> anyhow::Result<()> {
    ensure!(
        netloom_sys::process::effective_user() == 0,
        "a host's networks are for root to change; run `sudo netloom up`, or try the fabric without \
         root: netloom lab up {}",
        shell::words(&arguments.files, " ")
    );
    membership::refuse_second_fabric(place)?;
    if is_new {
        let [control, dashboard] = arguments.seat.needed();
        let tunnels = Needed::by_tunnels(arguments.port.unwrap_or(PORT));
        refuse_taken(&[control, dashboard, tunnels])?;
    }
    Ok(())
}

/// How the fabric is, and what can be done with it.
fn shown(status: &api::Status, dashboard: Option<&str>, arguments: &Up) -> String {
    let mut text = format!("\n{}", super::status::shown(status));
    if let Some(address) = dashboard {
        text.push_str(&format!("\ndashboard  {address}\n"));
    }
    text.push_str(&next_steps(status, arguments));
    text
}

/// What one apply has changed and a second one has waited for, as one.
fn told_together(first: api::Applied, second: api::Applied) -> api::Applied {
    let changed = first.changed || second.changed;
    api::Applied { proposed: first.proposed, changed, ..second }
}

/// Refuses a name and a port that the node which this host is does not have: it keeps those that it has
/// joined with.
fn refuse_change(own: &JoinedFacts, name: Option<&str>, port: Option<u16>) -> anyhow::Result<()> {
    ensure!(
        name.is_none_or(|name| name == own.node),
        "this host is node `{}` of the fabric already, and keeps its name; leave --name out",
        own.node
    );
    ensure!(
        port.is_none_or(|port| port == own.listen_port),
        "the tunnels of node `{}` listen on port {} since it has joined; leave --port out, or let it join \
         again with the other one: netloom token create --node {}, then netloom join TOKEN --port {}",
        own.node,
        own.listen_port,
        own.node,
        port.unwrap_or(PORT)
    );
    Ok(())
}

/// The etcd that is named, if one is.
fn etcd(arguments: &Up) -> anyhow::Result<Option<api::Etcd>> {
    if arguments.etcd.is_empty() {
        return Ok(None);
    }
    for url in &arguments.etcd {
        ensure!(
            url.starts_with("http://") || url.starts_with("https://"),
            "`{url}` is no URL of an etcd, such as http://10.0.0.1:2379"
        );
    }
    let read = |path: &Option<PathBuf>| {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
        };
        path.as_ref().map(read).transpose()
    };
    Ok(Some(api::Etcd {
        endpoints: arguments.etcd.clone(),
        authorities: read(&arguments.etcd_ca)?,
        certificate: read(&arguments.etcd_cert)?,
        key: read(&arguments.etcd_key)?,
    }))
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

fn next_steps(status: &api::Status, arguments: &Up) -> String {
    let mut text = "\nnext\n".to_owned();
    for (name, node) in &status.nodes {
        if node.state == "not joined" {
            text.push_str(&format!("  netloom token create --node {name}\n"));
        }
    }
    let files = shell::words(&arguments.files, " ");
    text.push_str(&format!("  netloom plan {files}\n  netloom apply {files}\n  netloom status\n"));
    text
}

/// Where control listens, as `up` was told.
pub(super) fn read_settings(place: &Place) -> anyhow::Result<daemons::Settings> {
    daemons::Settings::read(&place.control()).context("control's settings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_applied_just_now_is_not_said_to_be_in_force_already() {
        let applied =
            |changed, revision| api::Applied { changed, revision, ..api::Applied::default() };
        let told = result(&told_together(applied(true, 42), applied(false, 42)));
        assert!(told.contains("revision 42 is in force\n"), "{told}");
        let told = result(&told_together(applied(false, 42), applied(false, 42)));
        assert!(told.contains("revision 42 is in force already"), "{told}");
    }

    #[test]
    fn a_node_keeps_its_name_and_its_port() {
        let own = JoinedFacts {
            fabric: "shop".into(),
            fabric_id: "0a".into(),
            node: "alpha".into(),
            control: Vec::new(),
            signing_key: String::new(),
            listen_port: 51999,
        };
        assert!(refuse_change(&own, None, None).is_ok());
        assert!(refuse_change(&own, Some("alpha"), Some(51999)).is_ok());
        let words = refuse_change(&own, Some("beta"), None).unwrap_err().to_string();
        assert!(words.contains("node `alpha`") && words.contains("--name"), "{words}");
        let words = refuse_change(&own, None, Some(PORT)).unwrap_err().to_string();
        assert!(
            words.contains("51999") && words.contains("netloom join TOKEN --port 51820"),
            "{words}"
        );
    }
}
