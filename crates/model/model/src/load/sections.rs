//! The keys of a file, each with its objects; a misspelt key is read as the one that was meant.

use super::declared::{Entry, Named};
use super::{Declared, Loader};
use crate::decode::{At, Decoder};
use crate::tree::{Key, Tree, Value};
use std::collections::BTreeSet;

pub(super) const KEYS: [&str; 19] = [
    "version",
    "fabric",
    "include",
    "regions",
    "networks",
    "subnets",
    "nodes",
    "workloads",
    "security_groups",
    "services",
    "route_tables",
    "nat_gateways",
    "internet_gateways",
    "peerings",
    "prefix_lists",
    "network_acls",
    "ports",
    "tests",
    "lab",
];

impl Loader<'_> {
    pub(super) fn document(&mut self, tree: &Tree, file: &str, path: &mut Vec<String>) {
        let Some(entries) = self.decoder.map(tree, "a fabric's file") else {
            return self.declared.nothing_is_known_to_be_missing();
        };
        let (mut present, mut includes) = (BTreeSet::new(), Vec::new());
        for (key, value) in entries {
            if key.broken {
                self.declared.nothing_is_known_to_be_missing();
                continue;
            }
            let name = key.name.as_str();
            let known = KEYS.iter().find(|known| **known == name).copied();
            let known = known.or_else(|| {
                // What is under a misspelt key is checked too, and what it declares is not missed.
                let guess = self.decoder.unknown_key(key, "a fabric's file", &KEYS)?;
                let guess = KEYS.iter().find(|known| **known == guess).copied();
                guess.filter(|guess| entries.iter().all(|(other, _)| other.name != *guess))
            });
            let Some(known) = known else { continue };
            if !present.insert(known) {
                self.decoder.duplicate(key, "key", None);
                if matches!(known, "version" | "fabric") {
                    continue;
                }
            }
            if known == "include" {
                includes.push(value);
            } else {
                self.section(known, key, value);
            }
        }
        // Of two objects with one name, the one in this file was there first.
        includes.into_iter().for_each(|tree| self.include(tree, file, path));
    }

    fn section(&mut self, name: &'static str, key: &Key, tree: &Tree) {
        let Declared { broken, .. } = &mut self.declared;
        if tree.value == Value::Broken {
            broken.insert(name);
            return;
        }
        let declared = &mut self.declared;
        let mut section =
            Section { name, decoder: &mut self.decoder, broken: &mut declared.broken };
        match name {
            "version" => section.single(&mut declared.version, key, tree),
            "fabric" => section.single(&mut declared.fabric, key, tree),
            "regions" => section.read(&mut declared.regions, "a region", tree, Decoder::region),
            "networks" => section.read(&mut declared.networks, "a network", tree, Decoder::network),
            "subnets" => section.read(&mut declared.subnets, "a subnet", tree, Decoder::subnet),
            "nodes" => section.read(&mut declared.nodes, "a node", tree, Decoder::node),
            "workloads" => {
                section.read(&mut declared.workloads, "a workload", tree, Decoder::workload);
            }
            "security_groups" => {
                let (groups, read) = (&mut declared.security_groups, Decoder::security_group);
                section.read(groups, "a security group", tree, read);
            }
            "services" => section.read(&mut declared.services, "a service", tree, Decoder::service),
            "lab" => {
                let fields = section.decoder.fields(tree, "`lab`", &["links"]);
                if let Some(links) = fields.and_then(|fields| fields.optional("links")) {
                    section.read(&mut declared.lab_links, "a region", links, Decoder::lab_link);
                }
            }
            "tests" => {
                let items = self.decoder.list(tree, "`tests`");
                let tests = items.iter().filter_map(|test| self.decoder.policy_test(test));
                declared.tests.extend(tests);
            }
            _ => self.ways(name, tree),
        }
    }

    /// The sections about what leaves a network, and what may cross its borders.
    fn ways(&mut self, name: &'static str, tree: &Tree) {
        let declared = &mut self.declared;
        let mut section =
            Section { name, decoder: &mut self.decoder, broken: &mut declared.broken };
        match name {
            "route_tables" => {
                let (tables, read) = (&mut declared.route_tables, Decoder::route_table);
                section.read(tables, "a route table", tree, read);
            }
            "nat_gateways" => {
                let (gateways, read) = (&mut declared.nat_gateways, Decoder::nat_gateway);
                section.read(gateways, "a NAT gateway", tree, read);
            }
            "internet_gateways" => {
                let (gateways, read) = (&mut declared.internet_gateways, Decoder::internet_gateway);
                section.read(gateways, "an internet gateway", tree, read);
            }
            "peerings" => section.read(&mut declared.peerings, "a peering", tree, Decoder::peering),
            "prefix_lists" => {
                let (lists, read) = (&mut declared.prefix_lists, Decoder::prefix_list);
                section.read(lists, "a prefix list", tree, read);
            }
            "network_acls" => {
                let (acls, read) = (&mut declared.network_acls, Decoder::network_acl);
                section.read(acls, "a network ACL", tree, read);
            }
            _ => {
                section.read(&mut declared.ports, "a service port", tree, Decoder::service_port);
            }
        }
    }

    fn include(&mut self, tree: &Tree, file: &str, path: &mut Vec<String>) {
        let before = self.decoder.errors();
        let names = self.decoder.references(tree);
        if self.decoder.errors() > before || tree.holds_broken() {
            self.declared.nothing_is_known_to_be_missing();
        }
        for name in names {
            let included = match file.rsplit_once('/') {
                Some((folder, _)) if !name.value.starts_with('/') => {
                    format!("{folder}/{}", name.value)
                }
                Some(_) | None => name.value.clone(),
            };
            self.file(&included, &name.span, path);
        }
    }
}

/// One key of a file, while what is under it is read.
struct Section<'a> {
    name: &'static str,
    decoder: &'a mut Decoder,
    broken: &'a mut BTreeSet<&'static str>,
}

impl Section<'_> {
    /// A value that all files must agree on.
    fn single(&mut self, slot: &mut Option<At<String>>, key: &Key, tree: &Tree) {
        let Some(text) = self.decoder.text(tree, "a single value is needed") else {
            self.broken.insert(self.name);
            return;
        };
        match slot {
            Some(first) if first.value != text => {
                self.decoder.duplicate(key, "key", Some(&first.span.clone()));
            }
            Some(_) => {}
            None => *slot = Some(At { value: text.to_owned(), span: tree.span.clone() }),
        }
    }

    /// Objects by name. One that cannot be read is declared nevertheless, as far as it is known.
    fn read<T: Default>(
        &mut self,
        into: &mut Named<T>,
        what: &str,
        tree: &Tree,
        read: impl Fn(&mut Decoder, &Tree) -> Option<T>,
    ) {
        let Some(entries) = self.decoder.map(tree, &format!("`{}`", self.name)) else {
            self.broken.insert(self.name);
            return;
        };
        for (key, value) in entries {
            if key.broken {
                self.broken.insert(self.name);
                continue;
            }
            let before = self.decoder.errors();
            let object = read(self.decoder, value);
            self.decoder.name(key, what);
            if let Some(first) = into.get(&key.name) {
                let kind = what.trim_start_matches("a ").trim_start_matches("an ");
                self.decoder.duplicate(key, kind, Some(&first.span.clone()));
                continue;
            }
            let whole =
                self.decoder.errors() == before && object.is_some() && !value.holds_broken();
            let value = object.unwrap_or_default();
            into.insert(key.name.clone(), Entry { value, span: key.span.clone(), whole });
        }
    }
}
