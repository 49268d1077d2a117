//! Objects: all that is declared, and those that are declared one by one.

use super::answer::Body;
use super::change::Terms;
use super::networks::edit;
use super::{Desk, Failure};
use crate::api_part;
use crate::office::now_ms;
use axum::Json;
use axum::extract::{Path, State};
use netloom_api::{Applied, Declare, DeclareAll, Object, Objects, Withdraw};
use netloom_model::fabric::ObjectKind;
use std::collections::{BTreeMap, BTreeSet};

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
    edit(desk, terms, format!("declare {section}/{name}"), move |world, api| {
        let place = (section.as_str(), name.as_str());
        let (accepted, declaration) = (&world.accepted, &wanted.declaration);
        let document = api_part::declare(accepted, api, place, declaration, wanted.replace)?;
        if section != "workloads" {
            return Ok(document);
        }
        api_part::refuse_taken(world, &[(&name, declaration)], &BTreeSet::new())?;
        let pinned = |document| api_part::pinned(world, document, &name, now_ms());
        Ok(if wanted.pin_addresses { pinned(document) } else { document })
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
    edit(desk, terms, format!("declare {count} objects"), move |world, api| {
        let network = wanted.network.as_deref();
        api_part::declare_all(world, api, &wanted.objects, wanted.replace, network)
    })
    .await
}

pub(super) async fn withdraw(
    State(desk): State<Desk>,
    Path((section, name)): Path<(String, String)>,
    Body(wanted): Body<Withdraw>,
) -> Result<Json<Applied>, Failure> {
    let terms = Terms::of(&wanted.author, wanted.wait_ms, wanted.keep_refused);
    edit(desk, terms, format!("withdraw {section}/{name}"), move |world, api| {
        api_part::withdraw(&world.accepted, api, (&section, &name))
    })
    .await
}
