//! Workloads and the forms of `attach`.

use super::{At, Decoder};
use crate::diagnostic::{Diagnostic, code};
use crate::fabric::{Attach, Protocol, Published, Serve, ServeKind};
use crate::span::Span;
use crate::tree::{Key, Tree, Value};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A workload as declared.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// The name that it had before.
    pub was: Option<At<String>>,
    /// Node.
    pub node: Option<At<String>>,
    /// Subnet.
    pub subnet: Option<At<String>>,
    /// Addresses asked for.
    pub addresses: Vec<At<IpAddr>>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Prefixes behind it.
    pub advertise: Vec<At<IpNet>>,
    /// Security groups.
    pub security_groups: Vec<At<String>>,
    /// Further interfaces, by name.
    pub interfaces: Vec<(At<String>, Interface)>,
    /// What can be called from outside.
    pub publish: Vec<At<Published>>,
    /// Where it is called, for a stock peer that is.
    pub endpoint: Option<At<String>>,
    /// What it is.
    pub attach: Option<Attach>,
}

/// A further interface as declared.
#[derive(Clone, Debug, Default)]
pub struct Interface {
    /// Subnet.
    pub subnet: Option<At<String>>,
    /// Addresses asked for.
    pub addresses: Vec<At<IpAddr>>,
    /// Security groups.
    pub security_groups: Vec<At<String>>,
}

const FORMS: [&str; 6] = ["container", "process", "host", "netns", "serve", "wireguard"];

impl Decoder {
    /// A workload.
    pub fn workload(&mut self, tree: &Tree) -> Option<Workload> {
        const KEYS: [&str; 10] = [
            "was",
            "node",
            "subnet",
            "address",
            "labels",
            "advertise",
            "security_groups",
            "interfaces",
            "publish",
            "attach",
        ];
        let fields = self.fields(tree, "a workload", &KEYS)?;
        let was = fields.optional_reference("was", self);
        let node = fields.reference("node", self);
        let subnet = fields.reference("subnet", self);
        let addresses = match fields.optional("address") {
            Some(list) => self.items(list).iter().filter_map(|t| self.address(t)).collect(),
            None => Vec::new(),
        };
        let labels = fields.optional("labels").map(|t| self.texts(t, "`labels`"));
        let advertise = fields.optional("advertise").map(|t| self.cidrs(t)).unwrap_or_default();
        let groups = fields.optional("security_groups");
        let security_groups = groups.map(|t| self.references(t)).unwrap_or_default();
        let interfaces = fields.optional("interfaces").map(|t| self.interfaces(t));
        let publish = fields.optional("publish").map(|t| self.published(t)).unwrap_or_default();
        let attach = fields.required("attach", self).and_then(|t| self.attach(t));
        let (attach, endpoint) = attach.map_or((None, None), |(form, at)| (Some(form), at));
        Some(Workload {
            was,
            advertise,
            endpoint,
            node,
            subnet,
            addresses,
            labels: labels.unwrap_or_default(),
            security_groups,
            interfaces: interfaces.unwrap_or_default(),
            publish,
            attach,
        })
    }

    fn interfaces(&mut self, tree: &Tree) -> Vec<(At<String>, Interface)> {
        let entries = self.map(tree, "`interfaces`").unwrap_or(&[]);
        let read = |(key, value): &(Key, Tree)| {
            self.name(key, "an interface");
            let name = At { value: key.name.clone(), span: key.span.clone() };
            Some((name, self.interface(value)?))
        };
        entries.iter().filter(|(key, _)| !key.broken).filter_map(read).collect()
    }

    fn interface(&mut self, tree: &Tree) -> Option<Interface> {
        let keys = ["subnet", "address", "security_groups"];
        let fields = self.fields(tree, "an interface", &keys)?;
        let subnet = fields.reference("subnet", self);
        let addresses = match fields.optional("address") {
            Some(list) => self.items(list).iter().filter_map(|t| self.address(t)).collect(),
            None => Vec::new(),
        };
        let groups = fields.optional("security_groups");
        let security_groups = groups.map(|t| self.references(t)).unwrap_or_default();
        Some(Interface { subnet, addresses, security_groups })
    }

    fn published(&mut self, tree: &Tree) -> Vec<At<Published>> {
        let items = match tree.value {
            Value::Map(_) => std::slice::from_ref(tree),
            _ => self.items(tree),
        };
        items.iter().filter_map(|item| self.published_port(item)).collect()
    }

    fn published_port(&mut self, tree: &Tree) -> Option<At<Published>> {
        let span = tree.span.clone();
        let Value::Map(_) = &tree.value else {
            let port = self.port(tree)?;
            let value = Published { protocol: Protocol::Tcp, port, to: port };
            return Some(At { value, span });
        };
        let fields = self.fields(tree, "a published port", &["port", "protocol", "to"])?;
        let port = fields.required("port", self).and_then(|t| self.port(t));
        let to = fields.optional("to").map(|t| self.port(t));
        let protocol = match fields.optional("protocol") {
            None => Some(Protocol::Tcp),
            Some(tree) => self.protocol(tree).filter(|protocol| self.has_ports(*protocol, tree)),
        };
        let (port, protocol) = (port?, protocol?);
        Some(At { value: Published { protocol, port, to: to.unwrap_or(Some(port))? }, span })
    }

