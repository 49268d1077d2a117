//! Running commands inside a lab, with the terminal, as if its namespaces were a host.

use super::folder::Folder;
use super::{ask, output};
use crate::host::LabMachine;
use anyhow::{Context as _, bail, ensure};
use netloom_lab::protocol::{Report, Request};
use netloom_sys::namespace::{NamespaceHandle, SpawnOptions, spawn_beside, spawn_in};
use netloom_sys::signal::{Signal, SignalFd};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

/// The second step of `lab exec`, done inside the lab.
#[derive(Debug, clap::Args)]
pub(crate) struct Enter {
    /// File of the network namespace.
    #[arg(long)]
    namespace: PathBuf,
    /// File to see as `/etc/resolv.conf`.
    #[arg(long)]
    resolv_conf: Option<PathBuf>,
    /// The command.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// Runs a command in a workload, on a node, or on the internet's host.
pub(super) fn exec(
    folder: &Folder,
    name: &str,
    command: &[String],
    is_shell: bool,
) -> anyhow::Result<ExitCode> {
    let report = ask(folder, &Request::Status)?;
    let (namespace, resolv_conf) = place(&report, name)?;
    let init =
        folder.process_id().context("the lab's process is not known; end it and begin anew")?;
    let executable = std::env::current_exe().context("cannot find the netloom executable")?;
    let mut enter = Command::new(executable);
    enter.arg("lab-enter").arg("--namespace").arg(namespace);
    if let Some(file) = resolv_conf {
        enter.arg("--resolv-conf").arg(file);
    }
    let lab = folder.name_if_needed()?;
    if let Some((state, run)) = folders(&report, name) {
        // Commands find their fabric there, as on a host of its own.
        enter.env("NETLOOM_STATE", state).env("NETLOOM_RUN", run);
        LabMachine::new(lab, name, is_shell).tell(&mut enter);
    } else {
        // They find none, and not that of the host which the lab is on.
        let nowhere = folder.nothing();
        enter.env("NETLOOM_STATE", &nowhere).env("NETLOOM_RUN", &nowhere);
        let node = report.workloads.get(name).map_or(&report.control, |workload| &workload.node);
        LabMachine::new(lab, node, is_shell).tell_stranger(&mut enter);
    }
    enter.arg("--").args(command);
    let status = spawn_beside(init, enter)?.wait()?;
    Ok(code(status))
}

/// Where a machine keeps what hosts have in `/var/lib/netloom` and `/run/netloom`.
fn folders(report: &Report, name: &str) -> Option<(PathBuf, PathBuf)> {
    if let Some(node) = report.nodes.get(name) {
        return Some((PathBuf::from(&node.state_folder), PathBuf::from(&node.run_folder)));
    }
    // The internet's host has them if control runs there, beside those of the nodes.
    let node = report.nodes.values().next().filter(|_| name == report.control)?;
    let beside = |path: &str| {
        let path = Path::new(path);
        Some(path.parent()?.with_file_name(name).join(path.file_name()?))
    };
    Some((beside(&node.state_folder)?, beside(&node.run_folder)?))
}

fn place(report: &Report, name: &str) -> anyhow::Result<(String, Option<String>)> {
    if let Some(workload) = report.workloads.get(name) {
        ensure!(
            !workload.namespace.is_empty(),
            "`{name}` is a stock WireGuard peer, which is no part of the lab; `netloom vpn export {name}` on \
             its node prints the file to connect one"
        );
        return Ok((workload.namespace.clone(), workload.resolv_conf.clone()));
    }
    if let Some(node) = report.nodes.get(name) {
        return Ok((node.namespace.clone(), None));
    }
    if name == "internet"
        && let Some(node) = report.nodes.values().next()
    {
        let folder = Path::new(&node.namespace).with_file_name("internet");
        return Ok((folder.to_string_lossy().into_owned(), None));
    }
    let names: Vec<&str> =
        report.workloads.keys().chain(report.nodes.keys()).map(String::as_str).collect();
    match netloom_model::diagnostic::nearest(name, names.iter().copied()) {
        Some(near) => bail!("nothing in the lab is called `{name}`; did you mean `{near}`?"),
        None => bail!("nothing in the lab is called `{name}`; there are {}", names.join(", ")),
    }
}

/// Inside the lab: enters the network namespace and runs the command.
pub(crate) fn enter(arguments: Enter) -> anyhow::Result<ExitCode> {
    let Enter { namespace, resolv_conf, command } = arguments;
    // Ctrl-C is for the command, as it is under a shell; its end is waited for here.
    let _taken = SignalFd::new(&[Signal::Interrupt]).context("cannot take signals")?;
    let namespace = NamespaceHandle::open(&namespace)?;
    let (program, rest) = command.split_first().context("no command was given")?;
    let mut child = Command::new(program);
    child.args(rest).env("PATH", path_with_own_folder());
    let options = SpawnOptions { resolv_conf, die_with_parent: true };
    match spawn_in(&namespace, child, &options) {
        Ok(mut child) => Ok(code(child.wait()?)),
        Err(error) => {
            output::error(&format!("error: {error}\n"));
            // As shells say that a command was not found.
            Ok(ExitCode::from(127))
        }
    }
}

/// The search path with the folder of this program first, so that `netloom` is found inside.
fn path_with_own_folder() -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = std::env::current_exe().ok().and_then(|file| Some(file.parent()?.to_owned()));
    let folders = own.into_iter().chain(std::env::split_paths(&path).collect::<Vec<_>>());
    std::env::join_paths(folders).unwrap_or(path)
}

/// A command's exit code; one that a signal ended counts from 128, as in shells.
fn code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt as _;
    let number = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(number).unwrap_or(1))
}
