//! Two hosts whose path narrows under a stream, without a word of it by ICMP.

pub(crate) mod stream;

use crate::ground::{Ground, wait_until};
use crate::say;
use netloom_sys::namespace::NamespaceHandle;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;
use stream::Stream;

const FABRIC: &str = "paths";
const MTUS: [u32; 4] = [9000, 1500, 1400, 1280];
/// MTU of the fabric's network: what fits a datagram in a jumbo frame.
const NETWORK_MTU_BYTES: u32 = 8920;
/// Headers of UDP and of data messages.
const HEADERS_BYTES: u32 = 8 + 32;
/// A path that has widened is tried for after a minute.
const RAISE: Duration = Duration::from_secs(70);
/// What IPv6 promises every sender, without headers of IPv6 and UDP.
const PROMISED_PAYLOAD_BYTES: usize = 1280 - 40 - 8;

/// Paths of several MTUs, which shrink under a stream.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long each MTU lasts.
    #[arg(long, default_value_t = 4, value_name = "SECONDS")]
    seconds: u64,
    /// Also widen the path again in the end, and wait until that is found.
    #[arg(long)]
    raise: bool,
}

pub(crate) fn run(netloom: &Path, options: &Options) -> anyhow::Result<bool> {
    let mut good = true;
    for is_v6 in [false, true] {
        let family = if is_v6 { "IPv6" } else { "IPv4" };
        say::progress(&format!("two hosts and a router, {family} outside"));
        let ground = Ground::routed(netloom, is_v6)?;
        let mut trial = Trial { ground, family, is_v6, fragments: 0 };
        let begun = say::step(&format!("{family} fabric"), trial.begin());
        good &= begun && trial.narrowing(options)?;
        for host in trial.ground.hosts.iter().rev() {
            good &= host.succeed(&["down", "--yes"]).map_err(|why| say::progress(&why)).is_ok();
        }
    }
    Ok(good)
}

struct Trial {
    ground: Ground,
    family: &'static str,
    is_v6: bool,
    fragments: u64,
}

impl Trial {
    fn begin(&mut self) -> Result<(), String> {
        let path = self.ground.folder.join("paths.yaml");
        std::fs::write(&path, text()).map_err(|error| error.to_string())?;
        let hosts = &self.ground.hosts;
        hosts[0].succeed(&["up", &path.to_string_lossy(), "--name", "a"])?;
        let token = hosts[0].succeed(&["token", "create", "--node", "b"])?;
        hosts[1].succeed(&["join", token.trim()])?;
        wait_until("both nodes are up to date", || {
            let status = hosts[0].status()?;
            let is_current = |node: &str| status["nodes"][node]["current"] == true;
            if is_current("a") && is_current("b") {
                Ok(())
            } else {
                Err(status["nodes"].to_string())
            }
        })
        .map(drop)
    }

    fn narrowing(&mut self, options: &Options) -> anyhow::Result<bool> {
        let addresses = self.addresses().map_err(anyhow::Error::msg)?;
        let mut good = true;
        for (inner, address) in ["IPv4", "IPv6"].iter().zip(&addresses) {
            self.ground.narrow(MTUS[0])?;
            // Namespaces are new after each start.
            let (from, to) = (self.workload(0)?, self.workload(1)?);
            let stream = Stream::start(&from, &to, *address)?;
            // The slow start of TCP is not the path's.
            std::thread::sleep(Duration::from_secs(1));
            self.fragments = self.ground.fragments()?;
            for mtu in MTUS {
                let name = format!("{} {mtu}, {inner} inside", self.family);
                good &= say::step(&name, self.narrowed(&stream, mtu, &name, options));
            }
            drop(stream);
            let name = format!("{} 1280, a new {inner} stream", self.family);
            good &= say::step(&name, self.fresh(&from, &to, *address, options));
            let name = format!("{} 1280, {inner} datagrams", self.family);
            good &= say::step(&name, datagrams(&from, &to, *address));
            if options.raise {
                let name = format!("{} 9000 again, {inner} inside", self.family);
                good &= say::step(&name, self.widened(&from, &to, *address));
            }
            // Both begin with a path of which nothing is known.
            self.forget().map_err(anyhow::Error::msg)?;
        }
        let fragments = self.ground.fragments()?;
        say::figure(
            &format!("{} fragments on the underlay", self.family),
            fragments - self.fragments,
        );
        Ok(good)
    }

    fn workload(&self, side: usize) -> anyhow::Result<NamespaceHandle> {
        let name = format!("workload-w-{}", ["a", "b"][side]);
        self.ground.hosts[side].inside(FABRIC, &name)
    }

    /// The path narrows under a stream.
    fn narrowed(
        &self,
        stream: &Stream,
        mtu: u32,
        name: &str,
        options: &Options,
    ) -> Result<(), String> {
        self.ground.narrow(mtu).map_err(|error| error.to_string())?;
        stream.begin();
        std::thread::sleep(Duration::from_secs(options.seconds));
        let measured = stream.measured();
        say::progress(&format!(
            "{name}: {:.0} Mbit/s, longest silence {:?}",
            measured.mbit_per_s, measured.longest_silence
        ));
        let silence = format!("{name}, longest silence");
        say::figure(&silence, format!("{} ms", measured.longest_silence.as_millis()));
        if measured.longest_silence >= Duration::from_secs(1) {
            return Err(format!("nothing came for {:?}", measured.longest_silence));
        }
        self.found(mtu)
    }

