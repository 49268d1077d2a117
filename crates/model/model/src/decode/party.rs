//! The ends of a policy test: one by name, or all that have something in common.

use super::{At, Decoder};
use crate::diagnostic::code;
use crate::span::Span;
use crate::tree::{Tree, Value};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// One end of a test as declared.
#[derive(Clone, Debug)]
pub enum Parties {
    /// A workload, a node, `internet`, or an address.
    One(At<String>),
    /// All workloads that are everything that is named here.
    Set(PartySet),
}

/// What workloads have in common.
#[derive(Clone, Debug)]
pub struct PartySet {
    /// Where.
    pub span: Span,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Network.
    pub network: Option<At<String>>,
    /// Subnet.
    pub subnet: Option<At<String>>,
    /// Security group.
    pub security_group: Option<At<String>>,
}

impl Decoder {
    /// One end of a test.
    pub(super) fn parties(&mut self, tree: &Tree) -> Option<Parties> {
        let Value::Map(_) = &tree.value else {
            let value = self.text(tree, "a name is needed")?.to_owned();
            if value.parse::<IpAddr>().is_ok() {
                self.end_of_flow(tree)?;
            }
            return Some(Parties::One(At { value, span: tree.span.clone() }));
        };
        let keys = ["labels", "network", "subnet", "security_group"];
        let before = self.errors();
        let fields = self.fields(tree, "an end of a test", &keys)?;
        let labels = fields.optional("labels").map(|t| self.texts(t, "`labels`"));
        let set = PartySet {
            span: tree.span.clone(),
            labels: labels.unwrap_or_default(),
            network: fields.optional_reference("network", self),
            subnet: fields.optional_reference("subnet", self),
            security_group: fields.optional_reference("security_group", self),
        };
        let says_nothing = fields.present().next().is_none();
        if says_nothing && self.errors() == before && !fields.is_partial() {
            self.error(
                code::MISSING_KEY,
                &tree.span,
                "the end of a test says nothing about whom it means",
                "without anything in common it would mean everyone",
                "name labels, a network, a subnet or a security_group",
            );
            return None;
        }
        Some(Parties::Set(set))
    }
}
