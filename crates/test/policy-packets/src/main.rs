//! Tries random fabrics on the kernel, in a sandbox of its own; prints its figures last.
#![forbid(unsafe_code)]

use anyhow::Context as _;
use netloom_policy_packets::aws::{self, cases::CHAPTERS};
use netloom_policy_packets::fault::Fault;
use netloom_policy_packets::{Settings, Tally, run};
use netloom_sys::namespace::{SandboxOptions, spawn_sandbox};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The least share of flows that must be denied, in percent.
const DENIED_PERCENT_MIN: u64 = 30;
/// The least share of flows with a change that alters the answer, in percent: of those allowed, and denied.
const SUGGESTED_PERCENT_MIN: [u64; 2] = [95, 80];
/// Fabrics that are tried for each planted fault; most are found in the first.
const FABRICS_PER_FAULT: u64 = 60;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, rest)) if first == "--print" => {
            let seed = rest.first().context("--print needs a seed")?.parse()?;
            std::io::stdout().write_all(netloom_testkit::random_networks::yaml(seed).as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Some((first, _)) if first == "--aws-document" => {
            std::io::stdout().write_all(aws::document().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Some((first, rest)) if first == "--inside" => {
            let (folder, rest) = rest.split_first().context("--inside needs a folder")?;
            inside(Path::new(folder), rest)
        }
        Some(_) | None => outside(&arguments),
    }
}

/// Starts itself again in namespaces of its own.
fn outside(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let folder = std::env::temp_dir().join(format!("netloom-packets-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--inside").arg(&folder).args(arguments);
    let options = SandboxOptions {
        tmpfs: vec![PathBuf::from(&folder)],
        die_with_parent: true,
        ..SandboxOptions::default()
    };
    let status = spawn_sandbox(command, &options).map(|mut sandbox| sandbox.child.wait());
    let removed = std::fs::remove_dir_all(&folder);
    let status = status??;
    removed?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}

fn inside(folder: &Path, arguments: &[String]) -> anyhow::Result<ExitCode> {
    let number = |name: &str, default: u64| -> anyhow::Result<u64> {
        match arguments.iter().position(|argument| argument == name) {
            Some(at) => {
                let text =
                    arguments.get(at + 1).with_context(|| format!("{name} needs a number"))?;
                text.parse().with_context(|| format!("`{text}` is not a number"))
            }
            None => Ok(default),
        }
    };
    if arguments.iter().any(|argument| argument == "--aws") {
        let good = aws(folder)?;
        let found = !arguments.iter().any(|argument| argument == "--faults") || aws_faults(folder)?;
        return Ok(if good && found { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let settings = Settings {
        seed: number("--seed", 1)?,
        fabrics: number("--fabrics", 500)?,
        flows: usize::try_from(number("--flows", 44)?)?,
        fault: None,
        networks: arguments.iter().any(|argument| argument == "--networks"),
        stop_early: false,
        explain: arguments
            .iter()
            .position(|argument| argument == "--explain")
            .and_then(|at| arguments.get(at + 1))
            .map(PathBuf::from),
    };
    let mut good = true;
    if arguments.iter().any(|argument| argument == "--failover") {
        let count = usize::try_from(number("--connections", 100)?)?;
        return failover(&folder.join("failover"), count);
    }
    if settings.fabrics > 0 {
        let tally = run(&settings, &folder.join("sound"), |tally| progress(tally, &settings))?;
        good &= report(&tally);
    }
    if arguments.iter().any(|argument| argument == "--faults") {
        good &= faults(&settings, folder)?;
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tries what AWS documents; prints the table and the figures.
fn aws(folder: &Path) -> anyhow::Result<bool> {
    let mut out = std::io::stdout().lock();
    let (mut number, mut packets, mut by_packets, mut documented, mut differing, mut failed) =
        (0, 0, 0, 0, 0, 0);
    for chapter in CHAPTERS {
        writeln!(out, "\n{}", chapter.title)?;
        let seen = aws::run(chapter, &folder.join(number.to_string()), None)
            .with_context(|| format!("chapter `{}`", chapter.title))?;
        for (case, seen) in chapter.cases.iter().zip(seen) {
            number += 1;
            let holds = seen.holds(case);
            packets += seen.packets;
            match case.differs {
                Some(_) => differing += 1,
                None => documented += 1,
            }
            by_packets += u64::from(case.differs.is_none() && case.has_packets());
            failed += u64::from(!holds);
            let word = if holds { "ok" } else { "WRONG" };
            let differs = case.differs.map(|_| " (differs)").unwrap_or_default();
            writeln!(out, "{number:>4} {word:<5} {}{differs}", case.behaviour)?;
            writeln!(out, "           {}", seen.words.join(", "))?;
            for line in seen.wrong {
                writeln!(out, "           wrong - {line}")?;
            }
        }
    }
    for (name, value) in [
        ("behaviours", documented),
        ("by packets", by_packets),
        ("packets", packets),
        ("differing on purpose", differing),
        ("failed", failed),
    ] {
        writeln!(out, "{name}: {value}")?;
    }
    Ok(failed == 0)
}

/// Plants each fault of which the table speaks; whether a case fails with every one.
fn aws_faults(folder: &Path) -> anyhow::Result<bool> {
    // AWS documents nothing of segments from the middle of connections.
    let faults = Fault::ALL.into_iter().filter(|fault| *fault != Fault::MiddleBegins);
    let (mut planted, mut missed) = (0, Vec::new());
    for fault in faults {
        planted += 1;
        let mut is_found = false;
        for (number, chapter) in CHAPTERS.iter().enumerate() {
            let seen = aws::run(chapter, &folder.join(format!("{fault:?}-{number}")), Some(fault))?;
            is_found = chapter.cases.iter().zip(&seen).any(|(case, seen)| !seen.holds(case));
            if is_found {
                break;
            }
        }
        if !is_found {
            missed.push(format!("{fault:?}"));
        }
    }
    report_faults(planted, &missed)?;
    Ok(missed.is_empty())
}

fn progress(tally: &Tally, settings: &Settings) {
    if tally.fabrics.is_multiple_of(25) {
        let line = format!(
            "{} of {} fabrics, {} flows, {} disagreements\n",
            tally.fabrics,
            settings.fabrics,
            tally.flows(),
            tally.disagreements.len()
        );
        // Progress that nobody can read is no loss.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

/// Kills a NAT gateway, and prints what was seen.
fn failover(folder: &Path, connections: usize) -> anyhow::Result<ExitCode> {
    let seen = netloom_policy_packets::failover::run(folder, connections)?;
    let mut out = std::io::stdout().lock();
    let after = seen.new_after.map(|after| after.as_millis().to_string());
    writeln!(out, "connections when it was killed: {}", seen.connections)?;
    writeln!(out, "a new connection after ms: {}", after.unwrap_or_else(|| "never".to_owned()))?;
    writeln!(out, "old connections reset: {}", seen.reset)?;
    writeln!(out, "the last reset after ms: {}", seen.reset_after.as_millis())?;
    writeln!(out, "old connections that went on: {}", seen.went_on)?;
    writeln!(out, "old connections without a word: {}", seen.silent)?;
    writeln!(out, "new connections of 100: {}", seen.new_passed)?;
    Ok(ExitCode::SUCCESS)
}

/// Plants each fault; whether packets found all of them.
fn faults(settings: &Settings, folder: &Path) -> anyhow::Result<bool> {
    let mut missed = Vec::new();
    for fault in Fault::ALL {
        let settings = Settings {
            fabrics: FABRICS_PER_FAULT,
            fault: Some(fault),
            stop_early: true,
            explain: None,
            ..settings.clone()
        };
        let tally = run(&settings, &folder.join(format!("{fault:?}")), |_| {})?;
        if tally.disagreements.is_empty() {
            missed.push(format!("{fault:?}"));
        }
    }
    report_faults(Fault::ALL.len(), &missed)?;
    Ok(missed.is_empty())
}

fn report_faults(planted: usize, missed: &[String]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "planted faults: {planted}")?;
    writeln!(out, "planted faults found: {}", planted - missed.len())?;
    if !missed.is_empty() {
        writeln!(out, "planted faults missed: {}", missed.join(", "))?;
    }
    Ok(())
}

/// Prints the figures; whether they are good.
fn report(tally: &Tally) -> bool {
    let mut out = std::io::stdout().lock();
    for line in tally.disagreements.iter().chain(&tally.explained_otherwise).take(20) {
        let _ = writeln!(out, "disagreement: {line}");
    }
    let denied_percent = tally.denied * 100 / tally.flows().max(1);
    let [tcp, udp, icmp] = tally.protocols;
    let suggested = tally.suggested.map(|(some, all)| (some * 100).checked_div(all));
    for (name, value) in [
        ("fabrics", tally.fabrics),
        ("flows", tally.flows()),
        ("allowed", tally.allowed),
        ("denied", tally.denied),
        ("denied percent", denied_percent),
        ("spoofed", tally.spoofed),
        ("ipv6", tally.ipv6),
        ("across nodes", tally.across_nodes),
        ("tcp", tcp),
        ("udp", udp),
        ("icmp", icmp),
        ("answers sent", tally.answers[0]),
        ("answers that came back", tally.answers[1]),
        ("smallest changes made", tally.changes[0]),
        ("of them tried with packets", tally.changes[1]),
        ("allowed into another network or out", tally.beyond),
        ("sent again", tally.sent_again),
        ("disagreements", tally.disagreements.len() as u64),
        ("explained", tally.explained),
        ("explained otherwise", tally.explained_otherwise.len() as u64),
    ] {
        let _ = writeln!(out, "{name}: {value}");
    }
    let mut enough = true;
    let words = ["allowed flows with a change percent", "denied flows with a change percent"];
    for ((name, percent), least) in words.iter().zip(suggested).zip(SUGGESTED_PERCENT_MIN) {
        // Only fabrics with networks are asked.
        let Some(percent) = percent else { continue };
        let _ = writeln!(out, "{name}: {percent}");
        enough &= percent >= least;
    }
    enough
        && tally.disagreements.is_empty()
        && tally.explained_otherwise.is_empty()
        && denied_percent >= DENIED_PERCENT_MIN
}
