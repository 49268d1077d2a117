//! Programs that serve an interface, and the tools that configure it: what all benchmarks of tunnels ask of them.

use anyhow::{Context as _, bail, ensure};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where `wg` looks for the sockets of such programs.
const SOCKETS: &str = "/var/run/wireguard";
/// Time between two looks at `wg`.
const LOOK: Duration = Duration::from_millis(5);

/// Starts a program that takes `-f INTERFACE` in a network namespace.
pub fn serve(
    namespace: &str,
    program: &Path,
    arguments: &[String],
    interface: &str,
) -> anyhow::Result<Child> {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{namespace}")).arg(program).stdin(Stdio::null());
    command.args(arguments).args(["-f", interface]).env("WG_PROCESS_FOREGROUND", "1");
    // Dropping privileges takes a login session, which a benchmark has none of.
    command.env("WG_SUDO", "true");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().context("cannot be started")
}

/// The socket of an interface, which a killed program leaves behind.
pub fn socket(interface: &str) -> PathBuf {
    Path::new(SOCKETS).join(format!("{interface}.sock"))
}

/// Runs `wg setconf` or `wg addconf`; it is ended if it takes longer than `limit`.
pub fn configure(verb: &str, interface: &str, config: &str, limit: Duration) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut command = Command::new("wg");
    command.args([verb, interface, "/dev/stdin"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot run wg")?;
    // It reads all of it before it says anything.
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(config.as_bytes())?;
    }
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > limit {
            let _ = child.kill();
            let _ = child.wait();
            bail!("`wg {verb}` is not done after {} s", limit.as_secs());
        }
        std::thread::sleep(LOOK);
    };
    let mut errors = String::new();
    if let Some(stderr) = &mut child.stderr {
        stderr.read_to_string(&mut errors)?;
    }
    ensure!(status.success(), "{}", errors.trim());
    Ok(())
}

/// Memory of a process (VmRSS).
pub fn memory_kib(process: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).context("no number")?.parse()?)
}

/// Runs `ip`.
pub fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("ip").args(arguments).output().context("cannot run ip")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {}: {}", arguments.join(" "), errors.trim());
    Ok(())
}
