//! Several writers on a real etcd while its members are killed: what is acknowledged must be found, what is refused must not.

use crate::cluster::Cluster;
use crate::suite::put;
use crate::watched::Watched;
use anyhow::{Context as _, anyhow, ensure};
use netloom_store::{CommitError, EtcdBackend, EtcdSettings, Settings, Snapshot, Store};
use netloom_testkit::random_fabric::Dice;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a member stays down, in acknowledged commits, or else in time.
const DOWN_COMMITS: u64 = 40;
const DOWN_MAX: Duration = Duration::from_secs(4);
/// How long the store tries before it says that it failed, or does not know. Short, so that both happen.
const PATIENCE: Duration = Duration::from_secs(1);
/// Pause after a failure of the store.
const PAUSE: Duration = Duration::from_millis(20);
/// So long nothing may be acknowledged before it is given up.
const STILL_MAX: Duration = Duration::from_secs(120);

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Commits that are acknowledged.
    pub writes: u64,
    /// Writers.
    pub writers: usize,
    /// How often a member is killed and started again, the leader first; once two are, so that the rest can do nothing.
    pub kills: u64,
    /// Of the choice of members, and of values.
    pub seed: u64,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Commits that were acknowledged.
    pub acknowledged: u64,
    /// Of these, those that are there at the end.
    pub found: u64,
    /// Of these, those that are not.
    pub lost: u64,
    /// Commits that were refused because another came first.
    pub conflicts: u64,
    /// Commits that were refused because the store failed.
    pub failures: u64,
    /// Commits that were refused, and are there.
    pub refused_and_found: u64,
    /// Swaps whose answer got lost.
    pub answers_lost: u64,
    /// Commits of which the store said that it is not known whether they hold. They were asked about again.
    pub unknown: u64,
    /// Members that were killed.
    pub kills: u64,
    /// Of these, those that led.
    pub leaders_killed: u64,
    /// How long acknowledged commits took, in order.
    pub latencies: Vec<Duration>,
    /// How long all of it took.
    pub took: Duration,
}

