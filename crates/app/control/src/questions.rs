//! What control asks of nodes while their sessions are open, and who waits for the answer.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

/// A question on its way to a session.
#[derive(Debug)]
pub(crate) struct Question {
    /// What is asked.
    pub(crate) body: Vec<u8>,
    /// Where the answer goes; dropped where there will be none.
    pub(crate) answer: oneshot::Sender<Vec<u8>>,
}

/// The sessions of nodes that can be asked.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    sessions: Mutex<BTreeMap<String, UnboundedSender<Question>>>,
}

/// Why a node has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unanswered {
    /// It has no session here in which it can be asked.
    #[error("it cannot be asked here")]
    NotHere,
    /// Its session ended, or it has taken too long.
    #[error("it has not answered in time")]
    Silent,
}

impl Questions {
    /// A node can be asked from now on; an earlier session of its is no longer used.
    pub(crate) fn open(&self, node: &str, session: UnboundedSender<Question>) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| !session.is_closed());
        sessions.insert(node.to_owned(), session);
    }

    /// Asks a node, and waits for its answer.
    pub(crate) async fn ask(&self, node: &str, body: Vec<u8>) -> Result<Vec<u8>, Unanswered> {
        let session = {
            let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.get(node).cloned().ok_or(Unanswered::NotHere)?
        };
        let (answer, answered) = oneshot::channel();
        session.send(Question { body, answer }).map_err(|_| Unanswered::NotHere)?;
        // The session gives up what its node does not answer in time.
        answered.await.map_err(|_| Unanswered::Silent)
    }
}
