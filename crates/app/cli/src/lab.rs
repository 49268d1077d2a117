//! `netloom lab`: a fabric in private namespaces on this machine, without root.

mod enter;
mod folder;
mod session;
mod show;

pub(crate) use enter::{Enter, enter};

use crate::output;
use crate::source::{self, Files};
use anyhow::{Context as _, bail};
use folder::Folder;
use netloom_lab::protocol::{Event, Report, Request, Sources};
use session::{Ending, Session};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Commands on labs.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Lab {
    /// Bring a fabric up in private namespaces and try its tests on real packets.
    Up {
        /// Files of the fabric.
        #[arg(required = true)]
        files: Vec<String>,
        /// Print how the lab is as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change the running lab to what the files say now; only what changed changes.
    Apply {
        /// Files of the fabric.
        #[arg(required = true)]
        files: Vec<String>,
        /// Print how the lab is then as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show nodes, workloads and addresses.
    Status {
        #[command(flatten)]
        which: Which,
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Try the file's tests on real packets again.
    Test {
        #[command(flatten)]
        which: Which,
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run a command in a workload, on a node, or on the `internet` host.
    Exec {
        #[command(flatten)]
        which: Which,
        /// Workload, node, or `internet`.
        name: String,
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Open a shell in a workload, on a node, or on the `internet` host.
    Shell {
        #[command(flatten)]
        which: Which,
        /// Workload, node, or `internet`.
        name: String,
    },
    /// End the lab and remove all of it.
    Down {
        #[command(flatten)]
        which: Which,
    },
}

/// Which lab is meant.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// Name of the fabric; needed only where several labs run.
    #[arg(long)]
    lab: Option<String>,
}

pub(crate) fn run(command: Lab) -> anyhow::Result<ExitCode> {
    match command {
        Lab::Up { files, json } => up(&files, json),
        Lab::Apply { files, json } => apply(&files, json),
        Lab::Status { which, json } => status(&which, json),
        Lab::Test { which, json } => test(&which, json),
        Lab::Exec { which, name, command } => enter::exec(&find(&which)?, &name, &command, false),
        Lab::Shell { which, name } => {
            let shell = std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".to_owned());
            enter::exec(&find(&which)?, &name, &[shell], true)
        }
        Lab::Down { which } => down(&which),
    }
}

/// Process 1 of a lab.
pub(crate) fn supervise(folder: PathBuf, has_dashboard: bool) -> anyhow::Result<ExitCode> {
    let executable = std::env::current_exe().context("cannot find the executable")?;
    let stdin = std::io::stdin();
    let dashboard = has_dashboard.then(|| stdin.as_fd().try_clone_to_owned()).transpose()?;
    let options = netloom_lab::supervisor::Options { folder, executable, dashboard };
    netloom_lab::supervisor::run(options)?;
    Ok(ExitCode::SUCCESS)
}

fn up(files: &[String], json: bool) -> anyhow::Result<ExitCode> {
    let (name, sources) = sources(files, |_| None)?;
    let folder = Folder::of(&name)?;
    if folder.is_alive() {
        bail!(
            "a lab of the fabric `{name}` is up already: \
             change it with `netloom lab apply`, or end it with `netloom lab down`"
        );
    }
    let session = Session::start(&folder)?;
    match session.ask(&folder, &Request::Up(sources), &mut progress) {
        Ok(report) if json => {
            output::json(&report)?;
            Ok(verdict(&report))
        }
        Ok(report) => {
            output::print(&show::report(&report, true));
            output::print(&show::dashboard(&report));
            output::print(&show::next_steps(&report, files, folder.name_if_needed()?.as_deref()));
            Ok(verdict(&report))
        }
        Err(Ending::Failed(why)) => {
            let log = folder.log();
            folder.end();
            bail!("the lab did not come up; nothing of it is left\n{why}{log}")
        }
        Err(Ending::Interrupted) => {
            folder.end();
            output::error("interrupted: the lab was taken down, nothing of it is left\n");
            Ok(ExitCode::from(130))
        }
    }
}

fn apply(files: &[String], json: bool) -> anyhow::Result<ExitCode> {
    let (name, sources) = sources(files, declared_over_api)?;
    let folder = Folder::of(&name)?;
    if !folder.is_alive() {
        bail!("no lab of the fabric `{name}` is up: start it with `netloom lab up`");
    }
    let report = ask(&folder, &Request::Apply(sources))?;
    if json {
        output::json(&report)?;
    } else {
        output::print(&show::operations(&report));
        output::print(&show::report(&report, true));
    }
    Ok(verdict(&report))
}

fn status(which: &Which, json: bool) -> anyhow::Result<ExitCode> {
    let report = ask(&find(which)?, &Request::Status)?;
    if json {
        output::print(&format!("{}\n", serde_json::to_string_pretty(&report)?));
    } else {
        output::print(&show::report(&report, false));
        output::print(&show::dashboard(&report));
    }
    Ok(ExitCode::SUCCESS)
}

fn test(which: &Which, json: bool) -> anyhow::Result<ExitCode> {
    let report = ask(&find(which)?, &Request::Test)?;
    if json {
        output::print(&format!("{}\n", serde_json::to_string_pretty(&report.tests)?));
    } else {
        output::print(&show::tests(&report));
    }
    Ok(verdict(&report))
}

fn down(which: &Which) -> anyhow::Result<ExitCode> {
    let folder = find(which)?;
    let name = folder.name();
    folder.end();
    output::print(&format!("the lab of `{name}` is gone\n"));
    Ok(ExitCode::SUCCESS)
}

fn ask(folder: &Folder, request: &Request) -> anyhow::Result<Report> {
    let session = Session::join()?;
    match session.ask(folder, request, &mut progress) {
        Ok(report) => Ok(report),
        Err(Ending::Failed(why)) => bail!("{why}"),
        Err(Ending::Interrupted) => {
            bail!("interrupted; the lab goes on, and goes back from a change that was under way")
        }
    }
}

fn progress(event: &Event) {
    if let Event::Progress(text) = event {
        output::error(&format!("… {text}\n"));
    }
}

fn verdict(report: &Report) -> ExitCode {
    let tests = report.tests.iter().all(netloom_lab::protocol::TestReport::holds);
    if tests && report.name_errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The lab that is meant: the named one, or the only one.
fn find(which: &Which) -> anyhow::Result<Folder> {
    if let Some(name) = &which.lab {
        let folder = Folder::of(name)?;
        if folder.is_alive() {
            return Ok(folder);
        }
        bail!("no lab of the fabric `{name}` is up");
    }
    let mut alive = folder::alive()?;
    match alive.len() {
        0 => bail!("no lab is up: start one with `netloom lab up FILE`"),
        1 => Ok(alive.remove(0)),
        _ => {
            let names: Vec<String> = alive.iter().map(Folder::name).collect();
            bail!("several labs are up; say which with --lab: {}", names.join(", "))
        }
    }
}

/// The fabric's name and its files with absolute paths, after a check here and now.
fn sources(
    files: &[String],
    api: impl FnOnce(&str) -> Option<String>,
) -> anyhow::Result<(String, Sources)> {
    let Files { fabric, roots, texts } = source::read(files, api)?;
    Ok((fabric.name, Sources { files: roots, texts, api: None }))
}

/// What was declared over the API of a lab's control, if the lab is up and anything was.
fn declared_over_api(fabric: &str) -> Option<String> {
    let folder = Folder::of(fabric).ok().filter(Folder::is_alive)?;
    ask(&folder, &Request::Status).ok()?.api
}
