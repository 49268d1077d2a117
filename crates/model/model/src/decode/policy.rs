//! Security groups and policy tests.

use super::scalar::port_and_protocol;
use super::{At, Decoder, is_label};
use crate::diagnostic::{Diagnostic, code};
use crate::fabric::{Expectation, PortRange, Protocol};
use crate::span::Span;
use crate::tree::{Tree, Value};
use ipnet::IpNet;

/// A security group as declared.
#[derive(Clone, Debug, Default)]
pub struct SecurityGroup {
    /// Ingress rules.
    pub ingress: Vec<GroupRule>,
    /// Egress rules.
    pub egress: Vec<GroupRule>,
}

/// A rule as declared: one per peer that it names.
#[derive(Clone, Debug)]
pub struct GroupRule {
    /// Where.
    pub span: Span,
    /// Protocol.
    pub protocol: Protocol,
    /// Ports.
    pub ports: Vec<PortRange>,
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
}

/// A policy test as declared.
#[derive(Clone, Debug)]
pub struct PolicyTest {
    /// Where.
    pub span: Span,
    /// Who calls.
    pub from: Option<At<String>>,
    /// Who is called.
    pub to: Option<At<String>>,
    /// Protocol and port.
    pub flow: Option<(Protocol, Option<u16>)>,
    /// Promise.
    pub expect: Option<Expectation>,
}

impl Decoder {
    /// A security group.
    pub fn security_group(&mut self, tree: &Tree) -> Option<SecurityGroup> {
        let keys = ["description", "ingress", "egress"];
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
        Some(SecurityGroup { ingress, egress })
    }

    fn rule(&mut self, tree: &Tree, peer_key: &'static str) -> Vec<GroupRule> {
        let (what, wrong_key) = match peer_key {
            "from" => ("an ingress rule", "to"),
            _ => ("an egress rule", "from"),
        };
        let keys = ["protocol", "ports", "from", "to"];
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
        let ports_tree = fields.optional("ports");
        let ports = ports_tree.map(|t| self.ports(t)).unwrap_or_default();
        let protocol = match fields.optional("protocol") {
            Some(tree) => self.protocol(tree),
            None => Some(Protocol::All),
        };
        // The other side under the wrong key is checked still, and not missed under the right one.
        let peers = match fields.optional(peer_key).or_else(|| fields.optional(wrong_key)) {
            Some(tree) => self.peers(tree),
            None => fields.required(peer_key, self).map(|t| self.peers(t)).unwrap_or_default(),
        };
        if let (Some(tree), Some(protocol)) = (ports_tree, protocol) {
            self.ports_need_a_protocol(tree, protocol);
        }
        // Without a protocol there is an error, and so no fabric; the peers are checked still.
        let protocol = protocol.unwrap_or(Protocol::All);
        let span = fields.span();
        peers
            .into_iter()
            .map(|peer| GroupRule { span: span.clone(), protocol, ports: ports.clone(), peer })
            .collect()
    }

    fn peers(&mut self, tree: &Tree) -> Vec<Peer> {
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

    fn ports_need_a_protocol(&mut self, tree: &Tree, protocol: Protocol) {
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
                    "write a group as { security_group: NAME }",
                );
                let guess = self.guess(text, ["all"]);
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
        let fields = self.fields(tree, "the other side of a rule", &["cidr", "security_group"])?;
        match (fields.optional("cidr"), fields.optional("security_group")) {
            (Some(tree), None) => Some(Peer::Cidr(self.cidr(tree)?.value)),
            (None, Some(_)) => Some(Peer::SecurityGroup(fields.reference("security_group", self)?)),
            (None, None) if self.errors() > before || fields.is_partial() => None,
            (Some(_), Some(_)) | (None, None) => {
                self.error(
                    code::CONFLICT,
                    &tree.span,
                    "the other side of a rule is one thing",
                    "it is `all`, a prefix, or { security_group: NAME }",
                    "write several as a list: [10.0.0.0/8, { security_group: web }]",
                );
                None
            }
        }
    }

    /// A policy test.
    pub fn policy_test(&mut self, tree: &Tree) -> Option<PolicyTest> {
        let keys = ["from", "to", "port", "expect"];
        let fields = self.fields(tree, "a test", &keys)?;
        let from = fields.reference("from", self);
        let to = fields.reference("to", self);
        let flow = fields.required("port", self).and_then(|tree| self.test_port(tree));
        let expect = fields.reference("expect", self).and_then(|word| {
            let words = [("allow", Expectation::Allow), ("deny", Expectation::Deny)];
            self.choice(&word, "what a test expects", &words)
        });
        let span = tree.span.clone();
        let flow = flow.map(|(port, protocol)| (protocol, port));
        Some(PolicyTest { span, from, to, flow, expect })
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
