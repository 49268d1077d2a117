//! The show `upgrade`: the previous commit's executable and this one in one fabric.

use super::figures::Figures;
use super::{Report, Show, words};
use crate::cargo::build_release;
use crate::{output, packages};
use anyhow::{Context as _, ensure};
use clap::Parser as _;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const SHOW: Show = Show {
    name: "upgrade",
    about: "the previous commit's executable and this one in one fabric, store included, both ways",
    run,
};

/// Builds the executable of another commit, and runs a fabric of three hosts in which control and
/// nodes are now of one and now of the other version, over one store.
#[derive(Debug, clap::Parser)]
struct Options {
    /// The other commit.
    #[arg(long, default_value = "HEAD~1")]
    previous: String,
    /// An executable that is there already, instead of building one.
    #[arg(long)]
    executable: Option<PathBuf>,
    /// Do not install what is missing.
    #[arg(long)]
    no_install: bool,
}

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    packages::provide(!options.no_install);
    let programs = build_release(&["netloom-hosts", "netloom-cli"])?;
    let previous = match &options.executable {
        Some(executable) => executable.clone(),
        None => build(&options.previous, &programs)?,
    };
    let mut command = Command::new(programs.join("netloom-hosts"));
    command.arg("--netloom").arg(programs.join("netloom"));
    command.arg("upgrade").arg("--previous").arg(&previous);
    let figures = Figures::of(&mut command)?;
    let mut report = Report::default();
    report.figure("previous", &options.previous);
    for step in [
        "an old control, an old and a new node",
        "a new control over the old store",
        "an old control over the new store",
        "a new control again",
        "all of them new",
    ] {
        report.require(step, figures.text(step), figures.text(step) == "yes", "yes");
    }
    let applies = figures.number("applies").is_some_and(|applies| applies > 5);
    report.require("applies", figures.text("applies"), applies, "more than 5");
    let code = if figures.succeeded { "success" } else { "failure" };
    report.require("exit code", code, figures.succeeded, "success");
    Ok(report)
}

/// Builds the executable of a commit in a checkout of its own beside the build's folder.
fn build(commit: &str, programs: &Path) -> anyhow::Result<PathBuf> {
    let target = programs.parent().context("the build has no folder")?.join("previous");
    let checkout = target.join("checkout");
    let git = |arguments: &[&str]| {
        let status = Command::new("git").args(arguments).status().context("cannot run git")?;
        ensure!(status.success(), "git {} failed", arguments.join(" "));
        Ok::<_, anyhow::Error>(())
    };
    let path = checkout.to_string_lossy().into_owned();
    if checkout.exists() {
        git(&["worktree", "remove", "--force", &path])?;
    }
    std::fs::create_dir_all(&target)?;
    git(&["worktree", "add", "--detach", &path, commit])?;
    output::progress(&format!("building {commit}"));
    let built = Command::new("cargo")
        .args(["build", "--release", "--package", "netloom-cli"])
        .current_dir(&checkout)
        .env("CARGO_TARGET_DIR", target.join("target"))
        .status();
    git(&["worktree", "remove", "--force", &path])?;
    ensure!(built?.success(), "{commit} cannot be built");
    Ok(target.join("target/release/netloom"))
}
