//! Security groups and policy tests.

use super::network_acl::Transport;
use super::party::Parties;
use super::scalar::port_and_protocol;
use super::{At, Decoder, is_label};
use crate::diagnostic::{Diagnostic, code};
use crate::fabric::{Expectation, Protocol};
use crate::span::Span;
use crate::tree::{Tree, Value};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// A security group as declared.
#[derive(Clone, Debug, Default)]
pub struct SecurityGroup {
    /// Ingress rules.
    pub ingress: Vec<GroupRule>,
    /// Egress rules.
    pub egress: Vec<GroupRule>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A rule as declared: one per peer that it names.
#[derive(Clone, Debug)]
pub struct GroupRule {
    /// Which packets, and where it stands.
    pub transport: Transport,
    /// The other side.
    pub peer: Peer,
}

/// The other side as declared.
#[derive(Clone, Debug)]
pub enum Peer {
    /// All addresses.
    All,
    /// A prefix.
    Cidr(IpNet),
    /// A group by name.
    SecurityGroup(At<String>),
    /// A prefix list by name.
    PrefixList(At<String>),
}

/// A policy test as declared.
#[derive(Clone, Debug)]
pub struct PolicyTest {
    /// Where.
    pub span: Span,
    /// Who calls.
    pub from: Option<Parties>,
    /// Who is called.
    pub to: Option<Parties>,
    /// Protocols and ports.
    pub flows: Vec<(Protocol, Option<u16>)>,
    /// Promise.
    pub expect: Option<Expectation>,
}

/// What people call all addresses elsewhere.
const EVERYBODY: [&str; 6] = ["internet", "any", "anywhere", "everyone", "everybody", "world"];

impl Decoder {
    /// A security group.
    pub fn security_group(&mut self, tree: &Tree) -> Option<SecurityGroup> {
        let keys = ["description", "ingress", "egress", "tags"];
        let fields = self.fields(tree, "a security group", &keys)?;
        if let Some(description) = fields.optional("description") {
            self.text(description, "a text is needed");
        }
        let mut rules = |key, peer_key| {
            let list = fields.optional(key).map(|t| self.list(t, key)).unwrap_or_default();
            list.iter().flat_map(|rule| self.rule(rule, peer_key)).collect()
        };
        let ingress = rules("ingress", "from");
        let egress = rules("egress", "to");
        let tags = fields.optional("tags").map(|t| self.texts(t, "`tags`")).unwrap_or_default();
        Some(SecurityGroup { ingress, egress, tags })
    }

    fn rule(&mut self, tree: &Tree, peer_key: &'static str) -> Vec<GroupRule> {
        let (what, wrong_key) = match peer_key {
            "from" => ("an ingress rule", "to"),
            _ => ("an egress rule", "from"),
        };
        let keys = ["protocol", "ports", "types", "from", "to"];
        let Some(fields) = self.fields(tree, what, &keys) else { return Vec::new() };
        if let Some(wrong) = fields.key(wrong_key) {
            let found = Diagnostic::error(
                code::UNKNOWN_KEY,
                &wrong.span,
                format!("`{wrong_key}` is not a key of {what}"),
                "ingress says from whom packets may come, egress to whom they may go",
                format!("write `{peer_key}`, or move the rule to the other list"),
            );
            self.push(found.meaning(Some(peer_key.to_owned())));
        }
        let transport = self.transport(&fields);
        // The other side under the wrong key is checked still, and not missed under the right one.
        let peers = match fields.optional(peer_key).or_else(|| fields.optional(wrong_key)) {
            Some(tree) => self.peers(tree),
            None => fields.required(peer_key, self).map(|t| self.peers(t)).unwrap_or_default(),
        };
        peers.into_iter().map(|peer| GroupRule { transport: transport.clone(), peer }).collect()
    }

    pub(super) fn peers(&mut self, tree: &Tree) -> Vec<Peer> {
        let items = self.items(tree);
        if items.is_empty() && tree.value != Value::Broken {
            self.error(
                code::MISSING_KEY,
                &tree.span,
                "the rule names no other side",
                "a rule without one would allow nothing, silently",
                "write `all`, a prefix, or { security_group: NAME }",
            );
        }
        items.iter().filter_map(|item| self.peer(item)).collect()
    }

