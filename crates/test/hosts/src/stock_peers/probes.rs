//! Echoes and connections from the stock peer and from workloads.

use super::fabric::FABRIC;
use super::{Scene, Step};
use crate::ground::wait_until;
use serde_json::Value;
use std::process::Command;

/// Where a probe starts.
#[derive(Clone, Copy)]
pub(super) enum From<'a> {
    /// The stock peer.
    Peer,
    /// A workload, on the host of this number.
    Workload(usize, &'a str),
}

impl Scene<'_> {
    pub(super) fn address(&self, workload: &str, ipv6: bool) -> Result<String, String> {
        let status = self.control().status()?;
        let addresses = status["workloads"][workload]["addresses"].as_array().cloned();
        let addresses = addresses.unwrap_or_default();
        let mut texts = addresses.iter().filter_map(Value::as_str);
        let found = texts.find(|text| text.contains(':') == ipv6);
        found.map(str::to_owned).ok_or_else(|| format!("{workload} has no address"))
    }

    /// Whether a probe succeeds: an echo, or a connection where a port is given.
    fn passes(&self, from: From<'_>, to: &str, port: Option<u16>) -> Result<bool, String> {
        let mut command = match from {
            From::Peer => self.hosts[2].command(&self.netloom),
            From::Workload(host, name) => {
                let netns = self.hosts[host].run().join(FABRIC).join("netns");
                let mut command = Command::new("nsenter");
                command.arg(format!("--net={}", netns.join(format!("workload-{name}")).display()));
                command.arg(&self.netloom);
                command
            }
        };
        match port {
            None => command.args(["ping", to, "--count", "1"]),
            Some(port) if to.contains(':') => command.args(["connect", &format!("[{to}]:{port}")]),
            Some(port) => command.args(["connect", &format!("{to}:{port}")]),
        };
        command.args(["--timeout", "1500ms"]);
        let output = command.output().map_err(|error| error.to_string())?;
        Ok(output.status.success())
    }

    pub(super) fn expect(&self, from: From<'_>, to: &str, port: Option<u16>, passes: bool) -> Step {
        // What is allowed may take a moment to be so; what is denied is denied from the first packet.
        if passes {
            return wait_until(to, || match self.passes(from, to, port)? {
                true => Ok(()),
                false => Err(format!("{to} {port:?} is not reached")),
            })
            .map(drop);
        }
        match self.passes(from, to, port)? {
            true => Err(format!("{to} {port:?} is reached")),
            false => Ok(()),
        }
    }
}
