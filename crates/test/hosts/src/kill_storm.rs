//! Daemons are killed in the middle of applies, again and again, while probes watch what passes.

mod watch;

use crate::ground::{Ground, Host, wait_until};
use crate::{dump, say};
use netloom_testkit::random_fabric::Dice;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use watch::Watch;

/// The fabric's name.
const FABRIC: &str = "storm";
/// Workloads that come and go with each apply, on each node.
const EXTRAS: u64 = 4;
/// How often an apply is tried for each kill that is wanted.
const TRIES_PER_KILL: u32 = 4;
/// What an apply says whose control went before it had answered.
const BROKE: &str = "the connection to control at";

/// Kills (-9) of agents and control, each while an apply is under way.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many.
    #[arg(long, default_value_t = 300)]
    kills: u32,
    /// Seed of all choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What has been struck, and what came of it.
#[derive(Debug, Default)]
struct Tally {
    agents: u32,
    controls: u32,
    /// Kills that came before the first operation or after the last one; they do not count.
    beside: u32,
    slowest: Duration,
    failures: Vec<String>,
}

pub(crate) fn run(netloom: &Path, options: &Options) -> anyhow::Result<bool> {
    say::progress("making three hosts");
    let ground = Ground::make(netloom, 3)?;
    let before: Vec<String> = ground.hosts.iter().map(dump::of).collect::<Result<_, _>>()?;
    let watch = Watch::prepare(&ground)?;
    let storm = Storm { hosts: &ground.hosts, folder: &ground.folder, blue: watch.namespace() };
    let started = storm.begin();
    let mut good = say::step("three hosts are up", started);
    let mut tally = Tally::default();
    let mut seen = None;
    if good {
        let running = watch.start(&ground)?;
        storm.rage(options, &mut tally);
        seen = Some(running.finish()?);
    }
    good &= say::step("everything holds afterwards", storm.settle(0).map(drop));
    for host in &ground.hosts {
        good &= host.succeed(&["down", "--yes"]).map_err(|why| say::progress(&why)).is_ok();
    }
    drop(watch);
    let after: Vec<String> = ground.hosts.iter().map(dump::of).collect::<Result<_, _>>()?;
    let left: Vec<String> =
        before.iter().zip(&after).flat_map(|(a, b)| dump::differences(a, b)).collect();
    left.iter().take(20).for_each(|line| say::progress(line));
    tally.failures.iter().take(5).for_each(|why| say::progress(why));
    say::figure("kills of agents", tally.agents);
    say::figure("kills of control", tally.controls);
    say::figure("kills", tally.agents + tally.controls);
    say::figure("kills beside an apply", tally.beside);
    say::figure("did not converge", tally.failures.len());
    say::figure("slowest to converge ms", tally.slowest.as_millis());
    let seen = seen.unwrap_or_default();
    say::figure("denied packets sent", seen.denied_sent);
    say::figure("denied packets that passed", seen.denied_passed);
    say::figure("allowed packets that passed", seen.allowed_passed);
    say::figure("frames in clear", seen.clear);
    say::figure("sealed frames", seen.sealed);
    say::figure("left behind", left.len());
    Ok(good
        && left.is_empty()
        && tally.failures.is_empty()
        && tally.agents + tally.controls >= options.kills
        && seen.holds())
}

struct Storm<'a> {
    hosts: &'a [Host],
    folder: &'a Path,
    blue: &'a str,
}

