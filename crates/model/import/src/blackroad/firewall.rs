//! `security_groups:` with ingress and egress, sources being prefixes or other groups.

use crate::clusterdb::matched;
use crate::desk::Desk;
use crate::document::At;
use crate::draft::{Group, Match, Rule, Side};
use crate::scalar;
use std::collections::BTreeMap;

/// Imports the file.
pub(crate) fn firewall(desk: &mut Desk, root: At<'_>) {
    if let Some(all) = root.get("security_groups") {
        groups(desk, all);
    }
}

/// Names of groups as the source has them, and as they are called here.
type Called = BTreeMap<String, String>;

/// Groups by their names.
pub(crate) fn groups(desk: &mut Desk, at: At<'_>) {
    let mut entries = desk.entries(at);
    entries.retain(|entry| desk.is_object(*entry));
    let mut called = Called::new();
    for entry in &entries {
        let Some(key) = entry.key() else { continue };
        if !called.contains_key(key) {
            let name = desk.names.claim("security_groups", &[key]);
            called.insert(key.to_owned(), name);
        }
    }
    let mut made = std::collections::BTreeSet::new();
    for entry in entries {
        let Some(key) = entry.key() else { continue };
        let Some(name) = called.get(key).cloned().filter(|name| made.insert(name.clone())) else {
            continue;
        };
        let words = if name == key {
            "a security group".to_owned()
        } else {
            format!("a security group, called `{name}`: names are DNS labels, each given once")
        };
        if name == key {
            desk.exact(entry, words)
        } else {
            desk.approximated(entry, words)
        }
        let group = group(desk, entry, &mut called);
        desk.draft.security_groups.insert(name, group);
    }
}

/// One group.
fn group(desk: &mut Desk, at: At<'_>, called: &mut Called) -> Group {
    desk.entries(at);
    let mut made = Group {
        description: desk.take(at, "description", "the group's `description`").map(str::to_owned),
        ..Group::default()
    };
    if let Some(tags) = at.get("tags") {
        made.tags = desk.tags(tags, "a tag of the group");
    }
    for (keys, other) in
        [(["ingress", "inbound"], "source"), (["egress", "outbound"], "destination")]
    {
        for key in keys {
            for item in desk.items_of(at, key) {
                let rule = rule(desk, item, other, called);
                if other == "source" { made.ingress.extend(rule) } else { made.egress.extend(rule) }
            }
        }
    }
    made
}

fn rule(desk: &mut Desk, at: At<'_>, other: &str, called: &mut Called) -> Option<Rule> {
    desk.entries(at);
    let matched = matched(desk, at)?;
    let (side, named) = side(desk, at, other)?;
    let side = match named {
        Some(group) => {
            let name = referred(desk, group, called);
            if let Some(value) = at.get(other) {
                desk.exact(value, format!("members of the group `{name}`"));
            }
            Side::Group(name)
        }
        None => side,
    };
    let note = desk.take(at, "description", "kept as a comment behind the rule");
    Some(Rule { matched, side, note: note.map(str::to_owned) })
}

/// The group that a source names: with or without the mark that it is one, declared here or not.
fn referred(desk: &mut Desk, text: &str, called: &mut Called) -> String {
    let bare = text.strip_prefix("sg-").unwrap_or(text);
    let known = called.get(text).or_else(|| called.get(bare)).cloned();
    known.unwrap_or_else(|| {
        let declared =
            crate::name::label(text).filter(|name| desk.draft.security_groups.contains_key(name));
        let name = declared.unwrap_or_else(|| {
            let name = desk.names.claim("security_groups", &[text]);
            let egress = vec![Rule { matched: Match::ALL, side: Side::All, note: None }];
            desk.draft.security_groups.insert(name.clone(), Group { egress, ..Group::default() });
            desk.added(
                format!("security_groups.{name}"),
                format!(
                    "rules name the group `{}`, which stands in no file: its members may reach \
                     all, and nothing reaches them",
                    scalar::short(text)
                ),
            );
            name
        });
        called.insert(text.to_owned(), name.clone());
        name
    })
}

/// The other side of a rule: a prefix, everyone, or the name of a group; or the rule is refused.
pub(crate) fn side<'a>(desk: &mut Desk, at: At<'a>, key: &str) -> Option<(Side, Option<&'a str>)> {
    let Some(value) = at.get(key) else {
        desk.refuse_all(at, format!("a rule needs a `{key}`, and this one names none"));
        return None;
    };
    let text = desk.text(value)?;
    if matches!(text, "all" | "any" | "*") {
        desk.exact(value, "all addresses");
        return Some((Side::All, None));
    }
    if scalar::prefix(text).is_some() {
        return Some((Side::Cidr(desk.prefix(value, "the rule's other side")?), None));
    }
    if text.contains('/') || crate::name::label(text).is_none() {
        desk.refuse_all(at, format!("`{}` is neither a prefix nor a group", scalar::short(text)));
        return None;
    }
    Some((Side::All, Some(text)))
}
