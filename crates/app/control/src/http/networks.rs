//! Networks, listed and changed one by one.

use super::answer::Body;
use super::change::{Terms, change};
use super::network_view::network;
use super::{Desk, Failure};
use crate::api_part::{self, EditError};
use crate::declared::Declared;
use crate::office::{self, Office, OfficeError};
use crate::proposal::{Origin, Refused};
use crate::world::World;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use netloom_api::{Applied, Connect, Disconnect, MakeNetwork, Network};
use netloom_model::{Diagnostic, Severity};
use std::collections::HashSet;

/// How long making a network waits for the nodes, in milliseconds.
const MAKE_WAIT_MS: u64 = 30_000;
/// How often an edit is made anew because another one was faster. Then its caller is told to try again.
const ATTEMPTS_MAX: u32 = 32;

pub(super) async fn list(State(desk): State<Desk>) -> Json<Vec<Network>> {
    let world = desk.office.world();
    Json(world.accepted.fabric.networks.keys().map(|name| network(&world, name)).collect())
}

pub(super) async fn one(
    State(desk): State<Desk>,
    Path(name): Path<String>,
) -> Result<Json<Network>, Failure> {
    let world = desk.office.world();
    if !world.accepted.fabric.networks.contains_key(&name) {
        return Err(EditError::NoNetwork(name).into());
    }
    Ok(Json(network(&world, &name)))
}

pub(super) async fn make(
    State(desk): State<Desk>,
    Body(wanted): Body<MakeNetwork>,
) -> Result<Json<Applied>, Failure> {
    let terms = Terms::of(&wanted.author, MAKE_WAIT_MS, wanted.keep_refused);
    edit(desk, terms, format!("network create {}", wanted.name), move |world, api| {
        api_part::make_network(&world.accepted, api, &wanted)
    })
    .await
}

pub(super) async fn remove(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Body(wanted): Body<Disconnect>,
) -> Result<Json<Applied>, Failure> {
    let terms = Terms::of(&wanted.author, wanted.wait_ms, wanted.keep_refused);
    edit(desk, terms, format!("network rm {name}"), move |world, api| {
        api_part::remove_network(&world.accepted, api, &name)
    })
    .await
}

pub(super) async fn connect(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Body(wanted): Body<Connect>,
) -> Result<Json<Applied>, Failure> {
    let terms = Terms::of(&wanted.author, wanted.wait_ms, wanted.keep_refused);
    edit(desk, terms, format!("network connect {name} {}", wanted.workload), move |world, api| {
        api_part::connect(&world.accepted, api, &name, &wanted)
    })
    .await
}

pub(super) async fn disconnect(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Body(wanted): Body<Disconnect>,
) -> Result<Json<Applied>, Failure> {
    let terms = Terms::of(&wanted.author, wanted.wait_ms, wanted.keep_refused);
    edit(
        desk,
        terms,
        format!("network disconnect {name} {}", wanted.workload),
        move |world, api| api_part::disconnect(&world.accepted, api, &name, &wanted.workload),
    )
    .await
}

type Edited = Result<Option<String>, EditError>;

/// Applies an edit of the API's part, and waits for the nodes. What they refuse is kept only if the caller wants it.
pub(super) async fn edit(
    desk: Desk,
    terms: Terms,
    message: String,
    edit: impl Fn(&World, Option<&str>) -> Edited + Send + 'static,
) -> Result<Json<Applied>, Failure> {
    let origin = Origin { author: terms.author.clone(), message, rollback_of: None };
    change(&desk, terms, move |office| edited(office, &origin, edit)).await
}

/// Why an edit is not made.
#[derive(Debug)]
pub(super) enum NotEdited {
    Edit(EditError),
    Office(OfficeError),
}

fn edited(
    office: &Office,
    origin: &Origin,
    edit: impl Fn(&World, Option<&str>) -> Edited,
) -> Result<office::Applied, NotEdited> {
    let mut attempts = 1;
    loop {
        let world = office.world();
        let api = edit(&world, world.accepted.declared.api.as_deref());
        let api = api.map_err(NotEdited::Edit)?;
        let declare = |now: &Declared| Declared { api: api.clone(), ..now.clone() };
        // Only on what was edited: somebody else's edit would be lost otherwise.
        match office.apply(declare, origin, Some(world.revision)) {
            // Nobody has planned this edit for a revision: it is as good on what is in force now.
            Err(OfficeError::Moved { .. }) if attempts < ATTEMPTS_MAX => attempts += 1,
            applied => {
                return applied.map_err(|error| NotEdited::Office(without_known(error, &world)));
            }
        }
    }
}

/// Why an edit is refused, without the warnings of what was there before it: in a large fabric they
/// would hide the one line that matters.
fn without_known(error: OfficeError, world: &World) -> OfficeError {
    let OfficeError::Refused(Refused::Errors { mut findings, sources }) = error else {
        return error;
    };
    // Places in the API's document are others after an edit.
    let said = |one: &Diagnostic| (one.code, one.message.clone(), one.cause.clone());
    let loaded = world.accepted.declared.load();
    let known: HashSet<_> = loaded.diagnostics.iter().map(said).collect();
    findings.retain(|one| one.severity == Severity::Error || !known.contains(&said(one)));
    OfficeError::Refused(Refused::Errors { findings, sources })
}

impl From<NotEdited> for Failure {
    fn from(error: NotEdited) -> Self {
        match error {
            NotEdited::Edit(error) => error.into(),
            NotEdited::Office(error) => error.into(),
        }
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        let text = error.to_string();
        let (message, solution) = text.split_once("; ").unwrap_or((&text, ""));
        let code = match error {
            EditError::NoNetwork(_)
            | EditError::NotConnected { .. }
            | EditError::NoSection(_)
            | EditError::NotThere { .. } => StatusCode::NOT_FOUND,
            EditError::NoObject { .. } | EditError::NoCidr { .. } => StatusCode::BAD_REQUEST,
            _ => StatusCode::CONFLICT,
        };
        Self::new(code, message, solution)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::tests::node::{NETWORK, declare};
    use crate::http::tests::with_desk;
    use std::cell::Cell;

    #[test]
    fn an_edit_is_made_anew_on_what_somebody_else_was_faster_with() {
        with_desk(|desk, _| async move {
            declare(&desk.office, NETWORK);
            let calls = Cell::new(0);
            let edit = |world: &World, api: Option<&str>| {
                calls.set(calls.get() + 1);
                if calls.get() == 1 {
                    declare(
                        &desk.office,
                        &format!("{NETWORK}security_groups: {{ theirs: {{}} }}\n"),
                    );
                }
                let (accepted, place) = (&world.accepted, ("security_groups", "ours"));
                api_part::declare(accepted, api, place, &serde_json::json!({}), false)
            };
            edited(&desk.office, &Origin::default(), edit).unwrap();
            let world = desk.office.world();
            let groups = &world.accepted.fabric.security_groups;
            assert!(groups.contains_key("ours") && groups.contains_key("theirs"));
            assert_eq!((calls.get(), world.revision), (2, 3));
        });
    }
}
