//! Objects: all that is declared, and those that are declared one by one.

use super::answer::Body;
use super::change::Terms;
use super::networks::edit;
use super::{Desk, Failure};
use crate::api_part;
use axum::Json;
use axum::extract::{Path, State};
use netloom_api::{Applied, Declare, DeclareAll, Object, Objects, Withdraw};
use netloom_model::fabric::ObjectKind;
use std::collections::BTreeMap;

pub(super) async fn list(State(desk): State<Desk>) -> Json<Objects> {
    let world = desk.office.world();
    let fabric = &world.accepted.fabric;
    let object = |kind, name: &String| {
        let since = world.object(kind, name).since;
        (name.clone(), Object { uid: world.uid(kind, name).to_string(), since })
    };
    let of_kind = |kind: ObjectKind| {
        let objects: BTreeMap<_, _> = fabric.names(kind).map(|name| object(kind, name)).collect();
        (kind.section().to_owned(), objects)
    };
    let objects =
        ObjectKind::ALL.into_iter().map(of_kind).filter(|(_, objects)| !objects.is_empty());
    Json(Objects { revision: world.revision, objects: objects.collect() })
}

pub(super) async fn declare(
    State(desk): State<Desk>,
    Path((section, name)): Path<(String, String)>,
    Body(wanted): Body<Declare>,
) -> Result<Json<Applied>, Failure> {
    let terms = Terms::of(&wanted.author, wanted.wait_ms, wanted.keep_refused);
    edit(desk, terms, format!("declare {section}/{name}"), move |accepted, api| {
        let place = (section.as_str(), name.as_str());
        api_part::declare(accepted, api, place, &wanted.declaration, wanted.replace)
    })
    .await
}

pub(super) async fn declare_all(
    State(desk): State<Desk>,
    Body(wanted): Body<DeclareAll>,
) -> Result<Json<Applied>, Failure> {
    let names = wanted.objects.values().flat_map(|objects| objects.keys());
    let count = names.count();
    let terms = Terms::of(&wanted.author, wanted.wait_ms, wanted.keep_refused);
    edit(desk, terms, format!("declare {count} objects"), move |accepted, api| {
        api_part::declare_all(accepted, api, &wanted.objects, wanted.replace)
    })
    .await
}

pub(super) async fn withdraw(
    State(desk): State<Desk>,
    Path((section, name)): Path<(String, String)>,
    Body(wanted): Body<Withdraw>,
) -> Result<Json<Applied>, Failure> {
    let terms = Terms::of(&wanted.author, wanted.wait_ms, wanted.keep_refused);
    edit(desk, terms, format!("withdraw {section}/{name}"), move |accepted, api| {
        api_part::withdraw(accepted, api, (&section, &name))
    })
    .await
}
