//! The HTTP API: routes to the office, each with the role that it needs, and errors in one form.

mod access;
mod answer;
mod change;
mod connectivity;
mod events;
mod guard;
mod network_view;
mod networks;
mod nodes;
mod objects;
mod pages;
mod peers;
mod revisions;
mod routes;
mod view;

use crate::admission::Admission;
use crate::office::Office;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};
use std::sync::Arc;
use tokio::sync::watch;

pub(crate) use answer::Failure;
pub(crate) use events::Events;
pub(crate) use guard::Hosts;

/// Longest body of a request by somebody who has shown nothing yet.
const STRANGER_BYTES_MAX: usize = 64 << 10;
/// Longest body of a request: a fabric's files, as JSON.
const BODY_BYTES_MAX: usize = 64 << 20;

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

impl Role {
    /// As the API says it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Stranger => "none",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) role: Role,
    pub(crate) name: String,
    pub(crate) expires_s: Option<u64>,
    /// What was shown, for looking whether it is valid still.
    pub(crate) secret: Option<Arc<str>>,
}

impl Caller {
    /// Whoever may open control's socket.
    fn local() -> Self {
        let name = "root on this host".to_owned();
        Self { role: Role::Admin, name, expires_s: None, secret: None }
    }

    fn stranger() -> Self {
        Self { role: Role::Stranger, name: String::new(), expires_s: None, secret: None }
    }
}

/// What the two ends of a TLS connection, and nobody else, know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding(pub(crate) [u8; 32]);

/// What handlers need.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) office: Arc<Office>,
    pub(crate) admission: Arc<Admission>,
    /// Changes with each commit, and with each word of a node.
    pub(crate) published: watch::Receiver<u64>,
    /// Changes with each commit.
    pub(crate) versions: watch::Receiver<u64>,
    pub(crate) events: Arc<Events>,
}

/// Where requests come from, and so how their caller is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// The Unix socket: whoever may open it is an admin.
    Local,
    /// A connection: a caller is who shows an access token.
    Net,
}

/// The API for callers who come through a door.
pub(crate) fn router(desk: &Desk, door: Door) -> Router {
    routes::all(Routes::new(desk, door)).router.with_state(desk.clone())
}

/// The API and the dashboard for browsers, which name one of `hosts`.
pub(crate) fn browser_router(desk: &Desk, hosts: Hosts) -> Router {
    guard::protect(pages::routes().merge(router(desk, Door::Net)), hosts)
}

/// Routes as they are collected.
pub(crate) struct Routes {
    router: Router<Desk>,
    gate: Gate,
    /// Method, path and role of each, for who describes them.
    pub(crate) table: Vec<(Method, &'static str, Role)>,
}

impl Routes {
    fn new(desk: &Desk, door: Door) -> Self {
        let gate = Gate { door, needed: Role::Viewer, desk: desk.clone() };
        Self { router: Router::new(), gate, table: Vec::new() }
    }

    /// Adds a route for reading.
    fn get<H, T>(self, path: &'static str, needed: Role, handler: H) -> Self
    where
        H: Handler<T, Desk>,
        T: 'static,
    {
        self.add(Method::GET, MethodFilter::GET, (path, needed), handler)
    }

    /// Adds a route that changes something, or takes a body.
    fn post<H, T>(self, path: &'static str, needed: Role, handler: H) -> Self
    where
        H: Handler<T, Desk>,
        T: 'static,
    {
        self.add(Method::POST, MethodFilter::POST, (path, needed), handler)
    }

    fn add<H, T>(
        mut self,
        method: Method,
        filter: MethodFilter,
        (path, needed): (&'static str, Role),
        handler: H,
    ) -> Self
    where
        H: Handler<T, Desk>,
        T: 'static,
    {
        let gate = Gate { needed, ..self.gate.clone() };
        let bytes = if needed == Role::Stranger { STRANGER_BYTES_MAX } else { BODY_BYTES_MAX };
        let route = on(filter, handler)
            .route_layer(DefaultBodyLimit::max(bytes))
            .route_layer(from_fn_with_state(gate, admit));
        self.router = self.router.route(path, route);
        self.table.push((method, path, needed));
        self
    }
}

/// Who is let in.
#[derive(Clone)]
struct Gate {
    door: Door,
    needed: Role,
    desk: Desk,
}

impl Gate {
    fn caller(&self, request: &Request) -> Option<Caller> {
        if self.door == Door::Local {
            return Some(Caller::local());
        }
        let shown = request.headers().get("authorization")?.to_str().ok()?;
        crate::access::holder(&self.desk.office, shown.strip_prefix("Bearer ")?)
    }
}

/// Lets a request pass if its caller's role allows it.
async fn admit(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let caller = gate.caller(&request).unwrap_or_else(Caller::stranger);
    let role = caller.role;
    if role >= gate.needed {
        request.extensions_mut().insert(caller);
        return next.run(request).await;
    }
    let (code, text) = if role == Role::Stranger {
        (StatusCode::UNAUTHORIZED, "this needs an access token, and none that is valid was shown")
    } else {
        (StatusCode::FORBIDDEN, "your access token does not allow this")
    };
    let needed = gate.needed.word();
    let solution =
        format!("ask an admin for one: netloom access create --name NAME --role {needed}");
    Failure::new(code, text, solution).into_response()
}

async fn unknown_path(request: Request) -> Failure {
    let text = format!("there is no {} {}", request.method(), request.uri().path());
    Failure::new(StatusCode::NOT_FOUND, text, "GET /v1/openapi.json lists what there is")
}

async fn unknown_method(request: Request) -> Failure {
    let text = format!("{} is not for {}", request.uri().path(), request.method());
    let solution = "GET /v1/openapi.json lists what there is";
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, text, solution)
}

#[cfg(test)]
mod tests;
