//! The one way of a change: made, waited for, and gone back from where nodes refuse it.

use super::answer::blocking;
use super::{Desk, Failure, view};
use crate::observed::Observed;
use crate::office::{self, Office, OfficeError};
use crate::proposal::Origin;
use crate::world::World;
use axum::Json;
use netloom_api::{Applied, NodeRefusal};
use netloom_control_protocol::{Refusal, ResourceKey};
use netloom_resource::Kind;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Longest wait for nodes.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// What a caller wants of a change, whatever it is.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) author: String,
    /// How long to wait for the nodes.
    pub(super) wait_ms: u64,
    /// Whether it stays even if nodes refuse it.
    pub(super) keep_refused: bool,
}

impl Terms {
    pub(super) fn of(author: &str, wait_ms: u64, keep_refused: bool) -> Self {
        Self { author: author.to_owned(), wait_ms, keep_refused }
    }
}

/// Makes a change, waits for the nodes, and goes back to what it was made from if they refuse it.
pub(super) async fn change<E>(
    desk: &Desk,
    terms: Terms,
    make: impl FnOnce(&Office) -> Result<office::Applied, E> + Send + 'static,
) -> Result<Json<Applied>, Failure>
where
    E: Send + 'static,
    Failure: From<E>,
{
    let Terms { author, wait_ms, keep_refused } = terms;
    let here_before = connected(&desk.office);
    let office = Arc::clone(&desk.office);
    let done = blocking(move || make(&office)).await?;
    let mut answer = waited(desk, &done, wait_ms).await;
    // What a node refuses since a change before, though that may be under way still, or brings with it when it
    // comes back, is not this change's fault, and going back would not mend it.
    let is_ours = |(node, refusal, since): &(String, Refusal, u64)| {
        here_before.contains(node) && *since >= done.version && is_new(&done.before, refusal)
    };
    if refusals(&desk.office).iter().any(is_ours) && done.changed && !keep_refused {
        go_back(desk, &done, author, &mut answer).await?;
    }
    Ok(Json(answer))
}

/// Goes back to what a change was made from, unless others have changed something since: that must
/// not be undone with it.
async fn go_back(
    desk: &Desk,
    done: &office::Applied,
    author: String,
    answer: &mut Applied,
) -> Result<(), Failure> {
    let (base, refused) = (done.before.revision, done.revision);
    let office = Arc::clone(&desk.office);
    let message = format!("nodes refused revision {refused}");
    let origin = Origin { author, message, rollback_of: None };
    let back = blocking(move || {
        Ok::<_, OfficeError>(match office.rollback(base, &origin, Some(refused)) {
            Err(OfficeError::Moved { found, .. }) => Err(found),
            back => Ok(back?),
        })
    });
    let back = back.await.map_err(|failure| {
        failure.after(&format!("nodes refuse revision {refused}, and it is in force still"))
    })?;
    match back {
        Ok(_) => answer.rolled_back_to = Some(base),
        Err(found) => answer.overtaken_by = Some(found),
    }
    Ok(())
}

/// Waits until connected nodes hold what they shall hold, or for as long as the caller wants to.
async fn waited(desk: &Desk, done: &office::Applied, wait_ms: u64) -> Applied {
    let wait = Duration::from_millis(wait_ms).min(WAIT_MAX);
    let until = Instant::now() + wait;
    let mut published: watch::Receiver<u64> = desk.published.clone();
    loop {
        published.borrow_and_update();
        let behind = desk.office.behind();
        let refused = refused(&desk.office);
        let is_over = behind.is_empty() || Instant::now() >= until;
        if !is_over {
            // Whether it changed or the time is over: looked at again.
            let _ = tokio::time::timeout_at(until, published.changed()).await;
            continue;
        }
        let world = desk.office.world();
        let observed = desk.office.observed();
        let connected = |name: &String| observed.get(name).is_some_and(|node| node.connected);
        let members = world.accepted.fabric.nodes.keys().filter(|name| world.is_member(name));
        let (here, away): (Vec<String>, Vec<String>) = members.cloned().partition(connected);
        return Applied {
            revision: done.revision,
            changed: done.changed,
            proposed: view::proposed(done.before.revision, &done.proposal, &done.effects),
            applied: here.into_iter().filter(|name| !behind.contains(name)).collect(),
            behind: behind.into_iter().collect(),
            away,
            refused,
            rolled_back_to: None,
            overtaken_by: None,
        };
    }
}

fn refused(office: &Office) -> Vec<NodeRefusal> {
    refusals(office).iter().map(|(node, refusal, _)| view::refusal(node, refusal)).collect()
}

fn connected(office: &Office) -> BTreeSet<String> {
    let observed = office.observed().into_iter().filter(|(_, node)| node.connected);
    observed.map(|(name, _)| name).collect()
}

/// Whether what is refused was not there before as it is now. Of the fabric as a whole nobody knows.
fn is_new(before: &World, refusal: &Refusal) -> bool {
    let key = ResourceKey { kind: refusal.kind, name: refusal.name.clone() };
    let was = before.table.get(&key).filter(|_| Kind::of(refusal.kind) != Some(Kind::Fabric));
    was.is_none_or(|was| *was.resource.version() != refusal.version)
}

/// What connected nodes refuse, by node, and since which commit.
fn refusals(office: &Office) -> Vec<(String, Refusal, u64)> {
    let observed = office.observed().into_iter().filter(|(_, node)| node.connected);
    let of_node = |(name, node): (String, Observed)| {
        let refused = node.refused.into_iter().zip(node.refused_since);
        refused.map(move |(one, since)| (name.clone(), one, since))
    };
    observed.flat_map(of_node).collect()
}

#[cfg(test)]
mod tests;
