//! Who may do what, and what there is to do.

use super::answer::{Body, blocking};
use super::{Caller, Desk, Failure};
use crate::access;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use netloom_api::{Access, AccessMade, MakeAccess, Me, OPENAPI};

pub(super) async fn openapi() -> impl IntoResponse {
    ([("content-type", "application/json")], OPENAPI)
}

pub(super) async fn me(Extension(caller): Extension<Caller>) -> Json<Me> {
    let Caller { role, name, expires_s, .. } = caller;
    Json(Me { name, role: role.word().to_owned(), expires_s })
}

pub(super) async fn list(State(desk): State<Desk>) -> Result<Json<Vec<Access>>, Failure> {
    blocking(move || access::list(&desk.office).map(Json)).await
}

pub(super) async fn make(
    State(desk): State<Desk>,
    Body(wanted): Body<MakeAccess>,
) -> Result<Json<AccessMade>, Failure> {
    blocking(move || access::make(&desk.office, &wanted).map(Json)).await
}

pub(super) async fn revoke(
    State(desk): State<Desk>,
    Path(id): Path<String>,
) -> Result<Json<Vec<Access>>, Failure> {
    blocking(move || {
        access::revoke(&desk.office, &id)?;
        access::list(&desk.office).map(Json)
    })
    .await
}