impl Found {
    /// The latency that so many of 100 commits kept.
    #[must_use]
    pub fn latency(&self, percent: usize) -> Duration {
        let at = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

/// What one writer was told.
#[derive(Debug, Default)]
struct Told {
    held: Vec<String>,
    refused: Vec<String>,
    conflicts: u64,
    failures: u64,
    unknown: u64,
    latencies: Vec<Duration>,
}

/// Shared by all.
#[derive(Debug, Default)]
struct Progress {
    acknowledged: AtomicU64,
    is_over: AtomicBool,
}

/// Writes until enough is acknowledged, while members are killed; then compares.
///
/// # Errors
/// etcd did not come back, or what is stored is damaged.
pub fn run(cluster: &mut Cluster, fabric: u128, load: Load) -> anyhow::Result<Found> {
    let start = Instant::now();
    let backend = |cluster: &Cluster| -> anyhow::Result<Arc<Watched>> {
        let settings = EtcdSettings { patience: PATIENCE, ..cluster.settings(fabric)? };
        Ok(Arc::new(Watched::new(Arc::new(EtcdBackend::new(settings)?))))
    };
    let backends = (0..load.writers).map(|_| backend(cluster));
    let backends: Vec<Arc<Watched>> = backends.collect::<Result<_, _>>()?;
    let settings = Settings { settle_timeout: PATIENCE, ..Settings::default() };
    let open = |backend: &Arc<Watched>| Store::open_with(Arc::clone(backend), settings);
    let writers: Vec<Store> = backends.iter().map(open).collect::<Result<_, _>>()?;
    let progress = Progress::default();
    let mut found = Found::default();
    let told = std::thread::scope(|scope| -> anyhow::Result<Vec<Told>> {
        let progress = &progress;
        let start = |(writer, store)| scope.spawn(move || write(writer, store, load, progress));
        let threads: Vec<_> = writers.iter().enumerate().map(start).collect();
        let killed = strike(cluster, load, progress, &mut found);
        if killed.is_err() {
            progress.is_over.store(true, Ordering::Release);
        }
        let told = threads.into_iter().map(|one| one.join().map_err(|_| anyhow!("a panic"))?);
        let told = told.collect::<anyhow::Result<Vec<Told>>>();
        killed.context("killing members")?;
        told
    })?;
    cluster.wait_until_ready()?;
    found.answers_lost = backends.iter().map(|one| one.unsettled.load(Ordering::Relaxed)).sum();
    compare(&Store::open(backend(cluster)?)?, told, &mut found)?;
    found.took = start.elapsed();
    Ok(found)
}

fn write(writer: usize, store: &Store, load: Load, progress: &Progress) -> anyhow::Result<Told> {
    let mut told = Told::default();
    let mut attempt = 0_u64;
    while progress.acknowledged.load(Ordering::Acquire) < load.writes
        && !progress.is_over.load(Ordering::Acquire)
    {
        attempt += 1;
        // Each attempt has a name of its own, so that it can be told afterwards whether it took effect.
        let name = format!("w{writer}/{attempt:08}");
        let begun = Instant::now();
        let changes = vec![put(&name, name.as_str()), put("last/writer", name.as_str())];
        let result = store.snapshot().map_err(CommitError::Store);
        match settled(store, result.and_then(|base| store.commit(&base, changes)), &mut told) {
            Ok(snapshot) => {
                told.latencies.push(begun.elapsed());
                ensure!(snapshot.version() > 0, "a commit without a number");
                told.held.push(name);
                progress.acknowledged.fetch_add(1, Ordering::AcqRel);
            }
            Err(CommitError::Conflict { .. }) => {
                told.conflicts += 1;
                told.refused.push(name);
            }
            Err(CommitError::Store(_)) => {
                told.failures += 1;
                told.refused.push(name);
                std::thread::sleep(PAUSE);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(told)
}

/// What is not known is asked until it is.
fn settled(
    store: &Store,
    mut result: Result<Snapshot, CommitError>,
    told: &mut Told,
) -> Result<Snapshot, CommitError> {
    let start = Instant::now();
    while let Err(CommitError::Unknown { pending, .. }) = &result {
        if start.elapsed() > STILL_MAX {
            break;
        }
        told.unknown += 1;
        result = store.settle(&pending.clone());
    }
    result
}

/// Kills members one after the other, evenly over the commits.
fn strike(
    cluster: &mut Cluster,
    load: Load,
    progress: &Progress,
    found: &mut Found,
) -> anyhow::Result<()> {
    let mut dice = Dice::new(load.seed);
    let acknowledged = || progress.acknowledged.load(Ordering::Acquire);
    for kill in 0..load.kills {
        let due = load.writes * (kill + 1) / (load.kills + 1);
        wait_for(&acknowledged, due)?;
        let leader = cluster.leader();
        // The leader first, and half of the times; one that is not known counts as none.
        let index = match leader {
            Some(leader) if kill == 0 || dice.one_in(2) => leader,
            _ => dice.below(cluster.len() as u64) as usize,
        };
        let other = (index + 1) % cluster.len();
        let is_outage = kill == load.kills / 2;
        cluster.kill(index)?;
        found.kills += 1;
        if is_outage {
            cluster.kill(other)?;
            found.kills += 1;
        }
        found.leaders_killed += u64::from(leader == Some(index));
        let (before, since) = (acknowledged(), Instant::now());
        while acknowledged() < before + DOWN_COMMITS && since.elapsed() < DOWN_MAX {
            std::thread::sleep(Duration::from_millis(5));
        }
        cluster.restart(index)?;
        if is_outage {
            cluster.restart(other)?;
        }
        cluster.wait_until_ready()?;
    }
    wait_for(&acknowledged, load.writes)
}

fn wait_for(acknowledged: &dyn Fn() -> u64, due: u64) -> anyhow::Result<()> {
    let mut last = (acknowledged(), Instant::now());
    while last.0 < due {
        std::thread::sleep(Duration::from_millis(5));
        let now = acknowledged();
        if now > last.0 {
            last = (now, Instant::now());
        }
        ensure!(last.1.elapsed() < STILL_MAX, "nothing was acknowledged for {STILL_MAX:?}");
    }
    Ok(())
}

/// What is there, against what was told.
fn compare(store: &Store, told: Vec<Told>, found: &mut Found) -> anyhow::Result<()> {
    let end = store.snapshot()?;
    let there: BTreeSet<String> = end.list("w")?.into_iter().collect();
    for told in told {
        found.conflicts += told.conflicts;
        found.failures += told.failures;
        found.unknown += told.unknown;
        found.acknowledged += told.held.len() as u64;
        found.latencies.extend(told.latencies);
        for name in &told.held {
            let value = end.get(name)?;
            let is_there = there.contains(name) && value.as_deref() == Some(name.as_bytes());
            *(if is_there { &mut found.found } else { &mut found.lost }) += 1;
        }
        found.refused_and_found +=
            told.refused.iter().filter(|name| there.contains(*name)).count() as u64;
    }
    found.latencies.sort_unstable();
    // Each commit counts once, so none held that nobody was told of.
    ensure!(
        end.version() == found.acknowledged && there.len() as u64 == found.acknowledged,
        "version {} with {} names after {} acknowledged commits",
        end.version(),
        there.len(),
        found.acknowledged
    );
    store.collect_garbage(Duration::ZERO)?;
    end.verify().context("after collecting garbage")?;
    Ok(())
}
