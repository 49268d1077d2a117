//! Runs the suite on an embedded store and on a real etcd, then the load, the kills and the power cuts; prints figures last.
#![forbid(unsafe_code)]

use anyhow::Context as _;
use netloom_store::{Backend, EtcdBackend, RedbBackend};
use netloom_store_conformance::cluster::{Cluster, Options};
use netloom_store_conformance::load::{self, Load};
use netloom_store_conformance::place::Place;
use netloom_store_conformance::{kill, suite, torn};
use std::fmt::Display;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

/// Members of etcd.
const MEMBERS: usize = 3;

/// What is asked for.
struct Wanted {
    writes: u64,
    writers: usize,
    member_kills: u64,
    kills: u64,
    torn: u64,
    seed: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    if let Some(file) = std::env::var_os(kill::CHILD_FILE) {
        kill::child(Path::new(&file))?;
        return Ok(ExitCode::SUCCESS);
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name, default| number(&arguments, name, default);
    let wanted = Wanted {
        writes: number("--writes", 10_000)?,
        writers: number("--writers", 4)? as usize,
        member_kills: number("--member-kills", 20)?,
        kills: number("--kills", 300)?,
        torn: number("--torn", 1000)?,
        seed: number("--seed", 1)?,
    };
    let folder = Folder::new()?;
    let is_good = run(&wanted, &folder.0)?;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `--name value` as a number, or what it is otherwise.
fn number(arguments: &[String], name: &str, default: u64) -> anyhow::Result<u64> {
    let Some(at) = arguments.iter().position(|argument| argument == name) else {
        return Ok(default);
    };
    let value = arguments.get(at + 1).with_context(|| format!("{name} needs a number"))?;
    value.parse().with_context(|| format!("{name} {value}"))
}

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("netloom-conform-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn say(words: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "==> {words}")?)
}

fn figure(name: &str, value: impl Display) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{name}: {value}")?)
}

fn run(wanted: &Wanted, folder: &Path) -> anyhow::Result<bool> {
    say("the suite on an embedded store")?;
    let embedded = conform_embedded(folder)?;
    say(&format!("the suite on etcd, {MEMBERS} members"))?;
    let mut cluster = Cluster::start(&folder.join("etcd"), MEMBERS, Options::default())?;
    let etcd = conform_etcd(&cluster)?;
    let &Wanted { writes, writers, member_kills: kills, seed, .. } = wanted;
    say(&format!("{writes} commits by {writers} writers, {kills} members killed"))?;
    let loaded = load::run(&mut cluster, u128::MAX, Load { writes, writers, kills, seed })?;
    drop(cluster);
    say(&format!("{} processes killed while they commit", wanted.kills))?;
    let program = std::env::current_exe()?;
    let killed = kill::run(&mut || Command::new(&program), folder, wanted.kills, seed)?;
    say(&format!("{} stores through power cuts", wanted.torn))?;
    let mut torn = torn::Found::default();
    for number in 0..wanted.torn {
        torn.add(torn::trial(seed.wrapping_mul(1_000_003).wrapping_add(number))?);
    }
    figure("embedded cases held", embedded)?;
    figure("etcd cases held", etcd)?;
    figure("cases", suite::cases().len())?;
    print_load(&loaded)?;
    figure("processes killed", killed.kills)?;
    figure("commits acknowledged before kills", killed.acknowledged)?;
    figure("commits that held unacknowledged at a kill", killed.done)?;
    figure("killed before opening", killed.before_opening)?;
    figure("power cuts", torn.cuts)?;
    figure("power cuts in recovery", torn.in_recovery)?;
    figure("commits acknowledged before power cuts", torn.acknowledged)?;
    figure("commits undone by a power cut, unacknowledged", torn.undone)?;
    figure("commits that held unacknowledged at a power cut", torn.done)?;
    let cases = suite::cases().len() as u64;
    Ok(embedded == cases && etcd == cases && loaded.lost == 0 && loaded.refused_and_found == 0)
}

fn print_load(loaded: &load::Found) -> anyhow::Result<()> {
    figure("writes acknowledged", loaded.acknowledged)?;
    figure("found", loaded.found)?;
    figure("lost", loaded.lost)?;
    figure("refused and found", loaded.refused_and_found)?;
    figure("conflicts", loaded.conflicts)?;
    figure("refused for failures", loaded.failures)?;
    figure("answers lost", loaded.answers_lost)?;
    figure("said to be unknown, and settled", loaded.unknown)?;
    figure("members killed", loaded.kills)?;
    figure("leaders killed", loaded.leaders_killed)?;
    for percent in [50, 99] {
        let millis = loaded.latency(percent).as_secs_f64() * 1000.0;
        figure(&format!("commit p{percent} ms"), format!("{millis:.1}"))?;
    }
    figure("load seconds", format!("{:.0}", loaded.took.as_secs_f64()))
}

/// How many cases hold; those that do not are said.
fn held((passed, failed): (u64, Vec<String>)) -> anyhow::Result<u64> {
    for words in failed {
        writeln!(std::io::stdout(), "FAILED {words}")?;
    }
    Ok(passed)
}

fn conform_embedded(folder: &Path) -> anyhow::Result<u64> {
    let mut number = 0;
    let place = || {
        number += 1;
        let backend = RedbBackend::open(folder.join(format!("suite-{number}.redb")))?;
        let backend: Arc<dyn Backend> = Arc::new(backend);
        Ok(Place::new(move || Ok(Arc::clone(&backend))))
    };
    held(suite::run(place, |_| {})?)
}

fn conform_etcd(cluster: &Cluster) -> anyhow::Result<u64> {
    let mut fabric = 0;
    let place = || {
        fabric += 1;
        let settings = cluster.settings(fabric)?;
        Ok(Place::new(
            move || Ok(Arc::new(EtcdBackend::new(settings.clone())?) as Arc<dyn Backend>),
        ))
    };
    held(suite::run(place, |_| {})?)
}
