//! The show `imports`: files of others become fabrics that load, account for each key, and hold in the lab.

mod account;

use super::user::User;
use super::{Report, Show, words};
use crate::cargo::{build_release, root};
use crate::clone::Scratch;
use crate::output;
use account::Audit;
use anyhow::{Context as _, ensure};
use clap::Parser as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

pub(crate) const SHOW: Show = Show {
    name: "imports",
    about: "files of guides, of AWS and of Compose become fabrics: each key accounted for, their tests hold on packets",
    run,
};

/// Imports each file, and those that belong together, with servers to try the result; checks it, and
/// brings it up in a lab as an ordinary user.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Only the source of this name, as in the table.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Import and check, and bring no lab up.
    #[arg(long)]
    no_lab: bool,
    /// Print what became of each key.
    #[arg(long)]
    account: bool,
    /// Use this executable instead of building one.
    #[arg(long, value_name = "FILE")]
    netloom: Option<PathBuf>,
}

/// Where the files are, below the repository.
const DATA: &str = "crates/model/import/tests/data";
/// Files that make one fabric, beside each case for itself: a name, and their folder.
const TOGETHER: [(&str, &str); 5] = [
    ("blackroad", "cases/blackroad"),
    ("clusterdb", "cases/clusterdb"),
    ("bolt", "cases/bolt"),
    ("aws", "aws"),
    ("everything", ""),
];
/// How long what a lab has left may take to end.
const SETTLE_MAX: Duration = Duration::from_secs(10);

/// Files that are imported together.
struct Source {
    name: String,
    files: Vec<String>,
}

/// What became of a source.
#[derive(Default)]
struct Outcome {
    /// Exact, approximated, refused, irrelevant, added.
    counts: [u64; 5],
    audit: Audit,
    loads: bool,
    /// Tests that hold, and all of them: as the engine says, and on packets.
    checked: Option<(usize, usize)>,
    tried: Option<(usize, usize)>,
    /// Whether the lab came up, and went.
    lives: bool,
}

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    let data = root()?.join(DATA);
    let mut sources = sources(&data)?;
    if let Some(only) = &options.only {
        let names: Vec<String> = sources.iter().map(|source| source.name.clone()).collect();
        sources.retain(|source| source.name == *only);
        ensure!(!sources.is_empty(), "there is no `{only}`; there are {}", names.join(", "));
    }
    let binary = match &options.netloom {
        Some(binary) => binary.canonicalize().context("cannot find the executable")?,
        None => build_release(&["netloom-cli"])?.join("netloom"),
    };
    let scratch = Scratch::new(None)?;
    let user = User::new(&scratch.0, &binary, &root()?.join("examples/quickstart.yaml"))?;
    for file in files(&data, "")? {
        let copy = user.home.join(&file);
        std::fs::create_dir_all(copy.parent().unwrap_or(&user.home))?;
        std::fs::copy(data.join(&file), copy).with_context(|| format!("cannot copy {file}"))?;
    }
    let mut outcomes = Vec::new();
    for source in &sources {
        outcomes.push(shown(source, &user, &options)?);
    }
    output::print(&table(&sources, &outcomes));
    let mut report = summed(&sources, &outcomes, options.no_lab);
    let left = left_behind(&user)?;
    report.require("left behind", left.len(), left.is_empty(), "nothing");
    left.iter().for_each(|thing| output::error(&format!("left behind: {thing}\n")));
    Ok(report)
}

/// Each case, and what belongs together.
fn sources(data: &Path) -> anyhow::Result<Vec<Source>> {
    let named = |file: String| Source {
        name: file.strip_prefix("cases/").unwrap_or(&file).to_owned(),
        files: vec![file],
    };
    let mut sources: Vec<Source> = files(data, "cases")?.into_iter().map(named).collect();
    for (name, folder) in TOGETHER {
        sources.push(Source { name: name.to_owned(), files: files(data, folder)? });
    }
    Ok(sources)
}

/// The files in a folder below `data`, in order, as paths from there.
fn files(data: &Path, folder: &str) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![data.join(folder)];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder);
        for entry in entries.with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(data)?.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    ensure!(!found.is_empty(), "there are no files in {folder}");
    Ok(found)
}

/// Imports, checks, and brings up.
fn shown(source: &Source, user: &User, options: &Options) -> anyhow::Result<Outcome> {
    output::progress(&format!("{}: {} files", source.name, source.files.len()));
    let mut outcome = Outcome::default();
    let mut arguments = vec!["import", "--with-probes", "--json"];
    arguments.extend(source.files.iter().map(String::as_str));
    let imported = quiet(user, &arguments)?;
    let value: serde_json::Value = serde_json::from_slice(&imported.stdout).unwrap_or_default();
    let Some(yaml) = value["yaml"].as_str() else { return Ok(outcome) };
    outcome.counts = ["exact", "approximated", "refused", "irrelevant", "added"]
        .map(|name| value["counts"][name].as_u64().unwrap_or(0));
    let entries = value["account"].as_array().map_or(&[][..], Vec::as_slice);
    for file in &source.files {
        let text = std::fs::read_to_string(user.home.join(file))?;
        outcome.audit.file(file, &text, entries)?;
    }
    if options.account {
        entries.iter().for_each(told);
    }
    for found in outcome.audit.missing.iter().chain(&outcome.audit.strange) {
        output::error(&format!("the account of {} differs from its files: {found}\n", source.name));
    }
    let made = format!("{}.yaml", source.name.replace(['/', '.'], "-"));
    std::fs::write(user.home.join(&made), yaml)?;
    let checked = quiet(user, &["check", &made])?;
    let is_empty = value["errors"].as_array().is_some_and(Vec::is_empty);
    outcome.loads = imported.status.success() && is_empty && checked.status.success();
    outcome.checked = holding(&checked);
    if outcome.loads && !options.no_lab {
        let up = quiet(user, &["lab", "up", &made])?;
        let down = quiet(user, &["lab", "down"])?;
        outcome.tried = holding(&up);
        outcome.lives = up.status.success() && down.status.success();
    }
    Ok(outcome)
}

