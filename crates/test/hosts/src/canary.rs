//! Pieces of datagrams that a network card cuts wrongly, on one path and not on another.

pub(crate) mod fault;

use crate::ground::wired::Wire;
use crate::ground::{Ground, wait_until};
use crate::paths::stream::Stream;
use crate::say;
use fault::Fault;
use netloom_sys::namespace::NamespaceHandle;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

const FABRIC: &str = "canary";
const NODES: [&str; 3] = ["a", "b", "c"];

/// Pieces are cut wrongly in all ways, each found, mended and told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Try only faults whose names contain this.
    #[arg(long, default_value = "")]
    only: String,
}

pub(crate) fn run(netloom: &Path, options: &Options) -> anyhow::Result<bool> {
    say::progress("three hosts, whose network cards are this program");
    let (ground, wire) = Ground::wired(netloom)?;
    let trial = Trial { ground, wire };
    let mut good = say::step("three nodes", trial.begin());
    if good {
        let [from, to, other] = [0, 1, 2].map(|node| trial.workload(node));
        let (from, to, other) = (from?, to?, other?);
        let streams = [
            Stream::start(&from, &to, trial.address(1).map_err(anyhow::Error::msg)?)?,
            Stream::start(&from, &other, trial.address(2).map_err(anyhow::Error::msg)?)?,
        ];
        std::thread::sleep(Duration::from_secs(3));
        good &= say::step("pieces go to both", trial.has_pieces());
        for fault in Fault::ALL.into_iter().filter(|fault| fault.name().contains(&options.only)) {
            good &= say::step(fault.name(), trial.broken(fault, &streams));
        }
    }
    for host in trial.ground.hosts.iter().rev() {
        good &= host.succeed(&["down", "--yes"]).map_err(|why| say::progress(&why)).is_ok();
    }
    Ok(good)
}

struct Trial {
    ground: Ground,
    wire: Wire,
}

impl Trial {
    fn begin(&self) -> Result<(), String> {
        let path = self.ground.folder.join("canary.yaml");
        std::fs::write(&path, text()).map_err(|error| error.to_string())?;
        let hosts = &self.ground.hosts;
        hosts[0].succeed(&["up", &path.to_string_lossy(), "--name", "a"])?;
        for (host, name) in hosts.iter().zip(NODES).skip(1) {
            let token = hosts[0].succeed(&["token", "create", "--node", name])?;
            host.succeed(&["join", token.trim()])?;
        }
        wait_until("all nodes are up to date", || {
            let status = hosts[0].status()?;
            let is_current = NODES.iter().all(|node| status["nodes"][node]["current"] == true);
            if is_current { Ok(()) } else { Err(status["nodes"].to_string()) }
        })
        .map(drop)
    }

    fn has_pieces(&self) -> Result<(), String> {
        for peer in [1, 2] {
            self.wire.take_pieces(peer);
        }
        std::thread::sleep(Duration::from_secs(1));
        let pieces = [1, 2].map(|peer| self.wire.take_pieces(peer));
        say::progress(&format!("pieces in a second: {pieces:?}"));
        if pieces.iter().all(|count| *count > 10) { Ok(()) } else { Err(format!("{pieces:?}")) }
    }

    /// Pieces to the second node are cut wrongly until that is found, and then rightly again.
    fn broken(&self, fault: Fault, streams: &[Stream; 2]) -> Result<(), String> {
        let expected = match fault {
            Fault::None => return self.stays_whole(streams),
            Fault::TailLost => "equal pieces",
            _ => "apart",
        };
        let start = Instant::now();
        self.wire.set_fault(fault);
        let found = wait_until("it is found", || self.segmentation("b", expected));
        let found = found.inspect_err(|_| self.wire.set_fault(Fault::None))?;
        // How fast the old connection recovers is TCP's affair; a new one shows what the path does now.
        let fresh = self.fresh_stream();
        let fresh = fresh.inspect_err(|_| self.wire.set_fault(Fault::None))?;
        std::thread::sleep(Duration::from_secs(1));
        let streams = [&fresh, &streams[1], &streams[0]];
        for stream in streams {
            stream.begin();
        }
        std::thread::sleep(Duration::from_secs(2));
        let measured = streams.map(Stream::measured);
        let (status, others) = (self.segmentation("b", expected), self.segmentation("c", "pieces"));
        self.wire.set_fault(Fault::None);
        status?;
        others.map_err(|why| format!("the other path: {why}"))?;
        say::progress(&format!(
            "{}: found after {:.1} s; then {:.0} Mbit/s on this path, {:.0} on the other, {:.1} in the old stream",
            fault.name(),
            found.as_secs_f64(),
            measured[0].mbit_per_s,
            measured[1].mbit_per_s,
            measured[2].mbit_per_s
        ));
        say::figure(&format!("{}, found after ms", fault.name()), found.as_millis());
        if measured[..2].iter().any(|one| one.mbit_per_s < 5.0) || measured[2].mbit_per_s <= 0.0 {
            return Err(format!("nothing comes through: {measured:?}"));
        }
        self.faults_are_counted()?;
        wait_until("pieces are sent again", || self.segmentation("b", "pieces"))?;
        say::figure(
            &format!("{}, whole again after ms", fault.name()),
            start.elapsed().as_millis(),
        );
        Ok(())
    }

