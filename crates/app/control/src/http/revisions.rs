//! Planning, applying, history, going back.

use super::answer::{Body, blocking};
use super::change::{Terms, change};
use super::{Desk, Failure, view};
use crate::declared::Declared;
use crate::office::{Office, OfficeError};
use crate::proposal::Origin;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use netloom_api::{Applied, Apply, Plan, Proposed, Revision, Rollback, Sources};
use std::collections::HashMap;

/// How many revisions are listed unless asked otherwise.
const LISTED: usize = 20;
/// Most revisions that are listed.
const LISTED_MAX: usize = 1_000;

pub(super) async fn plan(
    State(desk): State<Desk>,
    Body(plan): Body<Plan>,
) -> Result<Json<Proposed>, Failure> {
    blocking(move || {
        let declared = declared(&desk.office, plan.sources);
        let (revision, proposal, effects) = match plan.rollback_to {
            Some(0) => Err(OfficeError::BeforeAll)?,
            back_to => desk.office.plan(declared, back_to)?,
        };
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
    let origin = Origin { author: author.clone(), message, rollback_of: None };
    let make = move |office: &Office| {
        let declare = |now: &Declared| Declared {
            roots: sources.roots.clone(),
            texts: sources.texts.clone(),
            api: now.api.clone(),
        };
        office.apply(declare, &origin, expected_revision)
    };
    change(&desk, Terms { author, wait_ms, keep_refused }, make).await
}

pub(super) async fn rollback(
    State(desk): State<Desk>,
    Body(rollback): Body<Rollback>,
) -> Result<Json<Applied>, Failure> {
    let Rollback { revision, expected_revision, message, author, wait_ms, keep_refused } = rollback;
    let origin = Origin { author: author.clone(), message, rollback_of: None };
    let make = move |office: &Office| match revision {
        // Only what nodes refuse at once goes back to nothing.
        0 => Err(OfficeError::BeforeAll),
        _ => office.rollback(revision, &origin, expected_revision),
    };
    change(&desk, Terms { author, wait_ms, keep_refused }, make).await
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
