//! Planning, applying, history, going back.

use super::answer::{Body, blocking};
use super::{Desk, Failure, view};
use crate::declared::Declared;
use crate::office::{self, Office, OfficeError};
use crate::proposal::Origin;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use netloom_api::{Applied, Apply, NodeRefusal, Plan, Proposed, Revision, Rollback, Sources};
use netloom_control_protocol::Refusal;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Longest wait for nodes.
const WAIT_MAX: Duration = Duration::from_secs(120);
/// How many revisions are listed unless asked otherwise.
const LISTED: usize = 20;
/// Most revisions that are listed.
const LISTED_MAX: usize = 1_000;

pub(super) async fn plan(
    State(desk): State<Desk>,
    Body(plan): Body<Plan>,
) -> Result<Json<Proposed>, Failure> {
    blocking(move || {
        let (revision, proposal, effects) =
            desk.office.plan(declared(&desk.office, plan.sources))?;
        Ok::<_, OfficeError>(Json(view::proposed(revision, &proposal, &effects)))
    })
    .await
}

/// The file's part anew, the API's as it is.
fn declared(office: &Office, sources: Sources) -> Declared {
    let api = office.world().accepted.declared.api.clone();
    Declared { roots: sources.roots, texts: sources.texts, api }
}

pub(super) async fn apply(
    State(desk): State<Desk>,
    Body(apply): Body<Apply>,
) -> Result<Json<Applied>, Failure> {
    let Apply { sources, message, author, expected_revision, wait_ms, keep_refused } = apply;
    let before = desk.office.world().revision;
    let (refused_before, here_before) = (refusals(&desk.office), connected(&desk.office));
    let office = Arc::clone(&desk.office);
    let origin = Origin { author: author.clone(), message, rollback_of: None };
    let done = blocking(move || {
        let declare = |now: &Declared| Declared {
            roots: sources.roots.clone(),
            texts: sources.texts.clone(),
            api: now.api.clone(),
        };
        office.apply(declare, &origin, expected_revision)
    })
    .await?;
    let mut answer = waited(&desk, &done, before, wait_ms).await;
    // What a node refused before, or brings with it when it comes back, is not this change's fault,
    // and going back would not mend it.
    let is_new = refusals(&desk.office)
        .iter()
        .any(|refusal| here_before.contains(&refusal.0) && !refused_before.contains(refusal));
    if is_new && done.changed && !keep_refused {
        let office = Arc::clone(&desk.office);
        let message = format!("nodes refused revision {}", done.revision);
        let origin = Origin { author, message, rollback_of: None };
        blocking(move || office.rollback(before, &origin)).await?;
        answer.rolled_back_to = Some(before);
    }
    Ok(Json(answer))
}

pub(super) async fn rollback(
    State(desk): State<Desk>,
    Body(rollback): Body<Rollback>,
) -> Result<Json<Applied>, Failure> {
    let Rollback { revision, message, author, wait_ms } = rollback;
    let before = desk.office.world().revision;
    let office = Arc::clone(&desk.office);
    let origin = Origin { author, message, rollback_of: None };
    let done = blocking(move || office.rollback(revision, &origin)).await?;
    Ok(Json(waited(&desk, &done, before, wait_ms).await))
}

/// Waits until connected nodes hold what they shall hold, or for as long as the caller wants to.
pub(super) async fn waited(
    desk: &Desk,
    done: &office::Applied,
    base_revision: u64,
    wait_ms: u64,
) -> Applied {
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
            proposed: view::proposed(base_revision, &done.proposal, &done.effects),
            applied: here.into_iter().filter(|name| !behind.contains(name)).collect(),
            behind: behind.into_iter().collect(),
            away,
            refused,
            rolled_back_to: None,
        };
    }
}

fn refused(office: &Office) -> Vec<NodeRefusal> {
    refusals(office).iter().map(|(node, refusal)| view::refusal(node, refusal)).collect()
}

fn connected(office: &Office) -> BTreeSet<String> {
    let observed = office.observed().into_iter().filter(|(_, node)| node.connected);
    observed.map(|(name, _)| name).collect()
}

/// What connected nodes refuse, by node.
fn refusals(office: &Office) -> Vec<(String, Refusal)> {
    let observed = office.observed().into_iter().filter(|(_, node)| node.connected);
    observed
        .flat_map(|(name, node)| node.refused.into_iter().map(move |one| (name.clone(), one)))
        .collect()
}

pub(super) async fn list(
    State(desk): State<Desk>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Vec<Revision>>, Failure> {
    let count =
        query.get("count").and_then(|count| count.parse().ok()).unwrap_or(LISTED).min(LISTED_MAX);
    blocking(move || {
        let history = desk.office.history(count)?;
        let shown = history.into_iter().map(|record| view::revision(record, false)).collect();
        Ok::<_, OfficeError>(Json(shown))
    })
    .await
}

pub(super) async fn one(
    State(desk): State<Desk>,
    Path(number): Path<String>,
) -> Result<Json<Revision>, Failure> {
    let Ok(number) = number.parse() else {
        let text = format!("`{number}` is no number of a revision");
        return Err(Failure::new(StatusCode::BAD_REQUEST, text, "GET /v1/revisions lists them"));
    };
    blocking(move || {
        Ok::<_, OfficeError>(Json(view::revision(desk.office.revision(number)?, true)))
    })
    .await
}
