//! A program with peerings: the class that they are of, the calls that make them, and literals of it.

use crate::desk::Desk;
use crate::document::At;
use crate::draft::{Network, Peering};
use crate::scalar;

/// Fields of a peering, and what each is here.
const FIELDS: [(&str, &str); 6] = [
    ("id", "the name under `peerings`"),
    ("source_vpc", "the first of the peering's `networks`"),
    ("target_vpc", "the second of the peering's `networks`"),
    ("source_cidr", "the `cidr` of the first network"),
    ("target_cidr", "the `cidr` of the second network"),
    ("status", "the peering's `status`"),
];
const NOT_RUN: &str = "code is read and not run; it says nothing of the network";
const AT_RUN_TIME: &str =
    "its value is known only where the program runs; declare the peering in the file";

/// Imports the file.
pub(crate) fn peering(desk: &mut Desk, root: At<'_>) {
    for at in root.children() {
        walk(desk, at);
    }
}

fn walk(desk: &mut Desk, at: At<'_>) {
    if is_declared(at) {
        declared(desk, at);
        return;
    }
    let key = at.key().unwrap_or("");
    let name = key.trim_end_matches("()").rsplit('.').next().unwrap_or(key);
    if is_class(at) {
        class(desk, at);
    } else if key.ends_with("()") && name == "add_route" {
        let how = "`routes: auto` of a peering routes each side's CIDRs to the other, at both ends";
        arguments(desk, at, how);
    } else if key.ends_with("()") && name.contains("peering") {
        let how = "declaring it under `peerings` makes it: `networks: [SOURCE, TARGET]`";
        arguments(desk, at, how);
    } else if key.ends_with("()") && matches!(name, "update_routes" | "update_route_tables") {
        let how = "done by `routes: auto` whenever a peering or a network's CIDRs change";
        arguments(desk, at, how);
    } else if at.is_map() || at.is_list() {
        desk.exact(at, "looked through for peerings; its parts are told one by one");
        at.children().into_iter().for_each(|child| walk(desk, child));
    } else if let Some((_, what)) = FIELDS.iter().find(|(field, _)| *field == key) {
        desk.approximated(at, format!("{what}; {AT_RUN_TIME}"));
    } else {
        desk.refused(at, NOT_RUN);
    }
}

/// A function or call that has a counterpart: the call is that, its arguments are variables.
fn arguments(desk: &mut Desk, at: At<'_>, how: &'static str) {
    desk.exact(at, how);
    for argument in at.children() {
        let field = FIELDS.iter().find(|(field, _)| Some(*field) == argument.key());
        if argument.is_map() || argument.is_list() {
            walk(desk, argument);
        } else if let Some((_, what)) = field {
            desk.approximated(argument, format!("{what}; {AT_RUN_TIME}"));
        } else if matches!(argument.key(), Some("vpc" | "destination" | "target")) {
            desk.approximated(argument, "part of a route that `routes: auto` makes by itself");
        } else {
            desk.refused(argument, NOT_RUN);
        }
    }
}

/// Whether it is a class with the fields of a peering.
fn is_class(at: At<'_>) -> bool {
    let is_typed =
        |field: &str| at.get(field).is_some_and(|at| at.text().is_some() && at.literal().is_none());
    at.key().is_some_and(|key| !key.ends_with("()"))
        && is_typed("source_vpc")
        && is_typed("target_vpc")
}

fn class(desk: &mut Desk, at: At<'_>) {
    desk.exact(at, "an object under `peerings`");
    for field in at.children() {
        match FIELDS.iter().find(|(known, _)| Some(*known) == field.key()) {
            Some((_, what)) => desk.exact(field, *what),
            None => desk.refuse_all(field, "a peering has nothing of this kind"),
        }
    }
}

/// Whether both networks stand there as texts: arguments of a call, or a dict.
fn is_declared(at: At<'_>) -> bool {
    let text = |field: &str| at.get(field).is_some_and(|at| at.literal().is_some());
    text("source_vpc") && text("target_vpc")
}

fn declared(desk: &mut Desk, at: At<'_>) {
    let (source, target) = (network(desk, at, "source"), network(desk, at, "target"));
    let (Some(source), Some(target)) = (source, target) else {
        desk.refuse_all(
            at,
            "a network that it names is in no file, and its CIDR does not stand here: give its file too",
        );
        return;
    };
    if let Some(why) = desk.not_peerable([&source, &target]) {
        desk.refuse_all(at, why);
        return;
    }
    desk.exact(at, "a peering");
    let status = match at.text_of("status") {
        Some("active") | None => "active",
        Some("rejected" | "failed") => "rejected",
        Some("deleted" | "deleting") => "deleted",
        Some(_) => "pending",
    };
    let called = at.text_of("id").unwrap_or("");
    let name = desk.names.claim("peerings", &[called, &format!("{source}-{target}")]);
    for field in at.children() {
        match FIELDS.iter().find(|(known, _)| Some(*known) == field.key()) {
            Some(("id", what)) if name != called => {
                desk.approximated(field, format!("{what}, as `{name}`: names are DNS labels"));
            }
            Some((_, what)) => desk.exact_all(field, *what),
            None => desk.refuse_all(field, "a peering has nothing of this kind"),
        }
    }
    let made =
        Peering { networks: [source, target], status, routes: "auto", tags: Default::default() };
    desk.draft.peerings.insert(name, made);
}

/// The network of one side: one that is known, or one that is made of its CIDR.
fn network(desk: &mut Desk, at: At<'_>, side: &str) -> Option<String> {
    let called = at.text_of(&format!("{side}_vpc"))?;
    let name = crate::name::label(called)?;
    if desk.draft.networks.contains_key(&name) {
        return Some(name);
    }
    let cidr = at.text_of(&format!("{side}_cidr")).and_then(scalar::prefix)?.trunc();
    if cidr.prefix_len() == 0 {
        return None;
    }
    let name = desk.names.claim("networks", &[called]);
    desk.added(
        format!("networks.{name}"),
        format!("a peering names it with its CIDR {cidr}; nothing else is known of it"),
    );
    desk.draft.networks.insert(name.clone(), Network { cidrs: vec![cidr], ..Network::default() });
    Some(name)
}
