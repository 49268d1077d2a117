//! Nodes and tokens.

use super::answer::{Body, blocking};
use super::{Binding, Desk, Failure, view};
use crate::office::OfficeError;
use crate::record::Standing;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use netloom_api::{Join, Joined, MakeToken, Status, Token, TokenMade};

pub(super) async fn status(State(desk): State<Desk>) -> Json<Status> {
    Json(view::status(&desk.office))
}

/// For Prometheus, which asks with an access token.
pub(super) async fn metrics(State(desk): State<Desk>) -> impl IntoResponse {
    let status = view::status(&desk.office);
    let nodes = status.nodes.into_iter();
    let nodes = nodes.map(|(name, node)| (name, (node.state == "connected", node.report)));
    let kind = [("content-type", "text/plain; version=0.0.4; charset=utf-8")];
    (kind, crate::metrics::text(&nodes.collect()))
}

pub(super) async fn approve(
    State(desk): State<Desk>,
    Path(name): Path<String>,
) -> Result<Json<Status>, Failure> {
    blocking(move || {
        desk.office.approve_node(&name)?;
        Ok::<_, OfficeError>(Json(view::status(&desk.office)))
    })
    .await
}

pub(super) async fn revoke(
    State(desk): State<Desk>,
    Path(name): Path<String>,
) -> Result<Json<Status>, Failure> {
    blocking(move || {
        desk.office.change_node(&name, |record| record.standing = Standing::Revoked)?;
        Ok::<_, OfficeError>(Json(view::status(&desk.office)))
    })
    .await
}

pub(super) async fn remove(
    State(desk): State<Desk>,
    Path(name): Path<String>,
) -> Result<Json<Status>, Failure> {
    blocking(move || {
        desk.office.remove_node(&name)?;
        // A member of control on it is none any more.
        desk.office.keep_member(&name, None)?;
        Ok::<_, OfficeError>(Json(view::status(&desk.office)))
    })
    .await
}

pub(super) async fn leave(
    State(desk): State<Desk>,
    Path(name): Path<String>,
) -> Result<Json<Status>, Failure> {
    blocking(move || {
        desk.office.keep_member(&name, None)?;
        Ok::<_, OfficeError>(Json(view::status(&desk.office)))
    })
    .await
}

pub(super) async fn tokens(State(desk): State<Desk>) -> Result<Json<Vec<Token>>, Failure> {
    blocking(move || desk.admission.tokens(&desk.office).map(Json)).await
}

pub(super) async fn make_token(
    State(desk): State<Desk>,
    Body(wanted): Body<MakeToken>,
) -> Result<Json<TokenMade>, Failure> {
    blocking(move || desk.admission.make_token(&desk.office, &wanted).map(Json)).await
}

pub(super) async fn revoke_token(
    State(desk): State<Desk>,
    Path(id): Path<String>,
) -> Result<Json<Vec<Token>>, Failure> {
    blocking(move || {
        desk.admission.revoke_token(&desk.office, &id)?;
        desk.admission.tokens(&desk.office).map(Json)
    })
    .await
}

pub(super) async fn join(
    State(desk): State<Desk>,
    binding: Option<Extension<Binding>>,
    Body(join): Body<Join>,
) -> Result<Json<Joined>, Failure> {
    let binding = binding.map(|Extension(Binding(binding))| binding);
    blocking(move || desk.admission.join(&desk.office, &join, binding).map(Json)).await
}

#[cfg(test)]
mod tests;
