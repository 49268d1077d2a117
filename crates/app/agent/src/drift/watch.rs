//! The thread that listens to the kernel: it names who made a change while they can still be named.

use super::interest::Interest;
use anyhow::Context as _;
use netloom_state::Namespace;
use netloom_sys::monitor::{Buffer, Change, Monitor, Object};
use netloom_sys::poll::{Interest as PollInterest, PollSet, Waker};
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd as _;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Changes that are kept until they are looked at; of more, only that there were more.
const NOTICED_MAX: usize = 512;

/// What to watch.
pub(super) struct Watched {
    /// What concerns the node, by namespace; others are watched no more.
    pub(super) interests: BTreeMap<Namespace, Interest>,
    /// Monitors of namespaces that had none, or were others before.
    pub(super) fresh: Vec<(Namespace, Monitor)>,
    /// Ports by which the kernel tells our own changes.
    pub(super) ports: BTreeSet<u32>,
}

/// Changes by others that concern the node.
#[derive(Debug, Default)]
pub(crate) struct Noticed {
    /// In the order in which they came.
    pub(crate) changes: Vec<(Namespace, Change)>,
}

/// The thread and what it has noticed.
pub(super) struct Watch {
    /// `None` once it is to end.
    orders: Option<Sender<Watched>>,
    wake: Arc<Waker>,
    shared: Arc<Shared>,
}

struct Shared {
    news: Waker,
    noticed: Mutex<Noticed>,
}

impl Watch {
    pub(super) fn start() -> anyhow::Result<Self> {
        let wake = Arc::new(Waker::new().context("cannot make an eventfd")?);
        let news = Waker::new().context("cannot make an eventfd")?;
        let shared = Arc::new(Shared { news, noticed: Mutex::default() });
        let (orders, inbox) = channel();
        let mut ears = Ears {
            inbox,
            wake: Arc::clone(&wake),
            shared: Arc::clone(&shared),
            monitors: BTreeMap::new(),
            interests: BTreeMap::new(),
            ports: BTreeSet::new(),
        };
        std::thread::Builder::new()
            .name("drift".to_owned())
            .spawn(move || ears.listen())
            .context("cannot start a thread")?;
        Ok(Self { orders: Some(orders), wake, shared })
    }

    pub(super) fn news(&self) -> &Waker {
        &self.shared.news
    }

    pub(super) fn set(&self, watched: Watched) {
        if let Some(orders) = &self.orders {
            // A thread that has ended hears nothing; comparing from time to time goes on.
            let _ = orders.send(watched);
            self.wake.wake();
        }
    }

    pub(super) fn take(&self) -> Noticed {
        let mut noticed = self.shared.noticed.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut noticed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.orders = None;
        self.wake.wake();
    }
}

struct Ears {
    inbox: Receiver<Watched>,
    wake: Arc<Waker>,
    shared: Arc<Shared>,
    monitors: BTreeMap<Namespace, Monitor>,
    interests: BTreeMap<Namespace, Interest>,
    ports: BTreeSet<u32>,
}

impl Ears {
    fn listen(&mut self) {
        let mut buffer = Buffer::default();
        while self.obey() {
            for namespace in self.wait() {
                let Some(monitor) = self.monitors.get_mut(&namespace) else { continue };
                let changes = monitor.read(&mut buffer);
                self.keep(&namespace, changes);
            }
        }
    }

    /// Does what was asked; whether to go on.
    fn obey(&mut self) -> bool {
        self.wake.clear();
        loop {
            match self.inbox.try_recv() {
                Ok(Watched { interests, fresh, ports }) => {
                    self.monitors.extend(fresh);
                    self.monitors.retain(|namespace, _| interests.contains_key(namespace));
                    (self.interests, self.ports) = (interests, ports);
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// The namespaces where something has changed.
    fn wait(&self) -> Vec<Namespace> {
        let mut set = PollSet::new();
        set.add(self.wake.as_fd(), PollInterest::Read);
        let mut numbers = Vec::new();
        for (namespace, monitor) in &self.monitors {
            let of_this = monitor.descriptors().map(|fd| set.add(fd, PollInterest::Read));
            numbers.extend(of_this.map(|number| (number, namespace)));
        }
        if set.wait(None).is_err() {
            return Vec::new();
        }
        let ready = numbers.into_iter().filter(|(number, _)| set.is_ready(*number));
        let ready: BTreeSet<&Namespace> = ready.map(|(_, namespace)| namespace).collect();
        ready.into_iter().cloned().collect()
    }

    fn keep(&self, namespace: &Namespace, changes: Vec<Change>) {
        let interest = self.interests.get(namespace);
        let own = std::process::id();
        let mut relevant: Vec<Change> = changes
            .into_iter()
            .filter(|change| change.port != own && !self.ports.contains(&change.port))
            .filter(|change| interest.is_some_and(|interest| interest.covers(change)))
            .collect();
        if relevant.is_empty() {
            return;
        }
        let mut noticed = self.shared.noticed.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is there has woken the agent already.
        let is_first = noticed.changes.is_empty();
        let room = NOTICED_MAX.saturating_sub(noticed.changes.len());
        if relevant.len() > room {
            relevant.truncate(room);
            if let Some(last) = relevant.last_mut() {
                last.object = Object::Unknown;
            }
        }
        noticed.changes.extend(relevant.into_iter().map(|change| (namespace.clone(), change)));
        if is_first {
            self.shared.news.wake();
        }
    }
}