/// Runs a command; shows what it prints if it fails.
pub(super) fn quiet(user: &User, arguments: &[&str]) -> anyhow::Result<Output> {
    let output = user.command(arguments).output().context("cannot run netloom")?;
    if !output.status.success() {
        output::error(&format!("netloom {}: {}\n", arguments.join(" "), output.status));
        output::error(&String::from_utf8_lossy(&output.stdout));
        output::error(&String::from_utf8_lossy(&output.stderr));
    }
    Ok(output)
}

/// The numbers of `N of M tests hold`, or of `N of 1 test holds`.
pub(super) fn holding(output: &Output) -> Option<(usize, usize)> {
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers = |line: &str| {
        let line = line.trim();
        let rest = line.strip_suffix(" tests hold").or_else(|| line.strip_suffix(" test holds"))?;
        Some(rest.to_owned())
    };
    let line = text.lines().find_map(numbers)?;
    let (some, all) = line.rsplit("; ").next()?.split_once(" of ")?;
    Some((some.parse().ok()?, all.parse().ok()?))
}

fn told(entry: &serde_json::Value) {
    let word = |name: &str| entry[name].as_str().unwrap_or_default();
    let place = format!("{}:{}", word("file"), entry["line"]);
    let (key, outcome, words) = (word("key"), word("outcome"), word("words"));
    output::print(&format!("  {place}  {key}  {outcome}: {words}\n"));
}

fn table(sources: &[Source], outcomes: &[Outcome]) -> String {
    let of = |tests: Option<(usize, usize)>| match tests {
        Some((some, all)) => format!("{some} of {all}"),
        None => "-".to_owned(),
    };
    let head = "keys  exact  approximated  refused  irrelevant  added  tests checked  on packets";
    let width = sources.iter().map(|source| source.name.len()).max().unwrap_or(0);
    let mut table = format!("\n{:<width$}  {head}\n", "source");
    for (source, outcome) in sources.iter().zip(outcomes) {
        let [exact, approximated, refused, irrelevant, added] = outcome.counts;
        let (checked, tried) = (of(outcome.checked), of(outcome.tried));
        table.push_str(&format!(
            "{:<width$}  {:>4}  {exact:>5}  {approximated:>12}  {refused:>7}  {irrelevant:>10}  {added:>5}  {checked:>13}  {tried:>10}\n",
            source.name, outcome.audit.keys,
        ));
    }
    table
}

fn summed(sources: &[Source], outcomes: &[Outcome], no_lab: bool) -> Report {
    let mut report = Report::default();
    let count = |of: &dyn Fn(&Outcome) -> usize| outcomes.iter().map(of).sum::<usize>();
    let all = sources.len();
    report.figure("sources", all);
    report.figure("keys", count(&|one| one.audit.keys));
    let loaded = count(&|one| usize::from(one.loads));
    report.require("load without errors", loaded, loaded == all, all.to_string());
    for (name, found) in [
        ("keys that no account has", count(&|one| one.audit.missing.len())),
        ("entries that no file has", count(&|one| one.audit.strange.len())),
        ("entries that say nothing", count(&|one| one.audit.silent)),
    ] {
        report.require(name, found, found == 0, "0");
    }
    let tests = count(&|one| one.checked.map_or(0, |(_, all)| all));
    let held = |of: &dyn Fn(&Outcome) -> Option<(usize, usize)>| {
        count(&|one| of(one).map_or(0, |(some, _)| some))
    };
    let said = outcomes.iter().filter(|one| one.checked.is_some()).count();
    report.require("sources checked", said, said == all, all.to_string());
    let checked = held(&|one| one.checked);
    report.require("tests that hold", checked, checked == tests, tests.to_string());
    if !no_lab {
        let lives = count(&|one| usize::from(one.lives));
        report.require("labs up and down", lives, lives == all, all.to_string());
        let tried = held(&|one| one.tried);
        report.require("tests that hold on packets", tried, tried == tests, tests.to_string());
    }
    report
}

/// Processes of the user's executable, and labs' folders, once they do not end any more.
fn left_behind(user: &User) -> anyhow::Result<Vec<String>> {
    let deadline = Instant::now() + SETTLE_MAX;
    loop {
        let mut left = Vec::new();
        for process in std::fs::read_dir("/proc")?.flatten() {
            // One that ends while it is looked at has no executable any more.
            if std::fs::read_link(process.path().join("exe")).is_ok_and(|exe| exe == user.binary) {
                left.push(format!("process {}", process.file_name().to_string_lossy()));
            }
        }
        for folder in std::fs::read_dir(&user.home)?.flatten() {
            let labs = std::fs::read_dir(folder.path()).into_iter().flatten().flatten();
            let labs = labs.filter(|lab| lab.file_name().to_string_lossy().starts_with("lab-"));
            left.extend(labs.map(|lab| format!("folder {}", lab.path().display())));
        }
        if left.is_empty() || Instant::now() > deadline {
            return Ok(left);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_stand_alone_and_together() {
        let sources = sources(&root().unwrap().join(DATA)).unwrap();
        let alone = sources.iter().filter(|source| source.files.len() == 1).count();
        let most = sources.iter().map(|source| source.files.len()).max();
        assert_eq!(sources.len(), alone + TOGETHER.len());
        assert!(alone >= 8 && most >= Some(20), "{alone} {most:?}");
    }
}
