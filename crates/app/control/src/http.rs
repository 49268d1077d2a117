//! The HTTP API: routes to the office, errors in one form.

mod answer;
mod networks;
mod nodes;
mod revisions;
mod view;

use crate::admission::Admission;
use crate::office::Office;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use std::sync::Arc;
use tokio::sync::watch;

pub(crate) use answer::Failure;

/// What a caller may do. Each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Join, with a token that the request itself carries.
    Stranger,
    /// Look.
    Viewer,
    /// Plan, apply, go back.
    Operator,
    /// Admit and shut out nodes, and give access to others.
    Admin,
}

/// What the two ends of a TLS connection, and nobody else, know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding(pub(crate) [u8; 32]);

/// What handlers need.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) office: Arc<Office>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) published: watch::Receiver<u64>,
}

/// The API for callers whose role is known, or follows from what they show.
pub(crate) fn router(desk: Desk, known: Option<Role>) -> Router {
    let routes = Router::new()
        .route("/v1/status", get(nodes::status))
        .route("/v1/nodes/{name}/approve", post(nodes::approve))
        .route("/v1/nodes/{name}/revoke", post(nodes::revoke))
        .route("/v1/nodes/{name}/remove", post(nodes::remove))
        .route("/v1/tokens", get(nodes::tokens).post(nodes::make_token))
        .route("/v1/tokens/{id}/revoke", post(nodes::revoke_token))
        .route("/v1/join", post(nodes::join))
        .route("/v1/plan", post(revisions::plan))
        .route("/v1/apply", post(revisions::apply))
        .route("/v1/rollback", post(revisions::rollback))
        .route("/v1/networks", get(networks::list).post(networks::make))
        .route("/v1/networks/{name}", get(networks::one))
        .route("/v1/networks/{name}/remove", post(networks::remove))
        .route("/v1/networks/{name}/connect", post(networks::connect))
        .route("/v1/networks/{name}/disconnect", post(networks::disconnect))
        .route("/v1/revisions", get(revisions::list))
        .route("/v1/revisions/{number}", get(revisions::one))
        .fallback(unknown_path);
    let gate = Gate { known, desk: desk.clone() };
    routes.layer(from_fn_with_state(gate, admit)).with_state(desk)
}

/// Who is let in.
#[derive(Clone)]
struct Gate {
    known: Option<Role>,
    desk: Desk,
}

/// Lets a request pass if its caller's role allows it.
async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let needed = needed(request.method().as_str(), request.uri().path());
    let role = gate.known.unwrap_or_else(|| {
        let shown = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let secret = shown.and_then(|shown| shown.strip_prefix("Bearer "));
        secret.map_or(Role::Stranger, |secret| gate.desk.admission.role_of(secret))
    });
    if role >= needed {
        return next.run(request).await;
    }
    let (code, text) = if role == Role::Stranger {
        (StatusCode::UNAUTHORIZED, "this needs an access token, and none that is valid was shown")
    } else {
        (StatusCode::FORBIDDEN, "your access token does not allow this")
    };
    let solution = "ask an admin for one: netloom access create --role ROLE";
    Failure::new(code, text, solution).into_response()
}

/// The role that a request needs.
fn needed(method: &str, path: &str) -> Role {
    match (method, path) {
        ("POST", "/v1/join") => Role::Stranger,
        ("GET", "/v1/tokens") => Role::Admin,
        ("GET", _) | ("POST", "/v1/plan") => Role::Viewer,
        (_, "/v1/apply" | "/v1/rollback") => Role::Operator,
        ("POST", path) if path.starts_with("/v1/networks") => Role::Operator,
        _ => Role::Admin,
    }
}

async fn unknown_path(request: Request) -> Failure {
    let text = format!("there is no {} {}", request.method(), request.uri().path());
    Failure::new(StatusCode::NOT_FOUND, text, "GET /v1/openapi.json lists what there is")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_changing_and_admitting_need_more_each() {
        assert_eq!(needed("POST", "/v1/join"), Role::Stranger);
        assert_eq!(needed("GET", "/v1/status"), Role::Viewer);
        assert_eq!(needed("POST", "/v1/plan"), Role::Viewer);
        assert_eq!(needed("POST", "/v1/apply"), Role::Operator);
        assert_eq!(needed("POST", "/v1/tokens"), Role::Admin);
        assert_eq!(needed("GET", "/v1/tokens"), Role::Admin);
        assert_eq!(needed("POST", "/v1/nodes/a/revoke"), Role::Admin);
        assert_eq!(needed("DELETE", "/v1/anything"), Role::Admin, "what is not known is not open");
        assert!(Role::Stranger < Role::Viewer && Role::Operator < Role::Admin);
    }
}
