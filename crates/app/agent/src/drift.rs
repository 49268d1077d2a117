//! Drift: what others changed of what the node holds, noticed, put down, and when to look for it.
//!
//! ```text
//! kernel ─► watch (a thread) ─ what concerns us ─► pace: when to compare ─► mend ─► an event
//! ```
//! A change is only a reason to compare plan and kernel. What counts as drift is what differs then,
//! so our own changes, and changes that lead to the plan, are none.

mod interest;
mod pace;
mod watch;
mod words;

pub(crate) use words::event;

use crate::log;
use crate::protocol::{DriftEvent, DriftStatus};
use interest::Interest;
use netloom_base::Time;
use netloom_state::{ALIAS_PREFIX, HostState, Namespace};
use netloom_sys::Executor;
use netloom_sys::monitor::Monitor;
use netloom_sys::poll::Waker;
use pace::Pace;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
pub(crate) use watch::Noticed;
use watch::{Watch, Watched};

/// Events that are kept; older ones are forgotten, but counted.
const EVENTS_MAX: usize = 200;
/// How often namespaces and sysctls are looked at: the kernel does not tell when a namespace loses its name, nor, for
/// most sysctls, when one is set.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// How often plan and kernel are compared without a reason: a monitor may have lost what it was told.
const CHECK_INTERVAL: Duration = Duration::from_secs(30);

/// How soon what could not be mended is tried again, doubled each time.
const RETRY_MIN: Duration = Duration::from_secs(1);

/// What the agent knows of drift.
pub(crate) struct Drift {
    watch: Watch,
    mark: String,
    pace: Pace,
    look_due: Time,
    check_due: Time,
    /// Which namespaces are watched, by what tells them from others of the same name.
    watched: BTreeMap<Namespace, (u64, u64)>,
    /// Comparisons in a row that found what they could not mend.
    failures: u32,
    /// The plan has changed since the thread was told what to watch for.
    is_stale: bool,
    status: Counters,
    events: VecDeque<DriftEvent>,
}

/// How often what happened.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    events: u64,
    looks: u64,
    checks: u64,
}

impl Drift {
    /// Starts the thread that listens.
    pub(crate) fn start(fabric: &str) -> anyhow::Result<Self> {
        Ok(Self {
            watch: Watch::start()?,
            mark: format!("{ALIAS_PREFIX}{fabric}"),
            pace: Pace::default(),
            look_due: Time::ZERO,
            check_due: Time::ZERO,
            watched: BTreeMap::new(),
            failures: 0,
            is_stale: true,
            status: Counters::default(),
            events: VecDeque::new(),
        })
    }

    /// Readable when something has changed that concerns the node.
    pub(crate) fn news(&self) -> &Waker {
        self.watch.news()
    }

    /// The node is to be something else from now on.
    pub(crate) fn plan_changed(&mut self, now: Time) {
        self.is_stale = true;
        self.look_due = now;
        self.check_due = now + CHECK_INTERVAL;
    }

    /// There is a reason to compare.
    pub(crate) fn suspect(&mut self, now: Time) {
        self.pace.suspect(now);
    }

    /// Notices what has happened; gives whether to compare now.
    pub(crate) fn is_due(&mut self, plan: &HostState, executor: &mut Executor, now: Time) -> bool {
        if self.watch.news().clear() {
            self.pace.suspect(now);
        }
        if now >= self.look_due {
            self.look_due = now + LOOK_INTERVAL;
            self.status.looks += 1;
            if self.look(plan, executor) || executor.has_other_sysctls(plan) {
                self.pace.suspect(now);
            }
        }
        if now >= self.check_due {
            self.pace.suspect(now);
        }
        self.pace.is_due(now)
    }

    /// When to look or to compare next.
    pub(crate) fn next(&self) -> Time {
        let due = self.look_due.min(self.check_due);
        self.pace.due().map_or(due, |compare| compare.min(due))
    }

    /// What was noticed since the last time; a comparison begins.
    pub(crate) fn take(&mut self) -> Noticed {
        self.status.checks += 1;
        self.watch.take()
    }

    /// What was noticed since the comparison began: what is found may have been done a moment before
    /// it was looked at, and heard of a moment after.
    pub(crate) fn overheard(&mut self) -> Noticed {
        self.watch.take()
    }

    /// A comparison has ended, with this event if something was found.
    pub(crate) fn checked(&mut self, event: Option<DriftEvent>, now: Time) {
        let has_failed = event.as_ref().is_some_and(|event| event.error.is_some());
        self.failures = if has_failed { self.failures.saturating_add(1) } else { 0 };
        self.pace.checked(now, event.is_some());
        let again = RETRY_MIN * (1 << self.failures.saturating_sub(1).min(5));
        self.check_due = now + if has_failed { again.min(CHECK_INTERVAL) } else { CHECK_INTERVAL };
        if let Some(event) = event {
            self.put_down(event);
        }
    }

    fn put_down(&mut self, event: DriftEvent) {
        self.status.events += 1;
        // What cannot be mended is found again and again, and told once.
        if let Some(last) = self.events.back_mut()
            && last.error.is_some()
            && (&last.error, &last.found) == (&event.error, &event.found)
        {
            last.times += 1;
            last.time_ms = event.time_ms;
            return;
        }
        log::line(&words::line(&event));
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// What is known, for status.
    pub(crate) fn status(&self) -> DriftStatus {
        let Counters { events, looks, checks } = self.status;
        let watched = self.watched.len();
        DriftStatus {
            count: events,
            looks,
            checks,
            watched,
            events: self.events.iter().cloned().collect(),
        }
    }

    /// Why the kernel is not as planned, if the last that was found could not be mended.
    pub(crate) fn error(&self) -> Option<String> {
        if self.failures == 0 {
            return None;
        }
        let last = self.events.back()?;
        last.error.as_ref().map(|error| format!("{}: {error}", last.found.join(", ")))
    }

    /// Watches the namespaces of the plan, and notices those that are gone or others than before.
    fn look(&mut self, plan: &HostState, executor: &mut Executor) -> bool {
        let (mut fresh, mut is_lost) = (Vec::new(), false);
        self.watched.retain(|namespace, _| plan.namespaces.contains_key(namespace));
        for (namespace, state) in &plan.namespaces {
            let Some(found) = executor.find(namespace) else {
                is_lost |= matches!(namespace, Namespace::Own(_));
                continue;
            };
            if self.watched.get(namespace) == Some(&found.identity()) {
                continue;
            }
            let tables = !state.tables.is_empty();
            // What cannot be watched is compared from time to time all the same.
            if let Ok(Ok(monitor)) = found.run(|| Monitor::open(tables)) {
                self.watched.insert(namespace.clone(), found.identity());
                fresh.push((namespace.clone(), monitor));
            }
        }
        // What happened before a monitor was there, it has not heard.
        let is_new = !fresh.is_empty();
        if self.is_stale || is_new {
            let interests = plan
                .namespaces
                .iter()
                .map(|(namespace, state)| (namespace.clone(), Interest::of(state, &self.mark)));
            let ports = executor.ports();
            self.watch.set(Watched { interests: interests.collect(), fresh, ports });
            self.is_stale = false;
        }
        is_lost || is_new
    }
}
