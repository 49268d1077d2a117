//! Judges what was seen: pure, so that every fault can be tried as a table.

use super::facts::{Facts, Holder, Port, Reached};
use super::finding::Finding;
use super::{judge_daemons, judge_network};
use crate::host::time::utc;

/// Permissions that nobody but the owner needs on a folder with keys.
const OTHERS: u32 = 0o077;
/// Less room than this, and changes are soon not kept any more.
const FREE_BYTES_MIN: u64 = 64 << 20;
/// Less room than this, and nothing is kept any more.
const FREE_BYTES_NONE: u64 = 1 << 20;
/// How far a clock may be off before it is said.
const LEAP_MS: u64 = 5 * 60 * 1_000;

/// All findings, part by part.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !facts.is_root {
        findings.push(
            Finding::warning("rights", "not all can be seen")
                .because("other users' sockets, chains of nf_tables and the agent are root's")
                .solved_by("run it as root")
                .with(format!("sudo netloom doctor{}", facts.host_arguments)),
        );
    }
    facilities(facts, &mut findings);
    folders(facts, &mut findings);
    judge_daemons::judge(facts, &mut findings);
    ports(facts, &mut findings);
    clock(facts, &mut findings);
    control(facts, &mut findings);
    judge_network::judge(facts, &mut findings);
    findings
}

fn facilities(facts: &Facts, findings: &mut Vec<Finding>) {
    let missing: Vec<_> = facts.facilities.iter().filter(|one| one.missing.is_some()).collect();
    if !facts.is_root && !missing.is_empty() {
        let what = match missing.len() {
            1 => "1 facility cannot be tried".to_owned(),
            more => format!("{more} facilities cannot be tried"),
        };
        findings.push(
            Finding::warning("kernel", what)
                .because("trying them takes namespaces, which are root's to make here")
                .solved_by("try them as root")
                .with(format!("sudo netloom doctor{}", facts.host_arguments)),
        );
        return;
    }
    for facility in &missing {
        let what = format!("{} cannot be had", facility.name);
        let finding = if facility.is_needed {
            Finding::error("kernel", what)
        } else {
            Finding::warning("kernel", what)
        };
        let solution = if facility.is_needed {
            "use a kernel, or a container with rights, that has it"
        } else {
            "a node does without; what depends on it is slower or less safe"
        };
        let cause = facility.missing.clone().unwrap_or_default();
        findings.push(finding.because(cause).solved_by(solution).with(facility.command));
    }
    if missing.is_empty() && !facts.facilities.is_empty() {
        findings.push(Finding::ok("kernel", format!("{} facilities work", facts.facilities.len())));
    }
}

fn folders(facts: &Facts, findings: &mut Vec<Finding>) {
    for folder in &facts.folders {
        let Some(mode) = folder.mode else {
            findings.push(
                Finding::warning("folders", format!("{} cannot be seen", folder.path))
                    .because("it is not there, or not for this user")
                    .solved_by("look as root; a node whose folder is gone has to join again")
                    .with(format!("sudo ls -ld {}", folder.path)),
            );
            continue;
        };
        let before = findings.len();
        if mode & OTHERS != 0 {
            findings.push(
                Finding::error("folders", format!("{} is open to others ({mode:o})", folder.path))
                    .because("somebody has changed its permissions; keys are in it")
                    .solved_by("take them away again")
                    .with(format!("chmod 700 {}", folder.path)),
            );
        }
        let free = folder.free_bytes.unwrap_or(u64::MAX);
        if free < FREE_BYTES_MIN {
            let what = format!("{} has room for {} KiB", folder.path, free >> 10);
            let full = free < FREE_BYTES_NONE;
            let finding = if full {
                Finding::error("folders", what)
            } else {
                Finding::warning("folders", what)
            };
            findings.push(
                finding
                    .because("the disk is nearly full, so that changes are not kept")
                    .solved_by("make room on it")
                    .with(format!("df -h {}", folder.path)),
            );
        }
        if findings.len() == before {
            findings.push(Finding::ok("folders", format!("{} is its owner's alone", folder.path)));
        }
    }
}

