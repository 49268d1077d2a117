//! The show `main-job`: the quickstart comes up without root or system tools, and leaves nothing behind.

mod leftovers;

use super::user::User;
use super::{Report, Show, words};
use crate::cargo::{build_release, cargo, root};
use crate::clone::{Scratch, clone_to, commit};
use crate::output;
use anyhow::ensure;
use clap::Parser as _;
use leftovers::Snapshot;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

pub(crate) const SHOW: Show = Show {
    name: "main-job",
    about: "the quickstart comes up without root or system tools, and leaves nothing behind",
    run,
};

/// Clones the last commit, builds it, and runs the quickstart as an unprivileged user.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Use this working tree and what is built there instead of a clean clone.
    #[arg(long)]
    here: bool,
    /// Folder for the clone and its build; removed afterwards.
    #[arg(long, value_name = "FOLDER")]
    r#in: Option<PathBuf>,
    /// Longest time from the built binary to all tests green, in seconds.
    #[arg(long, default_value_t = 10.0)]
    seconds_max: f64,
}

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    let mut report = Report::default();
    let scratch = Scratch::new(options.r#in)?;
    let (binary, example) = if options.here {
        (build_release(&["netloom-cli"])?.join("netloom"), root()?.join("examples/quickstart.yaml"))
    } else {
        build_clone(&scratch.0, &mut report)?
    };
    let user = User::new(&scratch.0, &binary, &example)?;
    report.figure("user id", user.id.map_or_else(|| "own".to_owned(), |id| id.to_string()));
    let before = Snapshot::take(&user.home)?;
    whole_life(&user, options.seconds_max, &mut report)?;
    interrupted(&user, &mut report)?;
    let left = Snapshot::settled(&user.home, &before)?;
    report.require("left behind", left.len(), left.is_empty(), "nothing");
    left.iter().for_each(|thing| output::error(&format!("left behind: {thing}\n")));
    Ok(report)
}

fn build_clone(folder: &Path, report: &mut Report) -> anyhow::Result<(PathBuf, PathBuf)> {
    let clone = folder.join("clone");
    clone_to(&clone)?;
    report.figure("commit", commit(&clone, "")?);
    output::progress("cargo build --release, in a clean clone");
    let start = Instant::now();
    let target = folder.join("target");
    let mut build = cargo(&["build", "--release"])?;
    let status = build.current_dir(&clone).env("CARGO_TARGET_DIR", &target).status()?;
    ensure!(status.success(), "the build failed");
    report.figure("build minutes", format!("{:.1}", start.elapsed().as_secs_f64() / 60.0));
    Ok((target.join("release/netloom"), clone.join("examples/quickstart.yaml")))
}

/// Up, the commands that `up` suggests, apply, down.
fn whole_life(user: &User, seconds_max: f64, report: &mut Report) -> anyhow::Result<()> {
    let example = user.example.to_string_lossy().into_owned();
    let binary = user.binary.to_string_lossy().into_owned();
    let start = Instant::now();
    let up = user.run(&["lab", "up", &example])?;
    let seconds = start.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&up.stdout).into_owned();
    report.require("lab up", code(&up), up.status.success(), "0");
    let fast = seconds <= seconds_max;
    report.require("seconds to green", format!("{seconds:.1}"), fast, format!("<= {seconds_max}"));
    let tests = text.lines().find(|line| line.ends_with("tests hold")).unwrap_or("none").trim();
    let all = whole(tests);
    report.require("tests on packets", tests, all, "all of them");
    let names = text.lines().find(|line| line.ends_with("names resolve")).unwrap_or("none");
    let names = names.trim_start_matches([' ', '✓', '✗']);
    report.require("names", names, whole(names), "all of them");
    for (name, arguments, wanted) in [
        ("status", vec!["lab", "status"], true),
        ("exec", vec!["lab", "exec", "web-1", "--", &binary, "connect", "api-1:8080"], true),
        ("exec, denied", vec!["lab", "exec", "db-1", "--", &binary, "connect", "web-1:80"], false),
        ("ping", vec!["lab", "exec", "web-1", "--", &binary, "ping", "db-2", "-c", "1"], true),
        ("lookup", vec!["lab", "exec", "cam-1", "--", &binary, "lookup", "web.services"], true),
        ("explain", vec!["explain", "web-1", "api-1:8080", "--file", &example], true),
        ("apply", vec!["lab", "apply", &example], true),
        ("down", vec!["lab", "down"], true),
    ] {
        let output = user.run(&arguments)?;
        let wanted_words = if wanted { "0" } else { "not 0" };
        report.require(name, code(&output), output.status.success() == wanted, wanted_words);
    }
    Ok(())
}

/// Whether `N of M …` says all of them.
fn whole(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    matches!(words.as_slice(), [some, "of", all, ..] if some == all)
}

/// Ctrl-C in the middle of `lab up`, at several moments.
fn interrupted(user: &User, report: &mut Report) -> anyhow::Result<()> {
    let example = user.example.to_string_lossy().into_owned();
    let mut codes = Vec::new();
    for delay_ms in [20, 150, 400, 700] {
        output::progress(&format!("netloom lab up, interrupted after {delay_ms} ms"));
        let mut up = user.command(&["lab", "up", &example]);
        let mut child = up.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        std::thread::sleep(Duration::from_millis(delay_ms));
        let pid = child.id().to_string();
        // The shell's own kill: the interrupt must not come through a library of ours.
        Command::new("sh").args(["-c", &format!("kill -INT {pid}")]).status()?;
        let status = child.wait()?;
        if status.success() {
            // It was up before the interrupt came.
            user.run(&["lab", "down"])?;
        }
        codes.push(status.code().map_or_else(|| "signal".to_owned(), |code| code.to_string()));
    }
    // 2 is the signal itself, before the command has begun to listen for it.
    let ended = codes.iter().all(|code| ["130", "0", "signal"].contains(&code.as_str()));
    report.require("interrupted", codes.join(" "), ended, "130 each");
    Ok(())
}

fn code(output: &Output) -> String {
    output.status.code().map_or_else(|| "signal".to_owned(), |code| code.to_string())
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn all_means_all() {
        assert!(whole("15 of 15 tests hold"));
        assert!(!whole("14 of 15 tests hold"));
        assert!(!whole("none"));
    }
}
