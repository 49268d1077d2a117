//! A member of control on each of three hosts, over a real etcd of three members; each is lost and comes back.

use crate::ground::{Ground, Host, ip, wait_until};
use crate::say;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const FABRIC: &str = "several";
const NODES: [&str; 3] = ["alpha", "beta", "gamma"];

/// Control of three members over etcd of three members; each host loses both, or its link, in turn.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How often a member is lost.
    #[arg(long, default_value_t = 9)]
    losses: usize,
}

pub(crate) fn run(netloom: &Path, options: &Options) -> anyhow::Result<bool> {
    say::progress("making three hosts");
    let ground = Ground::make(netloom, 3)?;
    let mut trial = Trial::new(&ground);
    let mut good = say::step("a store in a file has one member", trial.refuses_alone());
    good &= say::step("three members over etcd", trial.begin());
    if good {
        good &= say::step("only nodes with the role become members", trial.refuses_others());
        good &=
            say::step("every member takes changes and sees all nodes", trial.everyone_applies());
    }
    for loss in 0..options.losses {
        if good {
            let host = loss % NODES.len();
            let (what, result) = if (loss / NODES.len()).is_multiple_of(2) {
                ("control and etcd killed", trial.lose_processes(host))
            } else {
                ("host cut off", trial.lose_link(host))
            };
            good &= say::step(&format!("{} with {what}, and back", NODES[host]), result);
        }
    }
    if good {
        good &= say::step("a member that leaves is forgotten", trial.leave());
    }
    say::figure("applies", trial.applies);
    say::figure("slowest apply without a member ms", trial.slowest_ms);
    say::figure("slowest return of a member ms", trial.slowest_return_ms);
    Ok(good)
}

struct Trial<'a> {
    ground: &'a Ground,
    hosts: Vec<Host>,
    file: PathBuf,
    etcd: Vec<Option<Child>>,
    applies: u64,
    slowest_ms: u128,
    slowest_return_ms: u128,
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        (0..self.etcd.len()).for_each(|host| self.stop_etcd(host));
    }
}

impl<'a> Trial<'a> {
    fn new(ground: &'a Ground) -> Self {
        let file = ground.folder.join("several.yaml");
        let etcd = NODES.iter().map(|_| None).collect();
        let hosts = ground.hosts.clone();
        Self { ground, hosts, file, etcd, applies: 0, slowest_ms: 0, slowest_return_ms: 0 }
    }

    // === the store ===

    fn start_etcd(&mut self, host: usize) -> Result<(), String> {
        let one = &self.hosts[host];
        let peers: Vec<String> = NODES
            .iter()
            .zip(&self.hosts)
            .map(|(name, host)| format!("{name}=http://{}:2380", host.address))
            .collect();
        let (client, peer) =
            (format!("http://{}:2379", one.address), format!("http://{}:2380", one.address));
        let data = one.folder.join("etcd");
        let mut command = one.command("etcd");
        command.args(["--name", NODES[host], "--data-dir"]).arg(data);
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &peers.join(","), "--log-level", "error"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.etcd[host] = Some(command.spawn().map_err(|error| format!("etcd: {error}"))?);
        Ok(())
    }

