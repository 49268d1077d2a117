//! The fabric's promises tried on real packets: probes are run inside the namespaces, in parallel.

use crate::protocol::{Report, TestReport};
use crate::underlay::INTERNET_ADDRESS;
use netloom_model::Fabric;
use netloom_model::fabric::{Attach, Expectation, NextHop, Party, PolicyTest, Protocol};
use netloom_plan::input::PlanInput;
use netloom_plan::reach::{self, Answer, Flow};
use netloom_plan::ways;
use netloom_sys::namespace::{NamespaceHandle, SpawnOptions, spawn_in};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// How long a probe waits for an answer before it counts as lost.
const PROBE_TIMEOUT: &str = "1500ms";
/// How often something is sent that should arrive: a link may lose packets, as lab links are made to, and a busy
/// machine be late. What is to be denied is denied at once.
const ATTEMPTS_MAX: usize = 3;

/// Whether an end of a test is a stock peer: a lab has none, so nothing can be sent from or to it.
/// The reachability engine answers for such a test before each apply.
fn involves_stock_peer(fabric: &Fabric, test: &PolicyTest) -> bool {
    let is_stock = |party: &Party| match party {
        Party::Workload(name) => fabric.workloads[name].stock_peer().is_some(),
        Party::Node(_) | Party::Internet | Party::Address(_) => false,
    };
    is_stock(&test.from) || is_stock(&test.to)
}

/// Whether nothing need listen at the end of a test: outside nobody serves on every port, and a lab
/// holds the places of containers and of others' namespaces without what runs in them. Such an end
/// that refuses has been reached; what the fabric denies is prohibited instead.
fn nobody_serves(fabric: &Fabric, party: &Party) -> bool {
    match party {
        Party::Workload(name) => {
            let attach = match &fabric.workloads[name].attach {
                Attach::Interface { of } => &fabric.workloads[of].attach,
                attach => attach,
            };
            matches!(attach, Attach::Container { .. } | Attach::Netns { .. })
        }
        Party::Node(_) => false,
        Party::Internet | Party::Address(_) => true,
    }
}

/// Where somebody outside calls a port that a workload publishes: at the node of its gateway.
fn published_at(input: &PlanInput<'_>, test: &PolicyTest, to: IpAddr) -> Option<SocketAddr> {
    let (Party::Internet, Party::Workload(name)) = (&test.from, &test.to) else { return None };
    let fabric = input.fabric;
    let workload = fabric.workloads.get(name).filter(|_| to.is_ipv4())?;
    let port = workload.published(test.protocol, test.port?)?.port;
    let ways = ways::of_subnet(fabric, fabric.subnets.get(&workload.subnet)?);
    let NextHop::Gateway(gateway) = &ways::longest(&ways, INTERNET_ADDRESS.into())?.via else {
        return None;
    };
    let node = fabric.gateways.get(gateway)?.nodes.first()?;
    Some(SocketAddr::new(input.directory.nodes.get(node)?.endpoint?.ip(), port))
}

/// Runs probes by the executable.
#[derive(Clone, Debug)]
pub struct Prober {
    /// The `netloom` executable.
    pub executable: PathBuf,
    /// Namespace of the host that stands for the internet.
    pub internet: PathBuf,
}

/// What a probe says of a host that has nothing on the port.
const REFUSED: &str = "refused: the host was reached";

/// One probe: where from, and what.
pub(crate) struct Probe {
    pub(crate) namespace: PathBuf,
    pub(crate) resolv_conf: Option<PathBuf>,
    pub(crate) arguments: Vec<String>,
}

/// What a probe saw.
struct Seen {
    /// Whether the probe could be run at all.
    tried: bool,
    arrived: bool,
    /// Whether a host said that nothing listens there.
    has_refused: bool,
    detail: String,
}

impl Prober {
    /// Tries every test of the file, on each family that both ends have.
    pub fn try_all(
        &self,
        fabric: &Fabric,
        input: &PlanInput<'_>,
        report: &Report,
    ) -> Vec<TestReport> {
        std::thread::scope(|scope| {
            let trials: Vec<_> = fabric
                .tests
                .iter()
                .filter(|test| !involves_stock_peer(fabric, test))
                .map(|test| scope.spawn(move || self.try_one(test, input, report)))
                .collect();
            trials.into_iter().filter_map(|trial| trial.join().ok()).collect()
        })
    }

    fn try_one(&self, test: &PolicyTest, input: &PlanInput<'_>, report: &Report) -> TestReport {
        let (from, to) = (test.from.clone(), test.to.clone());
        let flow = Flow { from, to, protocol: test.protocol, port: test.port };
        let answers = reach::reach(input, &flow).unwrap_or_default();
        let engine = answers.iter().any(Answer::passes);
        let seen = std::thread::scope(|scope| {
            let runs: Vec<_> = answers
                .iter()
                .map(|answer| scope.spawn(|| self.probe(test, input, answer, report)))
                .collect();
            runs.into_iter().filter_map(|run| run.join().ok()).collect::<Vec<Seen>>()
        });
        // Every pair of addresses must do what the engine says of it, not only one of them.
        let as_said = seen.len() == answers.len()
            && seen
                .iter()
                .zip(&answers)
                .all(|(seen, answer)| seen.tried && seen.arrived == answer.passes());
        let details: Vec<String> = seen.iter().map(|seen| seen.detail.clone()).collect();
        TestReport {
            what: words(test),
            expected: test.expect == Expectation::Allow,
            engine,
            arrived: seen.iter().any(|seen| seen.arrived),
            as_said,
            detail: details.join("; "),
            place: test.span.to_string(),
        }
    }