    /// What a workload is, and where its endpoint stands if it has one.
    fn attach(&mut self, tree: &Tree) -> Option<(Attach, Option<At<String>>)> {
        if let Value::Scalar { text, .. } = &tree.value {
            if text == "host" {
                return Some((Attach::Host, None));
            }
            let found = Diagnostic::error(
                code::BAD_VALUE,
                &tree.span,
                format!("`{text}` is no form of `attach`"),
                "of all forms only `host` stands alone; the others say what is attached",
                format!("write `host`, or a map with one of: {}", FORMS.join(", ")),
            );
            let guess = self.guess(text, ["host"]);
            self.push(found.meaning(guess));
            return None;
        }
        let before = self.errors();
        let fields = self.fields(tree, "`attach`", &FORMS)?;
        let given: Vec<_> = fields.present().collect();
        if given.len() != 1 {
            // A form that is not known has been reported, and is perhaps the only one.
            if given.len() > 1 || self.errors() == before && !fields.is_partial() {
                self.error(
                    code::CONFLICT,
                    fields.span(),
                    format!("`attach` has {} forms", given.len()),
                    "a workload is exactly one thing",
                    format!("keep one of: {}", FORMS.join(", ")),
                );
            }
            given.iter().for_each(|(form, value)| drop(self.form(form, value)));
            return None;
        }
        given.first().and_then(|(form, value)| self.form(form, value))
    }

    fn form(&mut self, form: &str, value: &Tree) -> Option<(Attach, Option<At<String>>)> {
        if form == "wireguard" {
            return self.stock_peer(value);
        }
        Some((self.local_form(form, value)?, None))
    }

    fn local_form(&mut self, form: &str, value: &Tree) -> Option<Attach> {
        match form {
            "container" => self.container(value),
            "process" => self.process(value),
            "netns" => Some(Attach::Netns { path: self.absolute_path(value)? }),
            "serve" => self.serve(value),
            _ => Some(Attach::Host),
        }
    }

    fn container(&mut self, tree: &Tree) -> Option<Attach> {
        if let Value::Scalar { text, .. } = &tree.value {
            return Some(Attach::Container { name: text.clone() });
        }
        if let Value::List(_) = &tree.value {
            self.wrong_type(tree, "a container is named: { container: web }");
            return None;
        }
        let fields = self.fields(tree, "`container`", &["name"])?;
        Some(Attach::Container { name: fields.reference("name", self)?.value })
    }

    fn process(&mut self, tree: &Tree) -> Option<Attach> {
        let fields = self.fields(tree, "`process`", &["run", "environment"])?;
        let environment = fields.optional("environment").map(|t| self.texts(t, "`environment`"));
        let before = self.errors();
        let tree = fields.required("run", self)?;
        let words = self.references(tree);
        let run: Vec<String> = words.into_iter().map(|word| word.value).collect();
        if run.is_empty() && self.errors() == before && tree.value != Value::Broken {
            self.error(
                code::BAD_VALUE,
                &tree.span,
                "`run` names no program",
                "the first word of `run` is the program, the others are its arguments",
                "write it as a list: run: [./db, --port, \"5432\"]",
            );
            return None;
        }
        Some(Attach::Process { run, environment: environment.unwrap_or_default() })
    }

    pub(super) fn absolute_path(&mut self, tree: &Tree) -> Option<String> {
        let path = self.text(tree, "a path such as /run/netns/blue is needed")?;
        if path.starts_with('/') {
            return Some(path.to_owned());
        }
        self.error(
            code::BAD_VALUE,
            &tree.span,
            format!("`{path}` is not an absolute path"),
            "the agent's working directory is not the user's",
            "write the whole path, such as /run/netns/blue",
        );
        None
    }

    fn serve(&mut self, tree: &Tree) -> Option<Attach> {
        const KINDS: [(&str, ServeKind); 3] =
            [("http", ServeKind::Http), ("tcp", ServeKind::Tcp), ("udp", ServeKind::Udp)];
        let before = self.errors();
        let fields = self.fields(tree, "`serve`", &KINDS.map(|(name, _)| name))?;
        let mut servers = Vec::new();
        let mut taken = BTreeSet::new();
        let mut partial = fields.is_partial();
        for (name, kind) in KINDS {
            let Some(tree) = fields.optional(name) else { continue };
            partial |= tree.value == Value::Broken;
            for item in self.items(tree) {
                let Some(port) = self.port(item) else { continue };
                if taken.insert((kind == ServeKind::Udp, port)) {
                    servers.push(Serve { kind, port });
                } else {
                    self.port_taken(port, &item.span);
                }
            }
        }
        if servers.is_empty() && self.errors() == before && !partial {
            self.error(
                code::MISSING_KEY,
                fields.span(),
                "`serve` names no server",
                "a workload of this form is nothing but its servers",
                "name at least one, such as serve: { http: 80 }",
            );
        }
        Some(Attach::Serve(servers))
    }

    fn port_taken(&mut self, port: u16, span: &Span) {
        self.error(
            code::PORT_TAKEN,
            span,
            format!("port {port} is served twice"),
            "two servers of one workload cannot listen on the same port",
            "give one of them another port",
        );
    }
}
