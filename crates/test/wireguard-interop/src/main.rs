//! Runs the trials in a sandbox of its own, prints a table, and its figures last.
#![forbid(unsafe_code)]

use anyhow::Context as _;
use clap::Parser as _;
use netloom_sys::namespace::{NamespaceHandle, SandboxOptions, spawn_sandbox};
use netloom_sys::tunnel::{TunnelDevice, TunnelKind, TunnelPreference};
use netloom_wireguard_interop::matrix::Matrix;
use netloom_wireguard_interop::stock::{Implementation, Program};
use netloom_wireguard_interop::trials::{self, Choice, Opponent, Size};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The exit code by which it says that it cannot run here.
const EXIT_SKIPPED: u8 = 77;
/// An empty file system is put here, for the sockets of other implementations.
const SOCKETS: &str = "/var/run";

/// Tunnels between our engine and other implementations of WireGuard.
#[derive(Debug, clap::Parser)]
#[command(max_term_width = 100)]
struct Arguments {
    /// Who is at the other end.
    #[arg(long, value_delimiter = ',', default_values = ["wireguard-go", "gotatun", "boringtun", "netloom-by-wg", "netloom"])]
    peers: Vec<PeerName>,
    /// Where wireguard-go is, if not on the path.
    #[arg(long, value_name = "FILE")]
    wireguard_go: Option<PathBuf>,
    /// Where gotatun is, if not on the path.
    #[arg(long, value_name = "FILE")]
    gotatun: Option<PathBuf>,
    /// Where boringtun-cli is, if not on the path.
    #[arg(long, value_name = "FILE")]
    boringtun: Option<PathBuf>,
    /// Where our own executable is, if not on the path.
    #[arg(long, value_name = "FILE")]
    netloom: Option<PathBuf>,
    /// Only cases whose name holds one of these words.
    #[arg(long, value_delimiter = ',')]
    cases: Vec<String>,
    /// Also the cases that take minutes: rekeying by the age of the session.
    #[arg(long, conflicts_with = "short")]
    full: bool,
    /// Only the cases that show most in a minute.
    #[arg(long)]
    short: bool,
    /// Trials at a time; most of them wait most of the time.
    #[arg(long, default_value_t = 8)]
    workers: usize,
    /// Used by the program itself: it is in its sandbox, and this is its folder.
    #[arg(long, hide = true)]
    inside: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum PeerName {
    WireguardGo,
    Gotatun,
    Boringtun,
    /// `netloom wireguard`, configured by `wg`.
    NetloomByWg,
    /// A second engine of ours, as a control.
    Netloom,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    match &arguments.inside {
        Some(folder) => inside(&arguments, folder),
        None => outside(),
    }
}

/// Starts itself again in namespaces of its own.
fn outside() -> anyhow::Result<ExitCode> {
    let folder = std::env::temp_dir().join(format!("netloom-interop-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1)).arg("--inside").arg(&folder);
    let options = SandboxOptions {
        tmpfs: vec![folder.clone(), PathBuf::from(SOCKETS)],
        die_with_parent: true,
        ..SandboxOptions::default()
    };
    let status = spawn_sandbox(command, &options).map(|mut sandbox| sandbox.child.wait());
    let removed = std::fs::remove_dir_all(&folder);
    let status = match status {
        Ok(status) => status?,
        Err(error) => return Ok(skip(&error.to_string())),
    };
    removed?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}

fn inside(arguments: &Arguments, folder: &Path) -> anyhow::Result<ExitCode> {
    let (opponents, missing) = opponents(arguments);
    if let Err(error) = try_device() {
        return Ok(skip(&error.to_string()));
    }
    if opponents.is_empty() || (is_required() && !missing.is_empty()) {
        let reasons: Vec<String> =
            missing.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
        return Ok(skip(&reasons.join("; ")));
    }
    let size = match (arguments.short, arguments.full) {
        (true, _) => Size::Short,
        (false, true) => Size::Full,
        (false, false) => Size::Usual,
    };
    let Choice { trials, left_out } = trials::choose(&opponents, size, &arguments.cases);
    anyhow::ensure!(!trials.is_empty(), "no case has such a name");
    let total = trials.len();
    let outcomes = trials::run(trials, arguments.workers, folder, |outcome| {
        // Progress that nobody can read is no loss.
        let _ = writeln!(std::io::stderr().lock(), "{outcome}");
    });
    let matrix = Matrix {
        opponents: &opponents,
        missing: &missing,
        outcomes: &outcomes,
        left_out: &left_out,
    };
    let mut out = std::io::stdout().lock();
    matrix.print_table(&mut out).context("cannot print the table")?;
    matrix.print_figures(&mut out).context("cannot print the figures")?;
    let good = outcomes.len() == total && outcomes.iter().all(|outcome| outcome.result.is_ok());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Finds the programs; those that are not there come with the reason.
fn opponents(arguments: &Arguments) -> (Vec<Opponent>, Vec<(&'static str, String)>) {
    let (mut opponents, mut missing) = (Vec::new(), Vec::new());
    for peer in &arguments.peers {
        let (implementation, path) = match peer {
            PeerName::WireguardGo => (Implementation::WireguardGo, &arguments.wireguard_go),
            PeerName::Gotatun => (Implementation::Gotatun, &arguments.gotatun),
            PeerName::Boringtun => (Implementation::Boringtun, &arguments.boringtun),
            PeerName::NetloomByWg => (Implementation::NetloomByWg, &arguments.netloom),
            PeerName::Netloom => {
                opponents.push(Opponent::Control);
                continue;
            }
        };
        match Program::find(implementation, path.as_deref()) {
            Ok(program) => opponents.push(Opponent::Stock(program)),
            Err(error) => missing.push((implementation.name(), format!("{error:#}"))),
        }
    }
    (opponents, missing)
}

/// Tries what all of them need, and have no stand-in for.
fn try_device() -> anyhow::Result<()> {
    let here = NamespaceHandle::current()?;
    TunnelDevice::create(&here, "probe0", TunnelPreference::Only(TunnelKind::Tun))
        .map(drop)
        .map_err(|error| anyhow::Error::msg(error.to_string()))
}

/// Whether a peer that is missing is a failure.
fn is_required() -> bool {
    let set = |name| std::env::var(name).is_ok_and(|value| matches!(value.as_str(), "1" | "true"));
    set("NETLOOM_REQUIRE_LAB")
}

fn skip(reason: &str) -> ExitCode {
    // Whoever asked learns it from the exit code too.
    let _ = writeln!(std::io::stdout().lock(), "SKIPPED wireguard-matrix: {reason}");
    ExitCode::from(EXIT_SKIPPED)
}