fn ports(facts: &Facts, findings: &mut Vec<Finding>) {
    // Of what is stopped nothing is to be held.
    let is_missed = |port: &&Port| !(facts.is_stopped && port.holder == Holder::Nobody);
    for port in facts.ports.iter().filter(is_missed) {
        let name = format!("{} port {} of {}", port.protocol, port.number, port.what);
        let (starting, command) = facts.starting();
        findings.push(match &port.holder {
            Holder::Ours => Finding::ok("ports", format!("{name} is held by it")),
            // That its daemon does not run is told already.
            Holder::Nobody => Finding::warning("ports", format!("{name} is held by nobody"))
                .because("what listens there does not run")
                .solved_by(starting)
                .with(command),
            Holder::Other { process: Some((pid, process)) } if process == "netloom" => {
                Finding::error("ports", format!("{name} is taken by another netloom (process {pid})"))
                    .because("another fabric of this host has it, and only one program can listen on a port")
                    .solved_by(
                        "leave that one alone, and give this fabric another port: `--listen` and `--dashboard` of \
                         `netloom up`, `--port` of `netloom join`",
                    )
                    .with(format!("ps -o args= -p {pid}"))
            }
            Holder::Other { process: Some((pid, process)) } => {
                Finding::error("ports", format!("{name} is taken by {process} (process {pid})"))
                    .because("only one program can listen on a port")
                    .solved_by("end that program, or give it another port")
                    .with(format!("kill {pid}"))
            }
            Holder::Other { process: None } => Finding::warning(
                "ports",
                format!("{name} is held by a process that cannot be seen"),
            )
            .because("it is another user's, or in another container")
            .solved_by("look as root")
            .with(format!("sudo netloom doctor{}", facts.host_arguments)),
        });
    }
}

fn clock(facts: &Facts, findings: &mut Vec<Finding>) {
    let clock = &facts.clock;
    let set = |finding: Finding| {
        finding.solved_by("set the clock, and keep it by NTP").with("timedatectl set-ntp true")
    };
    let signed = clock.signed_ms.unwrap_or(0);
    if clock.now_ms + LEAP_MS < signed {
        let hours = (signed - clock.now_ms) as f64 / 3_600_000.0;
        let what = format!("this host's clock is behind by {hours:.1} h or more");
        let cause =
            format!("it shows {}, control has signed at {}", utc(clock.now_ms), utc(signed));
        findings.push(set(Finding::error("clock", what).because(cause)));
        return;
    }
    if let Some(ahead_ms) = clock.ahead_ms.filter(|off| off.unsigned_abs() > LEAP_MS) {
        let hours = ahead_ms.unsigned_abs() as f64 / 3_600_000.0;
        let word = if ahead_ms > 0 { "ahead of" } else { "behind" };
        let what = format!("this host's clock is {word} control's by {hours:.1} h");
        let cause =
            "they differed by that when control last greeted the node; one of the two is wrong";
        findings.push(set(Finding::error("clock", what).because(cause)));
        return;
    }
    match clock.certificate_ms {
        Some((start, _)) if clock.now_ms + LEAP_MS < start => {
            let cause =
                format!("it shows {}, the certificate begins {}", utc(clock.now_ms), utc(start));
            findings.push(set(Finding::error(
                "clock",
                "this host's clock is before its certificate",
            )
            .because(cause)));
        }
        Some((_, end)) if clock.now_ms > end => {
            let cause = format!(
                "the clock is ahead, or control was away for long: it shows {}, the certificate \
                 ended {}",
                utc(clock.now_ms),
                utc(end)
            );
            findings.push(set(
                Finding::error("clock", "the node's certificate has run out").because(cause)
            ));
        }
        Some((_, end)) => {
            let what =
                format!("{}; the certificate is valid until {}", utc(clock.now_ms), utc(end));
            findings.push(Finding::ok("clock", what));
        }
        None => findings.push(Finding::ok("clock", utc(clock.now_ms))),
    }
}

fn control(facts: &Facts, findings: &mut Vec<Finding>) {
    let good = facts.members.iter().filter(|member| member.reached == Reached::Secure).count();
    for member in &facts.members {
        let at = &member.endpoint;
        findings.push(match &member.reached {
            Reached::Secure => Finding::ok("control", format!("control at {at} proves who it is")),
            Reached::Open(why) => Finding::error(
                "control",
                format!("what answers at {at} is not this fabric's control"),
            )
            .because(why.clone())
            .solved_by("see what listens there; if control has moved, join again")
            .with("netloom join TOKEN"),
            Reached::Shut(why) => {
                let what = format!("control at {at} does not answer");
                let finding = if good == 0 {
                    Finding::error("control", what)
                } else {
                    Finding::warning("control", what)
                };
                finding
                    .because(why.clone())
                    .solved_by("see that control is up, and that no firewall is between")
                    .with(format!("netloom connect {at}"))
            }
        });
    }
    if let Some(link) = &facts.link {
        findings.push(if link.starts_with("connected") {
            Finding::ok("control", format!("the agent is {link}"))
        } else {
            Finding::error("control", "the agent has no session with control")
                .because(link.clone())
                .solved_by("the node goes on with what it holds; mend what is named")
                .with(link_command(facts))
        });
    }
    if let Some((own, theirs)) = &facts.versions
        && own != theirs
    {
        findings.push(
            Finding::warning("control", format!("this is {own}, control is {theirs}"))
                .because("one of them was not updated")
                .solved_by("install the same version on all hosts, control first; what runs here is told by")
                .with("netloom --version"),
        );
    }
}

/// What shows whether control can be reached at all.
fn link_command(facts: &Facts) -> String {
    match facts.members.first() {
        Some(member) => format!("netloom connect {}", member.endpoint),
        None => format!("netloom status{}", facts.host_arguments),
    }
}
