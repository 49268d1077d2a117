//! Where the repository is, and how cargo and other programs are run in it.

use crate::output;
use anyhow::Context as _;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

/// What `cargo run` tells the program it runs, and no cargo below it should be told.
const OF_THIS_RUN: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];

/// The root of the repository.
pub(crate) fn root() -> anyhow::Result<PathBuf> {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let root = folder.join("../../..");
    root.canonicalize().with_context(|| format!("the repository is not at {}", root.display()))
}

/// A cargo command in the repository.
pub(crate) fn cargo(arguments: &[&str]) -> anyhow::Result<Command> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()?);
    forget_this_run(&mut command);
    Ok(command)
}

/// The package that every release build has in it: cargo chooses the features of libraries for all that
/// is built at once, and without it builds most of them again for some shows.
const ALWAYS: &str = "netloom-cli";

/// Builds programs with optimisation; gives the folder where they are, the main program among them.
pub(crate) fn build_release(packages: &[&str]) -> anyhow::Result<PathBuf> {
    output::progress(&format!("building {}", packages.join(", ")));
    let mut arguments = vec!["build", "--release", "--package", ALWAYS];
    arguments.extend(packages.iter().flat_map(|package| ["--package", package]));
    let status = cargo(&arguments)?.status().context("cannot run cargo")?;
    anyhow::ensure!(status.success(), "the build failed");
    Ok(target()?.join("release"))
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> anyhow::Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.map_or_else(|| root().map(|root| root.join("target")), Ok)
}

/// Takes away what `cargo run` has set for this program.
pub(crate) fn forget_this_run(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let set_by_run = name
            .to_str()
            .is_some_and(|name| OF_THIS_RUN.iter().any(|start| name.starts_with(start)));
        if set_by_run {
            command.env_remove(name);
        }
    }
}

/// Runs a command, passes on what it writes line by line, and shows each line to `each`.
pub(crate) fn stream(
    command: &mut Command,
    mut each: impl FnMut(&str),
) -> anyhow::Result<ExitStatus> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run `{name}`"))?;
    if let Some(stdout) = child.stdout.take() {
        // Tests may print anything, so lines are bytes.
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.with_context(|| format!("cannot read what `{name}` prints"))?;
            let line = String::from_utf8_lossy(&line);
            output::print(&format!("{line}\n"));
            each(&line);
        }
    }
    child.wait().with_context(|| format!("cannot wait for `{name}`"))
}
