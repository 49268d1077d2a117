//! Security groups and their rules.

use serde_json::{Map, Value, json};
use std::fmt;

/// A stateful group of rules, which workloads are members of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityGroup<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is for.
    pub description: &'a str,
    /// Groups are a fabric's, so that those of several networks can name each other; this is kept in the
    /// description.
    pub vpc: &'a str,
    /// What may come in.
    pub ingress_rules: Vec<SecurityRule<'a>>,
    /// What may go out; nothing if there is none.
    pub egress_rules: Vec<EgressRule<'a>>,
}

/// What may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecurityRule<'a> {
    /// What it is for.
    pub description: &'a str,
    /// Of which protocol.
    pub protocol: Protocol,
    /// To which ports.
    pub port_range: PortRange<'a>,
    /// From whom.
    pub source: Source<'a>,
}

/// What may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EgressRule<'a> {
    /// What it is for.
    pub description: &'a str,
    /// Of which protocol.
    pub protocol: Protocol,
    /// To which ports.
    pub port_range: PortRange<'a>,
    /// To whom.
    pub destination: Destination<'a>,
}

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    TCP,
    /// UDP.
    UDP,
    /// ICMP of both IP versions.
    ICMP,
    /// All of them.
    ALL,
}

/// Ports, or types of ICMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortRange<'a> {
    /// One.
    Single(u16),
    /// From the first to the last, both included.
    Range(u16, u16),
    /// That of an entry of the service port table, whose protocol the rule has to have.
    Named(&'a str),
    /// Types of ICMP: `echo-request`, `3`, or with a code `3/4`.
    Types(&'a [&'a str]),
    /// All.
    All,
}

/// From whom packets may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// A prefix.
    CIDR(&'a str),
    /// Members of a group.
    SecurityGroup(&'a str),
    /// The prefixes of a list.
    PrefixList(&'a str),
}

/// To whom packets may go.
pub type Destination<'a> = Source<'a>;

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TCP => "tcp",
            Self::UDP => "udp",
            Self::ICMP => "icmp",
            Self::ALL => "all",
        })
    }
}

impl<'a> SecurityGroup<'a> {
    /// A group without rules: nothing comes in, nothing goes out.
    pub fn new(name: &'a str) -> Self {
        Self { name, ..Self::default() }
    }

    /// With a word on what it is for.
    #[must_use]
    pub fn with_description(self, description: &'a str) -> Self {
        Self { description, ..self }
    }

    /// With a rule more for what may come in.
    #[must_use]
    pub fn with_ingress(
        mut self,
        protocol: Protocol,
        ports: PortRange<'a>,
        source: Source<'a>,
    ) -> Self {
        let rule = SecurityRule { description: "", protocol, port_range: ports, source };
        self.ingress_rules.push(rule);
        self
    }

    /// With a rule more for what may go out.
    #[must_use]
    pub fn with_egress(
        mut self,
        protocol: Protocol,
        ports: PortRange<'a>,
        destination: Destination<'a>,
    ) -> Self {
        let rule = EgressRule { description: "", protocol, port_range: ports, destination };
        self.egress_rules.push(rule);
        self
    }

    /// The same as in a file. Rules have no descriptions there, so the group's has them all.
    pub(super) fn declaration(&self) -> Value {
        let mut texts: Vec<String> = Vec::new();
        let vpc = (!self.vpc.is_empty()).then(|| format!("for {}", self.vpc));
        texts.extend([self.description.to_owned(), vpc.unwrap_or_default()]);
        texts.extend(self.ingress_rules.iter().map(|rule| rule.description.to_owned()));
        texts.extend(self.egress_rules.iter().map(|rule| rule.description.to_owned()));
        texts.retain(|text| !text.is_empty());
        let mut object = Map::new();
        if !texts.is_empty() {
            object.insert("description".to_owned(), json!(texts.join("; ")));
        }
        let ingress = self.ingress_rules.iter();
        let ingress: Vec<Value> = ingress
            .map(|rule| declared(rule.protocol, rule.port_range, ("from", rule.source)))
            .collect();
        let egress = self.egress_rules.iter();
        let egress: Vec<Value> = egress
            .map(|rule| declared(rule.protocol, rule.port_range, ("to", rule.destination)))
            .collect();
        object.insert("ingress".to_owned(), Value::Array(ingress));
        object.insert("egress".to_owned(), Value::Array(egress));
        Value::Object(object)
    }
}

pub(super) fn declared(
    protocol: Protocol,
    ports: PortRange<'_>,
    (key, other): (&str, Source<'_>),
) -> Value {
    let mut rule = Map::new();
    if protocol != Protocol::ALL {
        rule.insert("protocol".to_owned(), json!(protocol.to_string()));
    }
    match ports {
        PortRange::Single(port) => drop(rule.insert("ports".to_owned(), json!(port))),
        PortRange::Range(first, last) => {
            rule.insert("ports".to_owned(), json!(format!("{first}-{last}")));
        }
        PortRange::Named(name) => drop(rule.insert("ports".to_owned(), json!(name))),
        PortRange::Types(types) => drop(rule.insert("types".to_owned(), json!(types))),
        PortRange::All => {}
    }
    let other = match other {
        Source::CIDR(prefix) => json!(prefix),
        Source::SecurityGroup(group) => json!({ "security_group": group }),
        Source::PrefixList(list) => json!({ "prefix_list": list }),
    };
    rule.insert(key.to_owned(), other);
    Value::Object(rule)
}
