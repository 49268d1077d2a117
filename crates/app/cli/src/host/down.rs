//! `netloom stop` and `netloom down`: a host without the fabric, for a while or for good.

use super::place::{Host, Place};
use super::up::read_settings;
use super::{membership, supervise, wait_for};
use crate::output;
use anyhow::Context as _;
use netloom_agent::joined::JoinedFacts;
use netloom_sys::poll::{Interest, PollSet};
use netloom_sys::process::PidFd;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// How long a process that is killed may take to be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);
const SIGKILL: i32 = 9;
/// Where `netloom install` writes unless told otherwise.
const UNITS: &str = "/etc/systemd/system";

/// Ends control and the node on this host, and takes their networks away; nothing is forgotten.
#[derive(Debug, clap::Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    host: Host,
}

/// Removes the fabric from this host: processes, networks, and all that is kept. Without control
/// on another host, that is the end of the fabric.
#[derive(Debug, clap::Args)]
pub(crate) struct Down {
    #[command(flatten)]
    host: Host,
    /// Do not ask, also where this host has the fabric's only control.
    #[arg(long)]
    yes: bool,
}

/// Starts again what was stopped, or what a reboot has ended.
#[derive(Debug, clap::Args)]
pub(crate) struct Start {
    #[command(flatten)]
    host: Host,
}

pub(crate) fn start(arguments: &Start) -> anyhow::Result<ExitCode> {
    let place = arguments.host.chosen()?;
    anyhow::ensure!(
        place.state().exists(),
        "nothing is kept of fabric {}; `netloom up FILE` or `netloom join TOKEN` begins",
        place.fabric
    );
    place.make()?;
    supervise::start(&place)?.wait_for_all()?;
    output::print(&format!("fabric {} runs here\n", place.fabric));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn stop(arguments: &Stop) -> anyhow::Result<ExitCode> {
    let place = arguments.host.named()?;
    halt(&place)?;
    output::print(&format!("fabric {} is stopped here\n", place.fabric));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn down(arguments: &Down) -> anyhow::Result<ExitCode> {
    // The kernel may hold something of it still where its folders are gone.
    let place = arguments.host.named()?;
    if place.control().exists() && !arguments.yes && !confirmed(&place)? {
        return Ok(ExitCode::FAILURE);
    }
    let left = membership::joined(&place);
    let has_others = !place.control().exists();
    let has_others = leave_control(&place)? || has_others;
    super::install::remove(&place, Path::new(UNITS))?;
    for operation in halt(&place)? {
        output::print(&format!("{operation}\n"));
    }
    remove_folder(&place.state())?;
    // Stay if other fabrics, or others, have something there.
    let _ = std::fs::remove_dir(&place.state_root);
    output::print(&format!("fabric {} is gone from this host\n", place.fabric));
    if let Some(left) = left.filter(|_| has_others) {
        output::print(&still_listed(&left));
    }
    Ok(ExitCode::SUCCESS)
}

/// What is left to do at control, which knows the node and its key still.
fn still_listed(left: &JoinedFacts) -> String {
    let (node, control) = (&left.node, left.control.join(", "));
    format!(
        "control at {control} still lists node `{node}`; there, `netloom remove {node}` forgets it, before a \
         host can join as `{node}` again\n"
    )
}

/// A member of control that goes tells the others; what it leaves in etcd is told to the user. Gives
/// whether there are others.
fn leave_control(place: &Place) -> anyhow::Result<bool> {
    let Some(etcd) = netloom_control::store_place::etcd(&place.control())? else {
        return Ok(false);
    };
    let left =
        read_settings(place).and_then(|settings| wait_for(place.client().leave(&settings.member)));
    let others = match left {
        Ok(status) => !status.control.is_empty(),
        Err(error) => {
            let why = output::chain(&error);
            output::error(&format!(
                "the other members of control are not told ({why}); tell them: netloom remove NODE\n"
            ));
            true
        }
    };
    if !others {
        output::print(&format!(
            "this was the last member of control; the declared state stays in etcd ({}) below \
             netloom/, for etcdctl to remove\n",
            etcd.endpoints.join(", ")
        ));
    }
    Ok(others)
}

fn confirmed(place: &Place) -> anyhow::Result<bool> {
    use std::io::IsTerminal as _;
    let what =
        format!("this host has the control of `{}`: its store and its CA go too", place.fabric);
    if !std::io::stdin().is_terminal() {
        anyhow::bail!("{what}; say so with --yes, or use `netloom stop`");
    }
    output::error(&format!("{what}. Remove them? [y/N] "));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim().eq_ignore_ascii_case("y"))
}

/// Ends what runs, and removes what the kernel holds.
fn halt(place: &Place) -> anyhow::Result<Vec<String>> {
    supervise::end(place)?;
    end_strays(place)?;
    let removed = netloom_agent::remove_fabric(&place.fabric, &place.run_root)?;
    remove_folder(&place.run())?;
    let _ = std::fs::remove_dir(&place.run_root);
    Ok(removed)
}

/// Ends daemons of the fabric whose supervisor was killed.
fn end_strays(place: &Place) -> anyhow::Result<()> {
    for (id, _) in daemons(place)? {
        let Ok(process) = PidFd::open(id) else { continue };
        let _ = process.signal(SIGKILL);
        let mut set = PollSet::new();
        set.add(process.as_fd(), Interest::Read);
        let _ = set.wait(Some(KILL_TIMEOUT));
    }
    Ok(())
}

/// Processes of the fabric's daemon that is called `name`. They are known by their arguments.
pub(super) fn processes(place: &Place, name: &str) -> anyhow::Result<Vec<u32>> {
    let mut found = daemons(place)?;
    found.retain(|(_, command)| command.split(|byte| *byte == 0).nth(1) == Some(name.as_bytes()));
    Ok(found.into_iter().map(|(id, _)| id).collect())
}

/// Processes of the fabric's daemons, each with its command line.
fn daemons(place: &Place) -> anyhow::Result<Vec<(u32, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").context("cannot read /proc")?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if is_daemon(&command, place) {
            found.push((id, command));
        }
    }
    Ok(found)
}