    fn stop_etcd(&mut self, host: usize) {
        if let Some(mut child) = self.etcd[host].take() {
            // `nsenter` has become etcd itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    // === the beginning ===

    fn write(&mut self, roles_of_gamma: &str) -> Result<String, String> {
        self.applies += 1;
        let text = format!(
            "version: 1
fabric: {FABRIC}
regions: {{ here: {{}} }}
networks: {{ app: {{ cidr: 10.1.0.0/16 }} }}
subnets: {{ s: {{ network: app, cidr: 10.1.1.0/24 }} }}
nodes:
  alpha: {{ region: here, roles: [control] }}
  beta: {{ region: here, roles: [control] }}
  gamma: {{ region: here, roles: [{roles_of_gamma}] }}
security_groups:
  web: {{ ingress: [{{ protocol: tcp, ports: [80, {port}], from: all }}], egress: [{{ to: all }}] }}
workloads:
  web-1: {{ node: alpha, subnet: s, security_groups: [web], attach: {{ serve: {{ http: 80 }} }} }}
  web-2: {{ node: beta, subnet: s, security_groups: [web], attach: {{ serve: {{ http: 80 }} }} }}
  web-3: {{ node: gamma, subnet: s, security_groups: [web], attach: {{ serve: {{ http: 80 }} }} }}
",
            port = 1000 + self.applies
        );
        std::fs::write(&self.file, text).map_err(|error| error.to_string())?;
        Ok(self.file.to_string_lossy().into_owned())
    }

    fn refuses_alone(&mut self) -> Result<(), String> {
        let file = self.write("control")?;
        let host = &self.hosts[0];
        host.succeed(&["up", &file, "--name", "alpha", "--wait", "5"])?;
        expect(&host.fail(&["token", "create", "--node", "beta", "--control"])?, "--etcd")?;
        let url = format!("http://{}:2379", host.address);
        let refused = host.fail(&["up", &file, "--name", "alpha", "--etcd", &url])?;
        expect(&refused, "is not moved to etcd")?;
        host.succeed(&["down", "--yes"]).map(drop)
    }

    fn begin(&mut self) -> Result<(), String> {
        (0..NODES.len()).try_for_each(|host| self.start_etcd(host))?;
        let file = self.write("")?;
        let urls: Vec<String> =
            self.hosts.iter().map(|host| format!("http://{}:2379", host.address)).collect();
        let mut arguments = vec!["up", &file, "--name", "alpha", "--wait", "10"];
        arguments.extend(urls.iter().flat_map(|url| ["--etcd", url]));
        self.hosts[0].succeed(&arguments)?;
        self.join(1)
    }

    fn join(&self, host: usize) -> Result<(), String> {
        let create = ["token", "create", "--node", NODES[host], "--control"];
        let token = self.hosts[0].succeed(&create)?;
        self.hosts[host].succeed(&["join", token.trim()]).map(drop)
    }

    fn refuses_others(&mut self) -> Result<(), String> {
        let create = ["token", "create", "--node", "gamma", "--control"];
        let token = self.hosts[0].succeed(&create)?;
        expect(&self.hosts[2].fail(&["join", token.trim()])?, "roles: [control]")?;
        expect(&self.hosts[0].fail(&["token", "create", "--control"])?, "--node")?;
        let file = self.write("control")?;
        self.hosts[1].succeed(&["apply", &file])?;
        // It was not used up by what was refused.
        self.hosts[2].succeed(&["join", token.trim()]).map(drop)
    }

    // === changes ===

    fn everyone_applies(&mut self) -> Result<(), String> {
        for host in 0..NODES.len() {
            self.apply_at(host)?;
            for other in 0..NODES.len() {
                self.wait_for(other, &NODES, &NODES)?;
            }
        }
        Ok(())
    }

    fn apply_at(&mut self, host: usize) -> Result<Duration, String> {
        let file = self.write("control")?;
        let start = Instant::now();
        // What depends on the member that is gone is tried again; what is refused is not.
        wait_until("a change is taken", || {
            self.hosts[host].succeed(&["apply", &file, "--wait", "5"]).map(drop)
        })?;
        Ok(start.elapsed())
    }

    /// Waits until a member sees these nodes current, and hears these members.
    fn wait_for(&self, host: usize, nodes: &[&str], members: &[&str]) -> Result<Duration, String> {
        wait_until("all is as it should be", || {
            let status = self.hosts[host].status()?;
            let revision = self.applied(&status)?;
            for name in nodes {
                let node = &status["nodes"][*name];
                if node["state"] != "connected" || node["current"] != true {
                    return Err(format!("{}: revision {revision}, {name}: {node}", NODES[host]));
                }
            }
            for name in NODES {
                let heard = status["control"][name]["heard"] == true;
                if heard != members.contains(&name) {
                    return Err(format!("{} hears {name}: {heard}", NODES[host]));
                }
            }
            Ok(())
        })
    }

    /// The revision that a member knows, which must be that of the last apply.
    fn applied(&self, status: &Value) -> Result<u64, String> {
        let revision = status["revision"].as_u64().unwrap_or_default();
        // The first two files were of the fabric in a file.
        let expected = self.applies - 1;
        if revision == expected {
            return Ok(revision);
        }
        Err(format!("revision {revision} is in force, not {expected}"))
    }

    // === losses ===

    /// Kills a host's control and etcd for good; its node goes on with another member.
    fn lose_processes(&mut self, host: usize) -> Result<(), String> {
        for kind in ["supervise", "control"] {
            self.hosts[host].kill(kind);
        }
        self.stop_etcd(host);
        let (others, nodes) = (others(host), NODES);
        for other in &others {
            let taken = self.apply_at(*other)?;
            self.slowest_ms = self.slowest_ms.max(taken.as_millis());
            let members = others.map(|other| NODES[other]);
            self.wait_for(*other, &nodes, &members)?;
        }
        self.start_etcd(host)?;
        self.hosts[host].succeed(&["start"])?;
        self.is_back(host)
    }

    /// Cuts a host off from all others: its members go on without it, and it without them.
    fn lose_link(&mut self, host: usize) -> Result<(), String> {
        let port = format!("p{}", host + 1);
        ip(&["-n", self.ground.bridge(), "link", "set", &port, "down"]).map_err(text)?;
        let others = others(host);
        for other in &others {
            let taken = self.apply_at(*other)?;
            self.slowest_ms = self.slowest_ms.max(taken.as_millis());
            let members = others.map(|other| NODES[other]);
            self.wait_for(*other, &members, &members)?;
        }
        ip(&["-n", self.ground.bridge(), "link", "set", &port, "up"]).map_err(text)?;
        self.is_back(host)
    }

    fn is_back(&mut self, host: usize) -> Result<(), String> {
        let start = Instant::now();
        for other in 0..NODES.len() {
            self.wait_for(other, &NODES, &NODES)?;
        }
        self.slowest_return_ms = self.slowest_return_ms.max(start.elapsed().as_millis());
        self.apply_at(host)?;
        (0..NODES.len()).try_for_each(|other| self.wait_for(other, &NODES, &NODES).map(drop))
    }

    fn leave(&mut self) -> Result<(), String> {
        self.hosts[2].succeed(&["down", "--yes"])?;
        wait_until("gamma is forgotten", || {
            let status = self.hosts[0].status()?;
            let known = status["control"].as_object().map_or(0, serde_json::Map::len);
            if known == 2 { Ok(()) } else { Err(format!("{known} members are known")) }
        })?;
        self.apply_at(1)?;
        self.hosts[1].succeed(&["down", "--yes"])?;
        let last = self.hosts[0].succeed(&["down", "--yes"])?;
        expect(&last, "last member of control")
    }
}

/// The two hosts that are not this one.
fn others(host: usize) -> [usize; 2] {
    [(host + 1) % NODES.len(), (host + 2) % NODES.len()]
}

fn text(error: anyhow::Error) -> String {
    format!("{error:#}")
}

fn expect(found: &str, wanted: &str) -> Result<(), String> {
    if found.contains(wanted) { Ok(()) } else { Err(format!("no `{wanted}` in: {found}")) }
}
