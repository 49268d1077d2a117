//! Judges what is to run here: control, the agent, who starts them again, and the node's workloads.

use super::facts::{Daemon, Facts, Silence, Workload};
use super::finding::Finding;
use netloom_model::words::counted;

/// So many starts in a row that came to nothing are no chance any more.
const IN_VAIN_MANY: u64 = 3;

pub(super) fn judge(facts: &Facts, findings: &mut Vec<Finding>) {
    if facts.is_stopped {
        findings.push(
            Finding::error("daemons", "the fabric is stopped on this host")
                .because("`netloom stop` has ended what ran here, or the host was restarted since")
                .solved_by("start it again; `netloom install` lets it start with the host")
                .with(format!("netloom start{}", facts.host_arguments)),
        );
        return;
    }
    findings.extend(facts.daemons.iter().map(|one| daemon(facts, one)));
    supervisor(facts, findings);
    if let Some(error) = &facts.agent_error {
        findings.push(
            Finding::error("daemons", "the agent could not do all that was asked of it")
                .because(error.clone())
                .solved_by("mend what it names; the agent tries again by itself")
                .with(format!("netloom status{}", facts.host_arguments)),
        );
    }
    workloads(facts, findings);
}

fn daemon(facts: &Facts, daemon: &Daemon) -> Finding {
    let name = daemon.name;
    match (daemon.runs, daemon.silence) {
        (Some(true), None) => Finding::ok("daemons", format!("the {name} answers")),
        (Some(true), Some(Silence { process })) => silent(facts, daemon, process),
        (Some(false), _) => dead(facts, daemon),
        (None, _) => Finding::warning("daemons", format!("the {name} cannot be seen"))
            .because("its socket is not for this user")
            .solved_by("look as root")
            .with(format!("sudo netloom doctor{}", facts.host_arguments)),
    }
}

/// One that does not run, with who would start it again.
fn dead(facts: &Facts, daemon: &Daemon) -> Finding {
    let finding = Finding::error("daemons", format!("the {} does not answer", daemon.name));
    let log = &daemon.log;
    let said = match daemon.last_line.as_str() {
        "" => format!("{log} says nothing"),
        line => format!("the end of its log: {line}"),
    };
    let meanwhile = meanwhile(daemon);
    match facts.is_supervised {
        Some(true) => finding
            .because(format!("its supervisor starts it, again and again where it ends at once; {said}"))
            .solved_by(format!(
                "wait some seconds if it was just started; else mend what its log names, and it runs by \
                 itself; {meanwhile}"
            ))
            .with(format!("tail -n 20 {log}")),
        supervised => {
            let cause = match supervised {
                Some(_) => "neither it nor its supervisor runs, so that nobody starts it again",
                None => "it does not run",
            };
            finding
                .because(format!("{cause}; {said}"))
                .solved_by(format!("start what this host has of the fabric; {meanwhile}"))
                .with(facts.starting().1)
        }
    }
}

/// One whose process is there and says nothing.
fn silent(facts: &Facts, daemon: &Daemon, process: Option<u32>) -> Finding {
    let start = match facts.is_supervised {
        Some(true) => String::new(),
        _ => format!(" && netloom start{}", facts.host_arguments),
    };
    let finding =
        Finding::error("daemons", format!("the {} takes calls and says nothing", daemon.name));
    let Some(process) = process else {
        return finding
            .because(
                "it hangs, was stopped by a signal, or is very busy, and its process is not seen",
            )
            .solved_by(format!("look as root, or wait; {}", meanwhile(daemon)))
            .with(format!("sudo netloom doctor{}", facts.host_arguments));
    };
    finding
        .because(format!("its process {process} hangs, was stopped by a signal, or is very busy"))
        .solved_by(format!("end it, and have it started anew; {}", meanwhile(daemon)))
        .with(format!("kill -9 {process}{start}"))
}

/// What is seen of a daemon that does not do its work.
fn meanwhile(daemon: &Daemon) -> &'static str {
    if daemon.name == "agent" {
        "until then control shows the node as `away`, and its workloads as `unknown`"
    } else {
        "until then nodes go on with what they hold, and nothing can be changed"
    }
}

/// That what runs is started again when it ends; of what has ended that is told with it.
fn supervisor(facts: &Facts, findings: &mut Vec<Finding>) {
    let all_run = facts.daemons.iter().all(|daemon| daemon.runs != Some(false));
    match facts.is_supervised {
        Some(true) => {
            findings.push(Finding::ok("daemons", "the supervisor starts again what ends"));
        }
        Some(false) if all_run => findings.push(
            Finding::error("daemons", "the supervisor does not run")
                .because("it was killed; what it has started goes on, and stays away once it ends")
                .solved_by("start it again; what runs already is left alone")
                .with(format!("netloom start{}", facts.host_arguments)),
        ),
        Some(false) | None => {}
    }
}

fn workloads(facts: &Facts, findings: &mut Vec<Finding>) {
    let Some(workloads) = &facts.workloads else { return };
    let before = findings.len();
    findings.extend(workloads.iter().filter_map(|one| workload(facts, one)));
    let good = workloads.len() - (findings.len() - before);
    if good > 0 {
        let verb = if good == 1 { "is" } else { "are" };
        let what = format!("{} {verb} as declared", counted(good, "workload"));
        findings.push(Finding::ok("workloads", what));
    }
}

fn workload(facts: &Facts, one: &Workload) -> Option<Finding> {
    let name = &one.name;
    if one.state == "absent" {
        return Some(absent(facts, one));
    }
    let is_ended = one.state == "restarting";
    let (finding, cause) = if one.in_vain >= IN_VAIN_MANY {
        let what =
            format!("{name} does not stay up: {} starts in a row came to nothing", one.in_vain);
        (Finding::error("workloads", what), "nobody says why")
    } else if is_ended {
        let what = format!("{name} does not run; it is started again");
        (Finding::warning("workloads", what), "it has ended")
    } else {
        return None;
    };
    let cause = if one.detail.is_empty() { cause } else { &one.detail };
    let cause = match one.last_line.as_str() {
        "" => cause.to_owned(),
        line => format!("{cause}; the end of what it printed: {line}"),
    };
    let solution = format!(
        "mend what it names, or `attach` of workload `{name}` in the fabric's file, and apply that; its node \
         tries again by itself"
    );
    Some(finding.because(cause).solved_by(solution).with(format!("tail -n 20 {}", one.log)))
}

/// Something that others are to make, and have not.
fn absent(facts: &Facts, one: &Workload) -> Finding {
    // Causes and solutions are told with a semicolon between.
    let (cause, solution) = one.detail.rsplit_once("; ").unwrap_or((&one.detail, "start it"));
    let command = match one.command.as_str() {
        // An agent of an earlier version does not say.
        "" => format!("netloom status{}", facts.host_arguments),
        command => command.to_owned(),
    };
    Finding::error("workloads", format!("{} is declared for this node, and is not there", one.name))
        .because(if cause.is_empty() { "nobody says why" } else { cause })
        .solved_by(format!(
            "{solution}; its node brings it in as soon as it is there, or take it out of what is declared"
        ))
        .with(command)
}
