//! Two versions of the executable in one fabric, each as control and each as node.

use crate::ground::{Ground, Host, wait_until};
use crate::say;
use std::path::{Path, PathBuf};

/// The fabric's name.
const FABRIC: &str = "mixed";

/// The version before and this one in one fabric, store included, both ways.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The executable of the version before.
    #[arg(long)]
    previous: PathBuf,
}

pub(crate) fn run(netloom: &Path, options: &Options) -> anyhow::Result<bool> {
    say::progress("making three hosts");
    let ground = Ground::make(netloom, 3)?;
    let mut trial = Trial {
        hosts: ground.hosts.clone(),
        folder: ground.folder.clone(),
        applies: 0,
        new: netloom.to_owned(),
    };
    let (new, old) = (netloom, options.previous.as_path());
    trial.hosts[0].netloom = old.to_owned();
    trial.hosts[1].netloom = old.to_owned();
    let mut good = say::step("an old control, an old and a new node", trial.begin());
    // Whoever is control has the store that the other version has written.
    for (name, control, nodes) in [
        ("a new control over the old store", new, [old, new]),
        ("an old control over the new store", old, [new, old]),
        ("a new control again", new, [old, old]),
        ("all of them new", new, [new, new]),
    ] {
        if good {
            say::progress(name);
            good &= say::step(name, trial.turn(control, nodes));
        }
    }
    for host in &trial.hosts {
        good &= host.succeed(&["down", "--yes"]).map_err(|why| say::progress(&why)).is_ok();
    }
    say::figure("applies", trial.applies);
    Ok(good)
}

struct Trial {
    hosts: Vec<Host>,
    folder: PathBuf,
    applies: u64,
    /// The executable of this version.
    new: PathBuf,
}

impl Trial {
    fn begin(&mut self) -> Result<(), String> {
        let file = self.file()?;
        self.hosts[0].succeed(&["up", &file])?;
        for (host, name) in self.hosts[1..].iter().zip(["beta", "gamma"]) {
            let token = self.hosts[0].succeed(&["token", "create", "--node", name])?;
            host.succeed(&["join", token.trim()])?;
        }
        self.holds()
    }

    /// Hosts stop with the executable that they have, and start with another one.
    fn turn(&mut self, control: &Path, nodes: [&Path; 2]) -> Result<(), String> {
        for (host, executable) in self.hosts.iter_mut().zip([control, nodes[0], nodes[1]]) {
            if host.netloom != executable {
                host.succeed(&["stop"])?;
                host.netloom = executable.to_owned();
                host.succeed(&["start"])?;
            }
        }
        let file = self.file()?;
        wait_until("control takes a change", || {
            self.hosts[0].succeed(&["apply", &file]).map(drop)
        })?;
        self.holds()?;
        let before = self.applies;
        let expected = (before - 1).to_string();
        self.hosts[0].succeed(&["rollback", &expected])?;
        self.applies += 1;
        self.holds()?;
        self.asks()
    }

    /// A control of this version has nodes of this version send packets, and names others that it cannot ask
    /// instead of waiting for them.
    fn asks(&self) -> Result<(), String> {
        if self.hosts[0].netloom != self.new {
            return Ok(());
        }
        for (host, from) in self.hosts[1..].iter().zip(["web-2", "web-3"]) {
            let words = ["network", "test-connectivity", from, "web-1", "80/tcp"];
            match self.hosts[0].succeed(&words) {
                Ok(said) if said.contains("2 of 2 did as explain says") => {}
                // The version before may be older than the question.
                Err(why)
                    if host.netloom != self.new
                        && why.contains("cannot be asked by this control") => {}
                Ok(said) => return Err(said),
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    fn file(&mut self) -> Result<String, String> {
        self.applies += 1;
        let path = self.folder.join("mixed.yaml");
        let text = format!(
            "version: 1
fabric: {FABRIC}
regions: {{ here: {{}} }}
networks: {{ app: {{ cidr: [10.1.0.0/16, \"fd00:1::/48\"] }} }}
subnets: {{ s: {{ network: app, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"] }} }}
nodes: {{ alpha: {{ region: here, roles: [control] }}, beta: {{ region: here }}, gamma: {{ region: here }} }}
security_groups:
  web: {{ ingress: [{{ protocol: tcp, ports: [80, {port}], from: all }}], egress: [{{ to: all }}] }}
workloads:
  web-1: {{ node: alpha, subnet: s, security_groups: [web], attach: {{ serve: {{ http: 80 }} }} }}
  web-2: {{ node: beta, subnet: s, security_groups: [web], attach: {{ serve: {{ http: 80 }} }} }}
  web-3: {{ node: gamma, subnet: s, security_groups: [web], attach: {{ serve: {{ http: 80 }} }} }}
",
            port = 1000 + self.applies
        );
        std::fs::write(&path, text).map_err(|error| error.to_string())?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// Every node holds what it shall hold, and every workload answers every other one.
    fn holds(&self) -> Result<(), String> {
        wait_until("all nodes are up to date", || {
            let status = self.hosts[0].status()?;
            for name in ["alpha", "beta", "gamma"] {
                let node = &status["nodes"][name];
                if node["state"] != "connected"
                    || node["current"] != true
                    || !node["error"].is_null()
                {
                    return Err(format!("{name}: {node}"));
                }
            }
            Ok(())
        })?;
        let status = self.hosts[0].status()?;
        for (number, host) in self.hosts.iter().enumerate() {
            let netns = host.run().join(FABRIC).join(format!("netns/workload-web-{}", number + 1));
            for other in ["web-1", "web-2", "web-3"] {
                let addresses = status["workloads"][other]["addresses"].as_array().cloned();
                for address in addresses.into_iter().flatten() {
                    let address: std::net::IpAddr =
                        address.as_str().and_then(|text| text.parse().ok()).ok_or("no address")?;
                    let to = std::net::SocketAddr::new(address, 80).to_string();
                    wait_until(other, || {
                        let output = std::process::Command::new("nsenter")
                            .arg(format!("--net={}", netns.display()))
                            .arg(&host.netloom)
                            .args(["connect", &to])
                            .output()
                            .map_err(|error| error.to_string())?;
                        let text = String::from_utf8_lossy(&output.stdout).into_owned();
                        if output.status.success() { Ok(()) } else { Err(text) }
                    })?;
                }
            }
        }
        Ok(())
    }
}