    fn fresh_stream(&self) -> Result<Stream, String> {
        let (from, to) = (self.workload(0), self.workload(1));
        let words = |error: anyhow::Error| format!("{error:#}");
        let (from, to) = (from.map_err(words)?, to.map_err(words)?);
        Stream::start(&from, &to, self.address(1)?).map_err(words)
    }

    /// Without a fault nothing is found.
    fn stays_whole(&self, streams: &[Stream; 2]) -> Result<(), String> {
        for stream in streams {
            stream.begin();
        }
        std::thread::sleep(Duration::from_secs(10));
        self.segmentation("b", "pieces")?;
        self.segmentation("c", "pieces")?;
        let peers = self.peers()?;
        let faults = |node: &str| peers[node]["segmentation_faults"].as_u64();
        if faults("b") == Some(0) && faults("c") == Some(0) {
            return Ok(());
        }
        Err(format!("something was found: {peers}"))
    }

    fn faults_are_counted(&self) -> Result<(), String> {
        let peers = self.peers()?;
        let counted = peers["b"]["segmentation_faults"].as_u64();
        if counted.is_some_and(|count| count > 0) { Ok(()) } else { Err(format!("{counted:?}")) }
    }

    fn peers(&self) -> Result<serde_json::Value, String> {
        let status = self.ground.hosts[0].status()?;
        Ok(status["nodes"]["a"]["report"]["networks"]["net"]["peers"].clone())
    }

    /// How the first node sends to another.
    fn segmentation(&self, node: &str, expected: &str) -> Result<(), String> {
        let peers = self.peers()?;
        let found = &peers[node]["segmentation"];
        if found == expected { Ok(()) } else { Err(format!("{found} instead of {expected}")) }
    }

    fn workload(&self, node: usize) -> anyhow::Result<NamespaceHandle> {
        self.ground.hosts[node].inside(FABRIC, &format!("workload-w-{}", NODES[node]))
    }

    fn address(&self, node: usize) -> Result<IpAddr, String> {
        let status = self.ground.hosts[0].status()?;
        let name = format!("w-{}", NODES[node]);
        let address = status["workloads"][&name]["addresses"][0].as_str();
        address.and_then(|text| text.parse().ok()).ok_or_else(|| format!("{name} has no address"))
    }
}

fn text() -> String {
    format!(
        "version: 1
fabric: {FABRIC}
regions: {{ here: {{}} }}
networks: {{ net: {{ cidr: 10.1.0.0/16 }} }}
subnets: {{ s: {{ network: net, cidr: 10.1.1.0/24 }} }}
nodes: {{ a: {{ region: here, roles: [control] }}, b: {{ region: here }}, c: {{ region: here }} }}
security_groups:
  open: {{ ingress: [{{ protocol: all, from: all }}], egress: [{{ to: all }}] }}
workloads:
  w-a: {{ node: a, subnet: s, security_groups: [open], attach: {{ serve: {{ http: 80 }} }} }}
  w-b: {{ node: b, subnet: s, security_groups: [open], attach: {{ serve: {{ http: 80 }} }} }}
  w-c: {{ node: c, subnet: s, security_groups: [open], attach: {{ serve: {{ http: 80 }} }} }}
"
    )
}