    pub(super) fn ports_need_a_protocol(&mut self, tree: &Tree, protocol: Protocol) {
        if matches!(protocol, Protocol::All | Protocol::Icmp) {
            self.error(
                code::CONFLICT,
                &tree.span,
                "ports are given, but the protocol has none",
                "only TCP and UDP have ports",
                "add `protocol: tcp` or `protocol: udp`, or remove the ports",
            );
        }
    }

    fn peer(&mut self, tree: &Tree) -> Option<Peer> {
        match &tree.value {
            Value::Scalar { text, .. } if text == "all" => Some(Peer::All),
            Value::Scalar { text, .. } if is_label(text) && text.contains(char::is_alphabetic) => {
                let found = Diagnostic::error(
                    code::BAD_ADDRESS,
                    &tree.span,
                    format!("`{text}` is not a prefix"),
                    "a single word other than `all` is read as a prefix",
                    "write `all` or [0.0.0.0/0, \"::/0\"] for everybody, and a group as { security_group: NAME }",
                );
                let everybody = EVERYBODY.contains(&&*text.to_ascii_lowercase());
                let guess =
                    everybody.then(|| "all".to_owned()).or_else(|| self.guess(text, ["all"]));
                let group = format!("{{ security_group: {text} }}");
                self.push(found.meaning(guess.or(Some(group))));
                None
            }
            Value::Scalar { .. } => Some(Peer::Cidr(self.cidr(tree)?.value)),
            Value::Broken => None,
            Value::Null | Value::List(_) | Value::Map(_) => self.peer_map(tree),
        }
    }

    fn peer_map(&mut self, tree: &Tree) -> Option<Peer> {
        let before = self.errors();
        const FORMS: [&str; 3] = ["cidr", "security_group", "prefix_list"];
        let fields = self.fields(tree, "the other side of a rule", &FORMS)?;
        let given: Vec<(&'static str, &Tree)> = fields.present().collect();
        match given.as_slice() {
            [("cidr", tree)] => Some(Peer::Cidr(self.cidr(tree)?.value)),
            [("security_group", _)] => {
                Some(Peer::SecurityGroup(fields.reference("security_group", self)?))
            }
            [_] => Some(Peer::PrefixList(fields.reference("prefix_list", self)?)),
            [] if self.errors() > before || fields.is_partial() => None,
            _ => {
                self.error(
                    code::CONFLICT,
                    &tree.span,
                    "the other side of a rule is one thing",
                    "it is `all`, a prefix, { security_group: NAME } or { prefix_list: NAME }",
                    "write several as a list: [10.0.0.0/8, { security_group: web }]",
                );
                None
            }
        }
    }

    /// A policy test.
    pub fn policy_test(&mut self, tree: &Tree) -> Option<PolicyTest> {
        let keys = ["from", "to", "port", "ports", "expect"];
        let fields = self.fields(tree, "a test", &keys)?;
        let from = fields.required("from", self).and_then(|t| self.parties(t));
        let to = fields.required("to", self).and_then(|t| self.parties(t));
        let ports = fields.optional("ports").or_else(|| fields.required("port", self));
        let items = ports.map(|t| self.items(t)).unwrap_or_default();
        let flows: Vec<_> = items.iter().filter_map(|tree| self.test_port(tree)).collect();
        let expect = fields.reference("expect", self).and_then(|word| {
            let words = [("allow", Expectation::Allow), ("deny", Expectation::Deny)];
            self.choice(&word, "what a test expects", &words)
        });
        let span = tree.span.clone();
        let flows = flows.into_iter().map(|(port, protocol)| (protocol, port)).collect();
        Some(PolicyTest { span, from, to, flows, expect })
    }

    fn test_port(&mut self, tree: &Tree) -> Option<(Option<u16>, Protocol)> {
        let text = self.text(tree, "a port such as 5432/tcp, 53/udp or icmp is needed")?;
        let flow = port_and_protocol(text);
        if flow.is_none() {
            self.error(
                code::BAD_VALUE,
                &tree.span,
                format!("`{text}` does not name a port and its protocol"),
                "a test sends real packets, so it needs both",
                "write 5432/tcp, 53/udp or icmp",
            );
        }
        flow
    }
}
