//! A tunnel's day in minutes: full rate, 1 % loss, rekeys every few seconds, ends that move, and what that leaves.
//!
//! ```text
//! ours: netloom wireguard soak0 ══ under0 ══ router, which loses datagrams ══ under0 ══ netloom wireguard soak1 :theirs
//! ```
//! Two executables as users run them, in namespaces of a sandbox. TCP both ways fills the tunnel; beside it a small
//! packet each way every 10 ms shows how long nothing comes through. Memory is looked at each second.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "its figures are what this program is for")]

mod bulk;
mod counters;
mod memory;
mod node;
mod place;
mod roaming;
mod run;
mod trickle;

use clap::Parser as _;
use netloom_sys::namespace::{SandboxOptions, spawn_sandbox};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// The exit code by which it says that it cannot run here.
const EXIT_SKIPPED: u8 = 77;
/// An empty file system is put here, for the sockets of the interfaces.
const SOCKETS: &str = "/var/run";

/// Soaks a tunnel.
#[derive(Debug, clap::Parser)]
#[command(max_term_width = 100)]
struct Arguments {
    /// Our executable.
    #[arg(long, value_name = "FILE")]
    netloom: PathBuf,
    /// How long.
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    /// Datagrams lost, in a thousand, each way.
    #[arg(long, default_value_t = 10)]
    loss_per_mille: u32,
    /// Sessions are replaced this often.
    #[arg(long, default_value_t = 5)]
    rekey_after_s: u64,
    /// An end moves this often, to another address or port by turns.
    #[arg(long, default_value_t = 7)]
    roam_after_s: u64,
    /// TCP connections, every second one of them in the other direction.
    #[arg(long, default_value_t = 4)]
    streams: usize,
    /// Used by the program itself: it is in its sandbox, and this is its folder.
    #[arg(long, hide = true)]
    inside: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.inside {
        Some(folder) => run::run(&arguments, folder).map(|()| ExitCode::SUCCESS),
        None => outside(),
    };
    result.unwrap_or_else(|error| {
        println!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Starts itself again in namespaces of its own.
fn outside() -> anyhow::Result<ExitCode> {
    let folder = std::env::temp_dir().join(format!("netloom-soak-{}", std::process::id()));
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
        Err(error) => {
            println!("SKIPPED tunnel-soak: {error}");
            return Ok(ExitCode::from(EXIT_SKIPPED));
        }
    };
    removed?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}

/// A line that the show reads.
fn figure(name: &str, value: impl std::fmt::Display) {
    println!("{name}: {value}");
}