    fn probe(
        &self,
        test: &PolicyTest,
        input: &PlanInput<'_>,
        answer: &Answer,
        report: &Report,
    ) -> Seen {
        let to = answer.destination;
        let Some(namespace) = self.namespace_of(&test.from, report) else {
            let detail = "the sender has no namespace here".to_owned();
            return Seen { tried: false, arrived: false, has_refused: false, detail };
        };
        let target = match (published_at(input, test, to), test.port) {
            (Some(place), _) => place.to_string(),
            (None, Some(port)) => SocketAddr::new(to, port).to_string(),
            (None, None) => to.to_string(),
        };
        let mut arguments: Vec<String> = match test.protocol {
            Protocol::Icmp | Protocol::All => {
                vec!["ping".into(), target, "--count".into(), "1".into()]
            }
            Protocol::Tcp => vec!["connect".into(), target],
            Protocol::Udp => vec!["connect".into(), target, "--udp".into()],
        };
        arguments.extend(["--timeout".into(), PROBE_TIMEOUT.into()]);
        let probe = Probe { namespace, resolv_conf: None, arguments };
        let once = || {
            let seen = self.run(&probe);
            let arrived = seen.arrived || seen.has_refused && nobody_serves(input.fabric, &test.to);
            Seen { arrived, ..seen }
        };
        let mut seen = once();
        for _ in 1..if answer.passes() { ATTEMPTS_MAX } else { 1 } {
            if !seen.tried || seen.arrived {
                break;
            }
            seen = once();
        }
        seen
    }

    fn namespace_of(&self, party: &Party, report: &Report) -> Option<PathBuf> {
        match party {
            Party::Workload(name) => Some(PathBuf::from(&report.workloads.get(name)?.namespace)),
            Party::Node(name) => Some(PathBuf::from(&report.nodes.get(name)?.namespace)),
            Party::Internet => Some(self.internet.clone()),
            Party::Address(_) => None,
        }
    }

    fn run(&self, probe: &Probe) -> Seen {
        match self.output(probe) {
            Ok((arrived, text)) => {
                let detail = text.lines().next().unwrap_or_default().trim().to_owned();
                let has_refused = text.contains(REFUSED);
                Seen { tried: true, arrived, has_refused, detail }
            }
            Err(detail) => Seen { tried: false, arrived: false, has_refused: false, detail },
        }
    }

    pub(crate) fn output(&self, probe: &Probe) -> Result<(bool, String), String> {
        let namespace =
            NamespaceHandle::open(&probe.namespace).map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.executable);
        command.args(&probe.arguments).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let resolv_conf = probe.resolv_conf.clone();
        let options = SpawnOptions { resolv_conf, die_with_parent: false };
        let child = spawn_in(&namespace, command, &options).map_err(|error| error.to_string())?;
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
        Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
    }
}

fn words(test: &PolicyTest) -> String {
    let party = |party: &Party| match party {
        Party::Workload(name) | Party::Node(name) => name.clone(),
        Party::Internet => "internet".to_owned(),
        Party::Address(address) => address.to_string(),
    };
    let flow = match (test.protocol, test.port) {
        (Protocol::Tcp, Some(port)) => format!("{port}/tcp"),
        (Protocol::Udp, Some(port)) => format!("{port}/udp"),
        (Protocol::Icmp | Protocol::All | Protocol::Tcp | Protocol::Udp, _) => "icmp".to_owned(),
    };
    format!("{} -> {} {flow}", party(&test.from), party(&test.to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_lab_has_no_program_for_may_refuse() {
        let text = "\
version: 1
fabric: trial
regions: { north: {} }
networks: { app: { cidr: [10.1.0.0/16] } }
subnets: { one: { network: app, cidr: [10.1.1.0/24] }, two: { network: app, cidr: [10.1.2.0/24] } }
nodes: { alpha: { region: north, roles: [control] } }
security_groups: { open: { ingress: [{ protocol: all, from: all }] } }
workloads:
  web: { node: alpha, subnet: one, security_groups: [open], attach: { serve: { http: 80 } } }
  box:
    node: alpha
    subnet: one
    security_groups: [open]
    interfaces: { two: { subnet: two, security_groups: [open] } }
    attach: { container: { name: box } }
";
        let loaded =
            netloom_model::load(&["trial.yaml".to_owned()], |_| Ok(text.as_bytes().to_vec()));
        let fabric = loaded.fabric.unwrap();
        let serves_nobody = |name: &str| {
            let mut names = fabric.workloads.keys();
            let found = names.find(|key| **key == *name).unwrap();
            nobody_serves(&fabric, &Party::Workload(found.clone()))
        };
        assert!(serves_nobody("box") && serves_nobody("box-two"));
        assert!(!serves_nobody("web"));
        assert!(nobody_serves(&fabric, &Party::Internet));
    }
}