impl Storm<'_> {
    fn file(&self, number: u64) -> Result<String, String> {
        let path = self.folder.join("storm.yaml");
        std::fs::write(&path, text(number, self.blue)).map_err(|error| error.to_string())?;
        Ok(path.to_string_lossy().into_owned())
    }

    fn begin(&self) -> Result<(), String> {
        self.hosts[0].succeed(&["up", &self.file(0)?])?;
        for (host, name) in self.hosts[1..].iter().zip(["beta", "gamma"]) {
            let token = self.hosts[0].succeed(&["token", "create", "--node", name])?;
            host.succeed(&["join", token.trim()])?;
        }
        self.settle(0).map(drop)
    }

    fn rage(&self, options: &Options, tally: &mut Tally) {
        let mut dice = Dice::new(options.seed);
        for number in 1..=u64::from(options.kills * TRIES_PER_KILL) {
            if tally.agents + tally.controls >= options.kills || !tally.failures.is_empty() {
                return;
            }
            // Every fourth blow is for control.
            let struck = if dice.one_in(4) {
                self.strike_control(number, &mut dice)
            } else {
                self.strike_agent(number, &mut dice)
            };
            let control = struck.is_control;
            match (struck.in_the_middle, control) {
                (true, true) => tally.controls += 1,
                (true, false) => tally.agents += 1,
                (false, _) => tally.beside += 1,
            }
            match self.settle(number) {
                Ok(time) => tally.slowest = tally.slowest.max(time),
                Err(why) => tally.failures.push(format!("blow {number}: {why}")),
            }
            let kills = tally.agents + tally.controls;
            if number % 20 == 0 {
                say::progress(&format!("{kills} kills, slowest {:?}", tally.slowest));
            }
        }
    }

    /// Kills an agent between the first and the last operation of an apply, as its log tells.
    fn strike_agent(&self, number: u64, dice: &mut Dice) -> Struck {
        let host = &self.hosts[usize::try_from(dice.below(3)).unwrap_or(0)];
        let log = host.state().join(FABRIC).join("log/node.log");
        let length = || std::fs::metadata(&log).map_or(0, |found| found.len());
        let before = length();
        let Ok(file) = self.file(number) else { return Struck::default() };
        let applying = host_apply(&self.hosts[0], &file);
        let deadline = Instant::now() + Duration::from_secs(5);
        // The line that says how many operations there are comes before the first of them.
        while length() == before && Instant::now() < deadline {
            std::thread::sleep(Duration::from_micros(100));
        }
        std::thread::sleep(Duration::from_micros(dice.below(30_000)));
        host.kill("node");
        let text = std::fs::read(&log).unwrap_or_default();
        let new = String::from_utf8_lossy(
            text.get(usize::try_from(before).unwrap_or(0)..).unwrap_or(&[]),
        )
        .into_owned();
        if let Some(mut applying) = applying {
            let _ = applying.wait();
        }
        let first = new.lines().next().unwrap_or_default();
        let begun = first.contains("applying");
        let ended = new
            .lines()
            .take_while(|line| !line.contains("not applied"))
            .any(|line| line.ends_with(" applied"));
        Struck { in_the_middle: begun && !ended, is_control: false }
    }

    /// Kills control between the request to apply and its answer.
    fn strike_control(&self, number: u64, dice: &mut Dice) -> Struck {
        let Ok(file) = self.file(number) else { return Struck::default() };
        let control = &self.hosts[0];
        let applying = host_apply(control, &file);
        std::thread::sleep(Duration::from_millis(5) + Duration::from_micros(dice.below(60_000)));
        control.kill("control");
        // One whose request was under way says that its connection broke; one that was over has an answer, and one
        // that came too late has never reached control.
        let said = applying.and_then(|one| one.wait_with_output().ok()).map(|end| end.stderr);
        let broke = said.is_some_and(|said| String::from_utf8_lossy(&said).contains(BROKE));
        Struck { in_the_middle: broke, is_control: true }
    }

    /// Applies again as a user would, and waits until all nodes hold it.
    fn settle(&self, number: u64) -> Result<Duration, String> {
        let file = self.file(number)?;
        let start = Instant::now();
        wait_until("control takes the file", || {
            self.hosts[0].succeed(&["apply", "--wait", "10", &file]).map(drop)
        })?;
        wait_until("all nodes hold it", || {
            let status = self.hosts[0].status()?;
            for (name, host) in ["alpha", "beta", "gamma"].iter().zip(self.hosts) {
                let node = &status["nodes"][*name];
                if node["state"] != "connected"
                    || node["current"] != true
                    || !node["error"].is_null()
                {
                    return Err(format!("{name}: {node}"));
                }
                whole(host, name, number)?;
            }
            Ok(())
        })?;
        Ok(start.elapsed())
    }
}

/// Whether exactly the namespaces of the variant are there.
fn whole(host: &Host, node: &str, number: u64) -> Result<(), String> {
    let folder = host.run().join(FABRIC).join("netns");
    let entries = std::fs::read_dir(&folder).map_err(|error| error.to_string())?;
    let mut found: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    found.sort();
    let mut expected = vec!["network-app".to_owned(), format!("workload-echo-{node}")];
    expected.extend((0..EXTRAS).map(|extra| format!("workload-x{number}-{extra}-{node}")));
    expected.sort();
    if found == expected { Ok(()) } else { Err(format!("{node} has {found:?}, not {expected:?}")) }
}

#[derive(Debug, Default)]
struct Struck {
    in_the_middle: bool,
    is_control: bool,
}

fn host_apply(control: &Host, file: &str) -> Option<std::process::Child> {
    let mut command = control.netloom(&["apply", "--wait", "2", "--keep-refused", file]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().ok()
}

/// The fabric with the extra workloads of one apply.
fn text(number: u64, blue: &str) -> String {
    let mut text = format!(
        "version: 1
fabric: {FABRIC}
regions: {{ here: {{}} }}
networks: {{ app: {{ cidr: [10.1.0.0/16, \"fd00:1::/48\"] }} }}
subnets: {{ s: {{ network: app, cidr: [10.1.0.0/20, \"fd00:1:0:1::/64\"] }} }}
nodes:
  alpha: {{ region: here, roles: [control] }}
  beta: {{ region: here }}
  gamma: {{ region: here }}
security_groups:
  echo:
    ingress: [{{ protocol: udp, ports: {}, from: all }}]
    egress: [{{ to: all }}]
  guarded:
    ingress: [{{ protocol: udp, ports: 9, from: all }}]
workloads:
  guarded: {{ node: gamma, subnet: s, address: 10.1.0.9, security_groups: [guarded], attach: {{ netns: /run/netns/{blue} }} }}
  echo-alpha: {{ node: alpha, subnet: s, security_groups: [echo], attach: {{ serve: {{ udp: 7 }} }} }}
  echo-beta: {{ node: beta, subnet: s, security_groups: [echo], attach: {{ serve: {{ udp: 7 }} }} }}
  echo-gamma: {{ node: gamma, subnet: s, security_groups: [echo], attach: {{ serve: {{ udp: 7 }} }} }}
",
        1000 + number % 2
    );
    for node in ["alpha", "beta", "gamma"] {
        for extra in 0..EXTRAS {
            text.push_str(&format!(
                "  x{number}-{extra}-{node}: {{ node: {node}, subnet: s, security_groups: [echo], attach: {{ serve: {{ udp: 7 }} }} }}\n"
            ));
        }
    }
    text
}
