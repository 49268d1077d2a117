//! Killed processes: a child commits to an embedded store and says what holds; it is killed again and again.

use crate::history;
use anyhow::{Context as _, bail, ensure};
use netloom_store::{RedbBackend, Store};
use netloom_testkit::random_fabric::Dice;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The variable that makes a program the child: the file of the store.
pub const CHILD_FILE: &str = "NETLOOM_STORE_CHILD_FILE";
/// Commits that a child makes before it is killed, at most.
const COMMITS_MAX: u64 = 40;
/// How long a child lives after that, at most, in microseconds.
const AFTER_MICROS_MAX: u64 = 8_000;

/// What runs have found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Children that were killed.
    pub kills: u64,
    /// Commits that were acknowledged.
    pub acknowledged: u64,
    /// Kills after which a commit was there that had not been acknowledged.
    pub done: u64,
    /// Kills before the store could be opened.
    pub before_opening: u64,
}

/// What the child does: it commits, and says what holds, until it is killed.
///
/// # Errors
/// The store fails.
pub fn child(file: &Path) -> anyhow::Result<()> {
    let store = Store::open(RedbBackend::open(file)?)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "open {}", store.snapshot()?.version())?;
    out.flush()?;
    loop {
        let base = store.snapshot()?;
        let next = store.commit(&base, history::changes(base.version() + 1))?;
        writeln!(out, "holds {}", next.version())?;
        out.flush()?;
        if next.version().is_multiple_of(16) {
            store.collect_garbage(Duration::ZERO)?;
        }
    }
}

/// Kills so many children of `program`, which must call [`child`] where [`CHILD_FILE`] is set.
///
/// # Errors
/// Something else was found than the last commit that was acknowledged, or the one that was under way.
pub fn run(
    program: &mut dyn FnMut() -> Command,
    folder: &Path,
    kills: u64,
    seed: u64,
) -> anyhow::Result<Found> {
    let mut dice = Dice::new(seed);
    let mut found = Found::default();
    let file = folder.join("killed.redb");
    let mut last = 0;
    for kill in 0..kills {
        let context = || format!("seed {seed}, kill {kill}");
        if dice.one_in(10) {
            // From the beginning, so that creating is killed too.
            let _ = std::fs::remove_file(&file);
            last = 0;
        }
        let acknowledged = one(program, &file, &mut dice, &mut found).with_context(context)?;
        last = acknowledged.unwrap_or(last);
        let store = Store::open(RedbBackend::open(&file)?).with_context(context)?;
        let snapshot = store.snapshot()?;
        let version = snapshot.version();
        let is_right = version == last || version == last + 1;
        ensure!(is_right, "{}: {version} was found after {last} was acknowledged", context());
        history::check(&snapshot, version).with_context(context)?;
        found.done += version - last;
        found.kills += 1;
        last = version;
    }
    Ok(found)
}

/// One child's life; gives the last commit that it said to hold.
fn one(
    program: &mut dyn FnMut() -> Command,
    file: &Path,
    dice: &mut Dice,
    found: &mut Found,
) -> anyhow::Result<Option<u64>> {
    let mut child = program()
        .env(CHILD_FILE, file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("the child cannot be run")?;
    let out = BufReader::new(child.stdout.take().context("there is no pipe")?);
    let (mut last, mut commits) = (None, 0);
    let wanted = dice.below(COMMITS_MAX);
    let mut lines = out.lines();
    let mut hear = |line: &str| -> anyhow::Result<()> {
        match line.rsplit_once(' ') {
            Some((words, number)) if words.ends_with("open") => last = Some(number.parse()?),
            Some((words, number)) if words.ends_with("holds") => {
                last = Some(number.parse()?);
                commits += 1;
            }
            _ => {}
        }
        Ok(())
    };
    if wanted > 0 {
        let mut heard = 0;
        while heard < wanted {
            let Some(line) = lines.next() else { bail!("the child ended: {:?}", child.wait()?) };
            let line = line?;
            hear(&line)?;
            heard += u64::from(line.contains("holds "));
        }
    }
    std::thread::sleep(Duration::from_micros(dice.below(AFTER_MICROS_MAX)));
    child.kill()?;
    child.wait()?;
    // What it said before it died, and was not heard yet. The last line may be cut off, and was said nevertheless.
    for line in lines {
        hear(&line?)?;
    }
    found.acknowledged += commits;
    found.before_opening += u64::from(last.is_none());
    Ok(last)
}
