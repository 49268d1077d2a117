//! `netloom control`: control's process, as the supervisor or systemd starts it.

use super::place::Host;
use super::seat::Seat;
use super::up::read_settings;
use crate::output;
use anyhow::{Context as _, ensure};
use netloom_agent::joined::write_secret;
use netloom_control::server::Dashboard;
use serde::{Deserialize, Serialize};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;

/// File of [`Settings`] in control's folder.
const SETTINGS: &str = "control.json";

/// Runs control of one fabric, in the foreground.
#[derive(Debug, clap::Args)]
pub(crate) struct Control {
    #[command(flatten)]
    host: Host,
    /// Begin the fabric that --fabric names, if it is not there, with this host as this node of it, and
    /// take the settings from here on instead of those of `netloom up`.
    #[arg(long, requires = "fabric", value_name = "NODE")]
    begin: Option<String>,
    #[command(flatten, next_help_heading = "With --begin")]
    seat: Seat,
    /// Serve the dashboard on standard input, a TCP socket that listens on this host only, as
    /// systemd's `StandardInput=socket` gives it.
    #[arg(long)]
    dashboard_stdin: bool,
}

/// Where control listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    /// Where nodes connect.
    pub(super) listen: SocketAddr,
    /// Where browsers on this host connect.
    pub(super) dashboard: Option<SocketAddr>,
    /// Names besides this host's own under which they may call it.
    #[serde(default)]
    pub(super) dashboard_hosts: Vec<String>,
    /// Where nodes reach control.
    pub(super) endpoints: Vec<String>,
    /// The node that this host is; settings of earlier versions do not say it.
    #[serde(default = "unnamed")]
    pub(super) member: String,
}

fn unnamed() -> String {
    "control".to_owned()
}

impl Settings {
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(SETTINGS);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}; run `netloom up FILE`", path.display()))?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged; run `netloom up FILE`", path.display()))
    }

    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        write_secret(&folder.join(SETTINGS), &serde_json::to_vec_pretty(self)?)
    }
}

pub(crate) fn control(arguments: &Control) -> anyhow::Result<ExitCode> {
    // It may begin here.
    let place = arguments.host.named()?;
    place.make()?;
    let given = if arguments.dashboard_stdin { Some(standard_input()?) } else { None };
    if let Some(node) = &arguments.begin {
        let listens = given.as_ref().map(TcpListener::local_addr).transpose()?;
        let settings = arguments.seat.settings(node);
        netloom_control::keys::found(&place.control(), &place.fabric)?;
        Settings { dashboard: listens.or(settings.dashboard), ..settings }
            .write(&place.control())?;
    }
    let settings = read_settings(&place)?;
    let options = netloom_control::server::Options {
        folder: place.control(),
        socket: place.control_socket(),
        listen: settings.listen,
        dashboard: given.map(Dashboard::On).or_else(|| settings.dashboard.map(Dashboard::At)),
        dashboard_hosts: settings.dashboard_hosts,
        endpoints: settings.endpoints,
        member: settings.member,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let ready = || output::print("control is ready\n");
    runtime.block_on(async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        let mut interrupt =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        netloom_control::server::run(options, stop, ready).await
    })?;
    // Sessions that are open would hold the runtime up.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

/// The socket that standard input is.
fn standard_input() -> anyhow::Result<TcpListener> {
    let socket = std::io::stdin().as_fd().try_clone_to_owned().map(TcpListener::from);
    let socket = socket.context("cannot use standard input")?;
    let address = socket
        .local_addr()
        .context("standard input is no TCP socket: leave --dashboard-stdin out, or give one")?;
    ensure!(
        address.ip().is_loopback(),
        "the dashboard speaks HTTP without encryption, so it answers on this host only, and \
         standard input listens on {address}"
    );
    Ok(socket)
}
