//! Runs the trials in a sandbox of its own, prints a table, and its figures last.
#![forbid(unsafe_code)]

use anyhow::Context as _;
use clap::Parser as _;
use netloom_sys::namespace::{NamespaceHandle, SandboxOptions, spawn_sandbox};
use netloom_sys::tunnel::{TunnelDevice, TunnelKind, TunnelPreference};
use netloom_wireguard_interop::stock::{Implementation, Program};
use netloom_wireguard_interop::trials::{self, Choice, Opponent, Outcome};
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
    #[arg(long, value_delimiter = ',', default_values = ["wireguard-go", "gotatun", "netloom"])]
    peers: Vec<PeerName>,
    /// Where wireguard-go is, if not on the path.
    #[arg(long, value_name = "FILE")]
    wireguard_go: Option<PathBuf>,
    /// Where gotatun is, if not on the path.
    #[arg(long, value_name = "FILE")]
    gotatun: Option<PathBuf>,
    /// Only cases whose name holds one of these words.
    #[arg(long, value_delimiter = ',')]
    cases: Vec<String>,
    /// Also the cases that take minutes: rekeying by the age of the session.
    #[arg(long)]
    full: bool,
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
    let opponents = match opponents(arguments) {
        Ok(opponents) => opponents,
        Err(error) => return Ok(skip(&format!("{error:#}"))),
    };
    let Choice { trials, left_out } = trials::choose(&opponents, arguments.full, &arguments.cases);
    anyhow::ensure!(!trials.is_empty(), "no case has such a name");
    let total = trials.len();
    let outcomes = trials::run(trials, arguments.workers, folder, |outcome| {
        // Progress that nobody can read is no loss.
        let _ = writeln!(std::io::stderr().lock(), "{outcome}");
    });
    report(&opponents, &outcomes, &left_out).context("cannot print the table")?;
    let good = outcomes.len() == total && outcomes.iter().all(|outcome| outcome.result.is_ok());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Finds the programs, and tries what they need.
fn opponents(arguments: &Arguments) -> anyhow::Result<Vec<Opponent>> {
    let mut opponents = Vec::new();
    for peer in &arguments.peers {
        let (implementation, path) = match peer {
            PeerName::WireguardGo => (Implementation::WireguardGo, &arguments.wireguard_go),
            PeerName::Gotatun => (Implementation::Gotatun, &arguments.gotatun),
            PeerName::Netloom => {
                opponents.push(Opponent::Control);
                continue;
            }
        };
        opponents.push(Opponent::Stock(Program::find(implementation, path.as_deref())?));
    }
    if opponents.iter().any(|opponent| matches!(opponent, Opponent::Stock(_))) {
        // The other programs have no stand-in for it.
        let here = NamespaceHandle::current()?;
        TunnelDevice::create(&here, "probe0", TunnelPreference::Only(TunnelKind::Tun))
            .map_err(|error| anyhow::Error::msg(error.to_string()))?;
    }
    Ok(opponents)
}

fn skip(reason: &str) -> ExitCode {
    // Whoever asked learns it from the exit code too.
    let _ = writeln!(std::io::stdout().lock(), "SKIPPED wireguard-interop: {reason}");
    ExitCode::from(EXIT_SKIPPED)
}

fn report(
    opponents: &[Opponent],
    outcomes: &[Outcome],
    left_out: &[String],
) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", trials::heading())?;
    for opponent in opponents {
        let own = outcomes.iter().filter(|one| one.trial.opponent.name() == opponent.name());
        for outcome in own {
            writeln!(out, "{outcome}")?;
        }
    }
    for line in left_out {
        writeln!(out, "left out with {line}")?;
    }
    writeln!(out)?;
    for opponent in opponents {
        let own = outcomes.iter().filter(|one| one.trial.opponent.name() == opponent.name());
        let (passed, failed): (Vec<_>, Vec<_>) = own.partition(|one| one.result.is_ok());
        let version = match opponent {
            Opponent::Stock(program) => program.version.as_str(),
            Opponent::Control => concat!("netloom ", env!("CARGO_PKG_VERSION"), ", as a control"),
        };
        let (passed, failed) = (passed.len(), failed.len());
        writeln!(out, "{}: {passed} passed, {failed} failed ({version})", opponent.name())?;
    }
    let found = || outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok());
    let failed = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
    for (name, value) in [
        ("trials", outcomes.len() as u64),
        ("bytes compared", found().map(|evidence| evidence.bytes).sum()),
        ("rekeys under traffic", found().map(|evidence| evidence.rekeys).sum()),
        ("moves followed", found().map(|evidence| evidence.moves).sum()),
        ("left out", left_out.len() as u64),
        ("failed", failed as u64),
    ] {
        writeln!(out, "{name}: {value}")?;
    }
    Ok(())
}
