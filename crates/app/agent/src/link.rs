//! The agent's link to control: a thread that keeps a session open, and what passes to and fro.
//!
//! ```text
//!  agent's loop ── Command: acknowledge, status, keys ──► link's thread ══ TLS ══ control
//!       ▲ └──────── verifies, applies, keeps ◄── Event: delta, state ──┘
//! ```
//! Control may be away: the thread tries again, and the node goes on with what it holds.

mod connection;
mod session;
pub(crate) mod tls;

use crate::joined::JoinedFacts;
use anyhow::Context as _;
use netloom_control_protocol::{Delta, Refusal, ResourceSet};
use netloom_sys::poll::Waker;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What the link tells the agent.
#[derive(Debug)]
pub(crate) enum Event {
    /// Control wants something else: to be verified, kept, applied, and acknowledged.
    Delta(Delta),
    /// How the link is doing.
    State(LinkState),
    /// Control asks something.
    Asked(Asked),
    /// How far this host's clock is ahead of control's, in milliseconds, as control has greeted the node.
    ClockAhead(i64),
}

/// A question of control. One that was asked in a session which has ended needs no answer.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    id: u32,
    /// What it asks.
    pub(crate) body: Vec<u8>,
    answers: UnboundedSender<(u32, Vec<u8>)>,
}

impl Asked {
    /// Answers it.
    pub(crate) fn answer(&self, body: Vec<u8>) {
        let _ = self.answers.send((self.id, body));
    }
}

/// How the link is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    /// A session is open, with this address.
    Connected(String),
    /// There is none, for this reason.
    Away(String),
}

/// What the agent tells the link.
#[derive(Debug)]
pub(crate) enum Command {
    /// A delta is kept and applied, but for these resources.
    Acknowledge {
        /// The delta's number.
        sequence: u64,
        /// What cannot be put in force.
        refused: Vec<Refusal>,
    },
    /// A delta was not signed by control.
    Distrust,
    /// How the node is.
    Status(Vec<u8>),
    /// What others need to call this node.
    Keys(KeyFacts),
    /// Where the members of control answer from now on, each `host:port`.
    Members(Vec<String>),
}

/// What others need to call this node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyFacts {
    /// X25519 public keys by network.
    pub(crate) public_keys: BTreeMap<String, [u8; 32]>,
    /// UDP port of the tunnels.
    pub(crate) listen_port: u16,
    /// Whether the processor has instructions for AES-GCM.
    pub(crate) has_aes_gcm: bool,
}

/// The link.
pub(crate) struct ControlLink {
    events: Receiver<Event>,
    waker: Arc<Waker>,
    commands: UnboundedSender<Command>,
}

/// What the link's thread needs.
pub(crate) struct Ends {
    facts: JoinedFacts,
    folder: PathBuf,
    events: Sender<Event>,
    waker: Arc<Waker>,
    commands: UnboundedReceiver<Command>,
}

impl ControlLink {
    /// Starts the thread, with what the node holds of which commit.
    pub(crate) fn start(
        folder: PathBuf,
        facts: JoinedFacts,
        held: ResourceSet,
        revision: u64,
        clock_floor_ms: u64,
    ) -> anyhow::Result<Self> {
        let (event_sender, events) = channel();
        let (commands, command_receiver) = unbounded_channel();
        let waker = Arc::new(Waker::new().context("cannot make an eventfd")?);
        let ends = Ends {
            facts,
            folder,
            events: event_sender,
            waker: Arc::clone(&waker),
            commands: command_receiver,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the link to control")?;
        std::thread::Builder::new()
            .name("control-link".to_owned())
            .spawn(move || {
                runtime.block_on(connection::keep(ends, held, revision, clock_floor_ms));
            })
            .context("cannot start a thread")?;
        Ok(Self { events, waker, commands })
    }

    /// Ready to read when there are events.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.waker.as_fd()
    }

    /// The next event, if there is one.
    pub(crate) fn next(&self) -> Option<Event> {
        self.waker.clear();
        self.events.try_recv().ok()
    }

    /// Tells the link something. One that has ended is told by its last state.
    pub(crate) fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
    }
}

impl Ends {
    /// Tells the agent something; gives whether anybody listens.
    fn tell(&self, event: Event) -> bool {
        let told = self.events.send(event).is_ok();
        self.waker.wake();
        told
    }
}