    /// A stream that begins where the path is narrow already.
    fn fresh(
        &self,
        from: &NamespaceHandle,
        to: &NamespaceHandle,
        address: IpAddr,
        options: &Options,
    ) -> Result<(), String> {
        let stream = Stream::start(from, to, address).map_err(|error| format!("{error:#}"))?;
        stream.begin();
        std::thread::sleep(Duration::from_secs(options.seconds));
        let measured = stream.measured();
        if measured.longest_silence >= Duration::from_secs(1) || measured.mbit_per_s < 10.0 {
            return Err(format!("{measured:?}"));
        }
        Ok(())
    }

    fn widened(
        &self,
        from: &NamespaceHandle,
        to: &NamespaceHandle,
        address: IpAddr,
    ) -> Result<(), String> {
        self.ground.narrow(MTUS[0]).map_err(|error| error.to_string())?;
        let _stream = Stream::start(from, to, address).map_err(|error| format!("{error:#}"))?;
        std::thread::sleep(RAISE);
        self.found(MTUS[0])
    }

    /// The sender's node has found the right size.
    fn found(&self, mtu: u32) -> Result<(), String> {
        let header_bytes = if self.is_v6 { 40 } else { 20 };
        let expected = (mtu - header_bytes - HEADERS_BYTES).min(NETWORK_MTU_BYTES);
        wait_until("the size is found", || {
            let status = self.ground.hosts[0].status()?;
            let peer = &status["nodes"]["a"]["report"]["networks"]["net"]["peers"]["b"];
            let found = peer["path_mtu_bytes"].as_u64();
            if found == Some(u64::from(expected)) {
                return Ok(());
            }
            Err(format!("{found:?} instead of {expected}"))
        })
        .map(drop)
    }

    fn addresses(&self) -> Result<Vec<IpAddr>, String> {
        let status = self.ground.hosts[0].status()?;
        let addresses = status["workloads"]["w-b"]["addresses"].as_array().cloned();
        let texts = addresses.into_iter().flatten();
        let mut found: Vec<IpAddr> = texts.filter_map(|text| text.as_str()?.parse().ok()).collect();
        found.sort_unstable();
        if found.len() == 2 { Ok(found) } else { Err(format!("w-b has {found:?}")) }
    }

    /// Both nodes begin anew.
    fn forget(&self) -> Result<(), String> {
        self.ground.narrow(MTUS[0]).map_err(|error| error.to_string())?;
        for host in &self.ground.hosts {
            host.succeed(&["stop"])?;
            host.succeed(&["start"])?;
        }
        wait_until("both nodes are connected again", || {
            let status = self.ground.hosts[0].status()?;
            let is_up = |node: &str| {
                let node = &status["nodes"][node];
                node["state"] == "connected" && node["current"] == true
            };
            if is_up("a") && is_up("b") { Ok(()) } else { Err(status["nodes"].to_string()) }
        })
        .map(drop)
    }
}

/// What IPv6 promises comes through, and longer datagrams do once their sender has been told.
fn datagrams(from: &NamespaceHandle, to: &NamespaceHandle, address: IpAddr) -> Result<(), String> {
    let any: IpAddr = if address.is_ipv6() { [0_u16; 8].into() } else { [0_u8; 4].into() };
    let bind = |address| UdpSocket::bind(SocketAddr::new(address, 0));
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    let receiver = to.run(|| bind(address)).map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
    let sender = from.run(|| bind(any)).map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
    let target = receiver.local_addr().map_err(|error| error.to_string())?;
    receiver.set_read_timeout(Some(Duration::from_secs(2))).map_err(|e| failed(&e))?;
    let mut buffer = vec![0; 70_000];
    for (payload_bytes, tries) in [(PROMISED_PAYLOAD_BYTES, 1), (8000, 10)] {
        let mut came = false;
        for _ in 0..tries {
            // The first ones may be refused: that is how the sender is told.
            let sent = sender.send_to(&vec![3; payload_bytes], target);
            if sent.is_err() {
                continue;
            }
            let received = receiver.recv_from(&mut buffer);
            came |= received.is_ok_and(|(bytes, _)| bytes == payload_bytes);
            if came {
                break;
            }
        }
        if !came {
            return Err(format!("a datagram of {payload_bytes} bytes never came"));
        }
    }
    Ok(())
}

fn text() -> String {
    format!(
        "version: 1
fabric: {FABRIC}
regions: {{ here: {{}} }}
networks: {{ net: {{ cidr: [10.1.0.0/16, \"fd00:1::/48\"], mtu: {NETWORK_MTU_BYTES} }} }}
subnets: {{ s: {{ network: net, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"] }} }}
nodes: {{ a: {{ region: here, roles: [control] }}, b: {{ region: here }} }}
security_groups:
  open: {{ ingress: [{{ protocol: all, from: all }}], egress: [{{ to: all }}] }}
workloads:
  w-a: {{ node: a, subnet: s, security_groups: [open], attach: {{ serve: {{ http: 80 }} }} }}
  w-b: {{ node: b, subnet: s, security_groups: [open], attach: {{ serve: {{ http: 80 }} }} }}
"
    )
}
