//! Workloads and the forms of `attach`.

use super::{At, Decoder, Fields};
use crate::diagnostic::code;
use crate::fabric::{Attach, Serve, ServeKind};
use crate::span::Span;
use crate::tree::{Tree, Value};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A workload as declared.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Node.
    pub node: At<String>,
    /// Subnet.
    pub subnet: At<String>,
    /// Addresses asked for.
    pub addresses: Vec<At<IpAddr>>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Security groups.
    pub security_groups: Vec<At<String>>,
    /// What it is.
    pub attach: Attach,
}

const FORMS: [&str; 5] = ["container", "process", "host", "netns", "serve"];

impl Decoder {
    /// A workload.
    pub fn workload(&mut self, tree: &Tree) -> Option<Workload> {
        const KEYS: [&str; 6] =
            ["node", "subnet", "address", "labels", "security_groups", "attach"];
        let fields = self.fields(tree, "a workload", &KEYS)?;
        let node = fields.reference("node", self);
        let subnet = fields.reference("subnet", self);
        let addresses = match fields.optional("address") {
            Some(list) => self.items(list).iter().filter_map(|t| self.address(t)).collect(),
            None => Vec::new(),
        };
        let labels = fields.optional("labels").map(|t| self.texts(t, "`labels`"));
        let groups = fields.optional("security_groups");
        let security_groups = groups.map(|t| self.references(t)).unwrap_or_default();
        let attach = fields.required("attach", self).and_then(|t| self.attach(t));
        Some(Workload {
            node: node?,
            subnet: subnet?,
            addresses,
            labels: labels.unwrap_or_default(),
            security_groups,
            attach: attach?,
        })
    }

    fn attach(&mut self, tree: &Tree) -> Option<Attach> {
        if let Value::Scalar { text, .. } = &tree.value
            && text == "host"
        {
            return Some(Attach::Host);
        }
        let fields = self.fields(tree, "`attach`", &FORMS)?;
        let given: Vec<_> = fields.present().collect();
        let [(key, value)] = given.as_slice() else {
            self.error(
                code::CONFLICT,
                fields.span(),
                format!("`attach` has {} forms", given.len()),
                "a workload is exactly one thing",
                format!("keep one of: {}", FORMS.join(", ")),
            );
            return None;
        };
        match key.name.as_str() {
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
        let fields = self.fields(tree, "`container`", &["name"])?;
        Some(Attach::Container { name: fields.reference("name", self)?.value })
    }

    fn process(&mut self, tree: &Tree) -> Option<Attach> {
        let fields = self.fields(tree, "`process`", &["run", "environment"])?;
        let run: Vec<String> = fields
            .required("run", self)
            .map(|t| self.references(t).into_iter().map(|word| word.value).collect())?;
        let environment = fields.optional("environment").map(|t| self.texts(t, "`environment`"));
        if run.is_empty() {
            self.error(
                code::BAD_VALUE,
                fields.span(),
                "`run` names no program",
                "the first word of `run` is the program, the others are its arguments",
                "write it as a list: run: [./db, --port, \"5432\"]",
            );
            return None;
        }
        Some(Attach::Process { run, environment: environment.unwrap_or_default() })
    }

    fn absolute_path(&mut self, tree: &Tree) -> Option<String> {
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
        let fields = self.fields(tree, "`serve`", &KINDS.map(|(name, _)| name))?;
        let mut servers = Vec::new();
        for (name, kind) in KINDS {
            for item in fields.optional(name).map(|t| self.items(t)).unwrap_or_default() {
                if let Some(port) = self.port(item) {
                    self.add_server(&mut servers, Serve { kind, port }, &item.span);
                }
            }
        }
        self.needs_a_server(&fields, &servers);
        Some(Attach::Serve(servers))
    }

    fn add_server(&mut self, servers: &mut Vec<Serve>, server: Serve, span: &Span) {
        let udp = |serve: &Serve| serve.kind == ServeKind::Udp;
        let taken = servers.iter().any(|old| old.port == server.port && udp(old) == udp(&server));
        if taken {
            self.error(
                code::PORT_TAKEN,
                span,
                format!("port {} is served twice", server.port),
                "two servers of one workload cannot listen on the same port",
                "give one of them another port",
            );
        }
        servers.push(server);
    }

    fn needs_a_server(&mut self, fields: &Fields<'_>, servers: &[Serve]) {
        if servers.is_empty() {
            self.error(
                code::MISSING_KEY,
                fields.span(),
                "`serve` names no server",
                "a workload of this form is nothing but its servers",
                "name at least one, such as serve: { http: 80 }",
            );
        }
    }
}
