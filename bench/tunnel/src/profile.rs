//! Where a tunnel's processor time goes: `perf` watches the whole machine while traffic passes.

use crate::ground::{Ground, Tunnel};
use crate::hot_spots::{Group, HotSpots};
use crate::measure::{self, Transfer};
use anyhow::{Context as _, ensure};
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Samples of each processor in a second; not a divisor of what timers go by.
const SAMPLES_PER_SECOND: u32 = 997;
/// The stream has its rate by then.
const BEGIN: Duration = Duration::from_millis(1_000);
const HOTTEST: usize = 10;
/// What a group of system calls has beside the call.
const KERNEL: &str = "Sending UDP and writing TUN have the kernel's whole way of the packet from there, up to who receives it.";
const ENDS: [&str; 2] = ["sender", "receiver"];

/// What passes the tunnel meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Traffic {
    /// One stream of TCP.
    Stream,
    /// UDP of 172 bytes.
    Small,
}

/// Runs a tunnel for some seconds and prints what its processor time is spent on, for each end.
pub(crate) fn report(tunnel: &Tunnel, traffic: Traffic, time: Duration) -> anyhow::Result<()> {
    if !has_perf()? {
        println!(
            "!!! NO PROFILE: `perf` is not installed. Install Debian's `linux-perf` (apt-get install linux-perf)."
        );
        return Ok(());
    }
    let name = &tunnel.name;
    let options: &[&str] = match traffic {
        Traffic::Stream => &[],
        Traffic::Small => &["--udp", "--bitrate", "0", "--length", "172"],
    };
    let ground = Ground::make(tunnel)?;
    let file = std::env::temp_dir().join(format!("netloom-{}.perf", std::process::id()));
    let watched = std::thread::scope(|scope| {
        let transfer = scope.spawn(|| measure::transfer(&ground, BEGIN * 2 + time, options));
        std::thread::sleep(BEGIN);
        let recorded = record(&file, time);
        let transfer = transfer.join().map_err(|_| anyhow::anyhow!("the transfer panicked"))?;
        recorded.and(transfer)
    });
    let read = watched.and_then(|transfer| Ok((script(&file)?, transfer)));
    let _ = std::fs::remove_file(&file);
    let (text, transfer) = read?;
    let per_unit = traffic.per_unit(&transfer);
    let ends = ground.processes()?.into_iter().zip(&transfer.cpu_s);
    let ends = ends.map(|(process, cpu_s)| (HotSpots::of(&text, process), cpu_s * per_unit));
    println!("… profile of {name}: processor time of each end, {}", traffic.unit());
    for line in table(&ends.collect::<Vec<_>>()) {
        println!("    {line}");
    }
    Ok(())
}

impl Traffic {
    fn unit(self) -> &'static str {
        match self {
            Self::Stream => "one stream of TCP, in % and CPU-s per GiB",
            Self::Small => "UDP of 172 bytes, in % and us per packet sent",
        }
    }

    /// What processor time of a transfer is multiplied by.
    fn per_unit(self, transfer: &Transfer) -> f64 {
        match self {
            Self::Stream => 1.0 / transfer.gib,
            Self::Small => 1e6 / transfer.packets_sent,
        }
    }
}

/// The groups of each end, with shares and costs, and then its hottest functions.
fn table(ends: &[(HotSpots, f64)]) -> Vec<String> {
    let share = |samples: u64, spots: &HotSpots| samples as f64 / spots.samples().max(1) as f64;
    let mut lines = vec![format!("{:<36}{:>15}{:>15}", "", ENDS[0], ENDS[1])];
    for group in Group::ALL {
        let mut line = format!("{:<36}", group.name());
        for (spots, cost) in ends {
            let share = share(spots.of_group(group), spots);
            line.push_str(&format!("{:>8.1}{:>7.3}", 100.0 * share, share * cost));
        }
        lines.push(line);
    }
    let mut line = format!("{:<36}", "all");
    line.extend(ends.iter().map(|(_, cost)| format!("{:>8.1}{cost:>7.3}", 100.0)));
    lines.push(line);
    for ((spots, _), end) in ends.iter().zip(ENDS) {
        lines.push(format!("hottest at the {end}, of {} samples", spots.samples()));
        for (symbol, samples) in spots.hottest(HOTTEST) {
            lines.push(format!("{:>8.1}  {symbol}", 100.0 * share(samples, spots)));
        }
    }
    lines.push(KERNEL.to_owned());
    lines
}

fn has_perf() -> anyhow::Result<bool> {
    let mut command = Command::new("perf");
    match command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).context("cannot run perf"),
    }
}

/// Records the whole machine; the clock's ticks are there on virtual machines too.
fn record(file: &Path, time: Duration) -> anyhow::Result<()> {
    let mut command = Command::new("perf");
    // Without copies of all programs in a cache (-N).
    command.args(["record", "-a", "-g", "-N", "-e", "cpu-clock"]);
    command.args(["-F", &SAMPLES_PER_SECOND.to_string(), "-o"]).arg(file);
    command.args(["--", "sleep", &time.as_secs_f64().to_string()]);
    let output = command.stdin(Stdio::null()).output().context("cannot run perf record")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "perf record: {}", errors.trim());
    Ok(())
}

/// The samples as text, with the symbols of each.
fn script(file: &Path) -> anyhow::Result<String> {
    let mut command = Command::new("perf");
    // Names of inlined functions take minutes.
    command.args(["script", "--no-inline", "-F", "comm,pid,tid,ip,sym", "-i"]).arg(file);
    let output = command.stdin(Stdio::null()).output().context("cannot run perf script")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "perf script: {}", errors.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_group_with_share_and_cost() {
        let text = "tunnels 1/2\n\t10a3c04 seal\n\ntunnels 1/2\n\t10a3c04 main\n\n";
        let lines = table(&[(HotSpots::of(text, 1), 1.5), (HotSpots::of(text, 9), 1.0)]);
        let line = |name: &str| lines.iter().find(|line| line.starts_with(name)).unwrap().clone();
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&line("sealing ")), ["sealing", "50.0", "0.750", "0.0", "0.000"]);
        assert_eq!(words(&line("all")), ["all", "100.0", "1.500", "100.0", "1.000"]);
        assert!(line("hottest at the sender").ends_with("of 2 samples"));
        assert!(
            Group::ALL.iter().all(|group| lines.iter().any(|line| line.starts_with(group.name())))
        );
    }
}
