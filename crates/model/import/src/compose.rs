//! Files of Docker Compose: networks with their prefixes, and services as containers attached to them.

mod bolt;
mod networks;
mod services;

use crate::desk::Desk;
use crate::document::At;
use std::collections::BTreeMap;

/// What is known of a network of the file.
#[derive(Clone, Debug)]
struct Net {
    /// Its subnet and its group have this name too.
    name: String,
    subnet: String,
    group: String,
    cidrs: Vec<ipnet::IpNet>,
}

/// Networks by what the file calls them.
type Nets = BTreeMap<String, Net>;

/// Keys of the file that are not the network's.
const REFUSED: [(&str, &str); 5] = [
    ("version", "the version of Compose's own format, which has no meaning any more"),
    ("volumes", "not part of the network model; volumes are the container engine's"),
    ("secrets", "not part of the network model; secrets are the container engine's"),
    ("configs", "not part of the network model; configurations are the container engine's"),
    ("include", "other files are not read: give them too"),
];

/// Imports the file.
pub(crate) fn import(desk: &mut Desk, root: At<'_>) {
    desk.refuse_keys(root, &REFUSED);
    for at in
        root.children().into_iter().filter(|at| at.key().is_some_and(|key| key.starts_with("x-")))
    {
        desk.refuse_all(at, "an extension of Compose, which gives it no meaning");
    }
    let project = desk.take(root, "name", "the fabric's name");
    let project = project.and_then(crate::name::label);
    if let Some(project) = &project {
        desk.draft.name.get_or_insert_with(|| project.clone());
    }
    let mut nets = networks::networks(desk, root);
    services::services(desk, root, &mut nets, project.as_deref());
}