/// Whether a command line is one of this fabric's daemons, as the supervisor starts them.
pub(super) fn is_daemon(command: &[u8], place: &Place) -> bool {
    let words: Vec<&[u8]> = command.split(|byte| *byte == 0).collect();
    let has = |name: &str, value: &str| {
        words.windows(2).any(|pair| pair[0] == name.as_bytes() && pair[1] == value.as_bytes())
    };
    let run = place.run_root.to_string_lossy();
    match words.get(1).copied() {
        Some(b"control" | b"supervise") => has("--run", &run) && has("--fabric", &place.fabric),
        Some(b"node") => has("--run", &run) && has("--state", &place.node().to_string_lossy()),
        _ => false,
    }
}

fn remove_folder(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_leaves_tells_what_control_still_knows() {
        let left = JoinedFacts {
            fabric: "shop".into(),
            fabric_id: "0a".into(),
            node: "beta".into(),
            control: vec!["192.0.2.1:7766".into()],
            signing_key: String::new(),
            listen_port: 51820,
        };
        let words = still_listed(&left);
        for part in ["control at 192.0.2.1:7766", "node `beta`", "`netloom remove beta`"] {
            assert!(words.contains(part), "{words}");
        }
    }

    #[test]
    fn only_daemons_of_this_fabric_are_ended() {
        let place = Place {
            fabric: "shop".into(),
            state_root: "/var/lib/netloom".into(),
            run_root: "/run/netloom".into(),
        };
        let line = |words: &[&str]| words.join("\0").into_bytes();
        let run = ["--run", "/run/netloom"];
        let control = |fabric: &str| {
            line(&[&["netloom", "control"][..], &run, &["--fabric", fabric]].concat())
        };
        assert!(is_daemon(&control("shop"), &place));
        assert!(!is_daemon(&control("other"), &place));
        let node = line(
            &[&["netloom", "node", "--state", "/var/lib/netloom/shop/node"][..], &run].concat(),
        );
        assert!(is_daemon(&node, &place));
        assert!(!is_daemon(&line(&["vi", "node", "--run"]), &place));
        assert!(!is_daemon(b"", &place));
    }
}
