//! The shipped control and agents on the two sides, with a workload on each that is measured between.

use anyhow::{Context as _, ensure};
use netloom_sys::namespace::NamespaceHandle;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long the nodes may take to have each other.
const READY: Duration = Duration::from_secs(40);
const FABRIC: &str = "bench";
/// Addresses of the workloads: the first ones of a subnet are reserved.
pub(crate) const ADDRESSES: [&str; 2] = ["10.99.0.10", "10.99.0.11"];

/// A fabric of two hosts.
pub(crate) struct Fabric {
    netloom: PathBuf,
    folder: PathBuf,
    hosts: [String; 2],
}

impl Fabric {
    /// Begins one on two hosts (names of network namespaces); a workload in a namespace of its own has
    /// each of the [`ADDRESSES`].
    pub(crate) fn begin(
        netloom: &Path,
        hosts: &[String; 2],
        workloads: &[String; 2],
    ) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("{}-fabric", hosts[0]));
        std::fs::create_dir_all(&folder)?;
        let fabric = Self { netloom: netloom.to_owned(), folder, hosts: hosts.clone() };
        let file = fabric.folder.join("bench.yaml");
        std::fs::write(&file, text(workloads))?;
        let file = file.to_string_lossy().into_owned();
        fabric.run(0, &["up", &file, "--name", "a", "--wait", "5"])?;
        let token = fabric.run(0, &["token", "create", "--node", "b"])?;
        fabric.run(1, &["join", token.trim()])?;
        let start = Instant::now();
        while let Err(why) = fabric.is_ready() {
            knock(&workloads[0])?;
            ensure!(start.elapsed() < READY, "the nodes are not ready: {why}");
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(fabric)
    }

    /// Whether both ends have a session in the suite that they will have.
    fn is_ready(&self) -> anyhow::Result<()> {
        let status: serde_json::Value = serde_json::from_str(&self.run(0, &["status", "--json"])?)?;
        for (node, peer) in [("a", "b"), ("b", "a")] {
            let tunnel = &status["nodes"][node]["report"]["networks"]["net"]["peers"][peer];
            let reason = tunnel["cipher_reason"].as_str().unwrap_or_default();
            let settled = tunnel["has_session"] == true && !reason.contains("next handshake");
            ensure!(settled, "{node}: {tunnel}");
        }
        Ok(())
    }

    /// What the sessions are sealed with.
    pub(crate) fn cipher(&self) -> anyhow::Result<String> {
        let status: serde_json::Value = serde_json::from_str(&self.run(0, &["status", "--json"])?)?;
        let tunnel = &status["nodes"]["a"]["report"]["networks"]["net"]["peers"]["b"];
        Ok(tunnel["cipher"].as_str().context("no session")?.to_owned())
    }

    /// The agents' process ids.
    pub(crate) fn agents(&self) -> anyhow::Result<Vec<u32>> {
        let of = |side: usize| {
            let run = self.run_folder(side);
            let ids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
            let mut ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
            ids.find(|id| {
                let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
                let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
                let here = words.iter().any(|word| *word == run.as_os_str().as_encoded_bytes());
                here && words.get(1) == Some(&b"node".as_slice())
            })
        };
        (0..2).map(|side| of(side).context("an agent does not run")).collect()
    }

    fn run_folder(&self, side: usize) -> PathBuf {
        self.folder.join(format!("{side}")).join("run")
    }

    fn run(&self, side: usize, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.hosts[side]));
        command.arg(&self.netloom).args(arguments);
        command.env("NETLOOM_STATE", self.folder.join(format!("{side}")).join("state"));
        command.env("NETLOOM_RUN", self.run_folder(side));
        let output = command.output().context("cannot run nsenter")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "netloom {}: {errors}", arguments.join(" "));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Fabric {
    fn drop(&mut self) {
        for side in [1, 0] {
            let _ = self.run(side, &["down", "--yes"]);
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Sends something, without which there is no handshake.
fn knock(workload: &str) -> anyhow::Result<()> {
    let namespace = NamespaceHandle::open(&Path::new("/run/netns").join(workload))?;
    let sent = namespace.run(|| UdpSocket::bind("0.0.0.0:0")?.send_to(b"knock", (ADDRESSES[1], 9)));
    // Its address may not be there yet.
    let _ = sent?;
    Ok(())
}

/// Policy is on: groups that name each other, and what is not named is dropped.
fn text(workloads: &[String; 2]) -> String {
    let mut text = format!(
        "version: 1
fabric: {FABRIC}
regions: {{ here: {{}} }}
networks: {{ net: {{ cidr: 10.99.0.0/16 }} }}
subnets: {{ s: {{ network: net, cidr: 10.99.0.0/24 }} }}
nodes: {{ a: {{ region: here, roles: [control] }}, b: {{ region: here }} }}
security_groups:
  bench: {{ ingress: [{{ protocol: all, from: {{ security_group: bench }} }}], egress: [{{ to: {{ security_group: bench }} }}] }}
workloads:
"
    );
    for (index, node) in ["a", "b"].into_iter().enumerate() {
        text.push_str(&format!(
            "  w{index}: {{ node: {node}, subnet: s, address: {}, security_groups: [bench], \
             attach: {{ netns: /run/netns/{} }} }}\n",
            ADDRESSES[index], workloads[index]
        ));
    }
    text
}
