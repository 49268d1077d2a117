//! Services, and how their members are checked, as declared.

use super::Decoder;
use super::objects::Service;
use crate::diagnostic::code;
use crate::fabric::{HealthCheck, Protocol};
use crate::tree::Tree;
use std::time::Duration;

impl Decoder {
    /// A service.
    pub fn service(&mut self, tree: &Tree) -> Option<Service> {
        const KEYS: [&str; 5] = ["namespace", "port", "protocol", "select", "health"];
        let fields = self.fields(tree, "a service", &KEYS)?;
        let namespace = fields.optional_reference("namespace", self);
        let port = fields.required("port", self).and_then(|t| self.port(t));
        let protocol = match fields.optional("protocol") {
            None => Some(Protocol::Tcp),
            Some(tree) => self.protocol(tree).filter(|protocol| self.has_ports(*protocol, tree)),
        };
        let select = fields.required("select", self).map(|t| self.texts(t, "`select`"));
        let health = fields.optional("health").and_then(|t| self.health(t));
        let select = select.unwrap_or_default();
        Some(Service { namespace, port, protocol, select, health })
    }

    pub(super) fn has_ports(&mut self, protocol: Protocol, tree: &Tree) -> bool {
        let has = matches!(protocol, Protocol::Tcp | Protocol::Udp);
        if !has {
            self.error(
                code::CONFLICT,
                &tree.span,
                "a service has a port, and this protocol has none",
                "services are found by port (SRV records)",
                "use `tcp` or `udp`",
            );
        }
        has
    }

    fn health(&mut self, tree: &Tree) -> Option<HealthCheck> {
        let fields = self.fields(tree, "`health`", &["http", "tcp", "interval", "timeout"])?;
        let http = fields.optional_reference("http", self).map(|path| path.value);
        if let Some(tcp) = fields.optional("tcp") {
            self.truth(tcp);
        }
        let mut time = |key, default| {
            let given = fields.optional(key).and_then(|tree| self.duration(tree));
            given.unwrap_or_else(|| Duration::from_secs(default))
        };
        Some(HealthCheck { http, interval: time("interval", 10), timeout: time("timeout", 2) })
    }
}
