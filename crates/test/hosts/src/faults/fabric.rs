//! The fabric that the faults befall, and what is asked of it.

use crate::ground::{Ground, Host, wait_until};
use std::path::{Path, PathBuf};

pub(super) const FABRIC: &str = "faulty";
pub(super) const NODES: [&str; 3] = ["alpha", "beta", "gamma"];

/// Three hosts, the first with control.
pub(super) struct Trial {
    pub(super) hosts: Vec<Host>,
    folder: PathBuf,
}

impl Trial {
    pub(super) fn new(ground: &Ground) -> Self {
        Self { hosts: ground.hosts.clone(), folder: ground.folder.clone() }
    }

    pub(super) fn begin(&self) -> Result<(), String> {
        let file = self.write(1_000)?;
        self.hosts[0].succeed(&["up", &file, "--name", "alpha", "--wait", "10"]).map(drop)
    }

    /// Writes the file, which allows a port; each has a file of its own.
    pub(super) fn write(&self, port: usize) -> Result<String, String> {
        let path: &Path = &self.folder.join(format!("faulty-{port}.yaml"));
        let text = format!(
            "version: 1
fabric: {FABRIC}
regions: {{ here: {{}} }}
networks: {{ app: {{ cidr: 10.1.0.0/16 }} }}
subnets: {{ s: {{ network: app, cidr: 10.1.1.0/24 }} }}
nodes: {{ alpha: {{ region: here, roles: [control] }}, beta: {{ region: here }}, gamma: {{ region: here }} }}
security_groups:
  web: {{ ingress: [{{ protocol: tcp, ports: [80, {port}], from: all }}], egress: [{{ to: all }}] }}
workloads:
  a: {{ node: alpha, subnet: s, security_groups: [web], attach: {{ serve: {{ http: 80 }} }} }}
  b: {{ node: beta, subnet: s, security_groups: [web], attach: {{ serve: {{ http: 80 }} }} }}
  g: {{ node: gamma, subnet: s, security_groups: [web], attach: {{ serve: {{ http: 80 }} }} }}
"
        );
        std::fs::write(path, text).map_err(|error| error.to_string())?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// A file of another fabric, of one node.
    pub(super) fn write_other(&self) -> Result<String, String> {
        let path = self.folder.join("other.yaml");
        let text = "version: 1\nfabric: other\nregions: { here: {} }\n\
                    nodes: { gamma: { region: here, roles: [control] } }\n";
        std::fs::write(&path, text).map_err(|error| error.to_string())?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// The same with another network, which every node's own stack has to join.
    pub(super) fn write_more(&self, port: usize) -> Result<String, String> {
        let path = PathBuf::from(self.write(port)?);
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let text = text
            .replace(
                "app: { cidr: 10.1.0.0/16 }",
                "app: { cidr: 10.1.0.0/16 }, more: { cidr: 10.2.0.0/16 }",
            )
            .replace("subnets: {", "subnets: { m: { network: more, cidr: 10.2.1.0/24 },");
        let mut text = text;
        for node in NODES {
            text.push_str(&format!(
                "  m-{node}: {{ node: {node}, subnet: m, security_groups: [web], attach: {{ serve: {{ http: 80 }} }} }}\n"
            ));
        }
        let path = path.with_extension("more.yaml");
        std::fs::write(&path, text).map_err(|error| error.to_string())?;
        Ok(path.to_string_lossy().into_owned())
    }

    pub(super) fn token(&self, options: &[&str]) -> Result<String, String> {
        let token = self.hosts[0].succeed(&[&["token", "create"], options].concat())?;
        Ok(token.trim().to_owned())
    }

    pub(super) fn revision(&self) -> Result<u64, String> {
        self.hosts[0].status()?["revision"].as_u64().ok_or_else(|| "no revision".to_owned())
    }

    pub(super) fn is_at(&self, wanted: u64) -> Result<(), String> {
        let found = self.revision()?;
        if found == wanted { Ok(()) } else { Err(format!("revision {found}, not {wanted}")) }
    }

    /// Waits until control sees a node in a state.
    pub(super) fn is_in_state(&self, node: &str, wanted: &str) -> Result<(), String> {
        wait_until(&format!("{node} is {wanted}"), || {
            let found = self.hosts[0].status()?["nodes"][node]["state"].clone();
            if found == wanted { Ok(()) } else { Err(format!("it is {found}")) }
        })
        .map_err(|why| format!("{why}\n{}", self.last_words(node)))
        .map(drop)
    }

    /// What a node says of itself, and the end of its log.
    fn last_words(&self, node: &str) -> String {
        let place = NODES.iter().position(|name| *name == node).unwrap_or(0);
        let host = &self.hosts[place];
        let status = host.output(&["status"]).map(|output| output.stdout).unwrap_or_default();
        let log = host.state().join(FABRIC).join("log").join("node.log");
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(15).collect();
        let log = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
        format!("{}\n{log}", String::from_utf8_lossy(&status))
    }

    pub(super) fn all_connected(&self) -> Result<(), String> {
        NODES.iter().try_for_each(|node| self.is_in_state(node, "connected"))
    }

    pub(super) fn control_folder(&self) -> PathBuf {
        self.hosts[0].state().join(FABRIC).join("control")
    }
}

pub(super) fn text(error: anyhow::Error) -> String {
    format!("{error:#}")
}

pub(super) fn expect(found: &str, wanted: &str) -> Result<(), String> {
    if found.contains(wanted) { Ok(()) } else { Err(format!("no `{wanted}` in: {found}")) }
}
