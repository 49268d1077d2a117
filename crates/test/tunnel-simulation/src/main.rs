//! Plays scenarios with many seeds on all processors, and prints what has happened in each.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "its figures are what this program is for")]

use clap::Parser as _;
use netloom_tunnel_simulation::totals::Totals;
use netloom_tunnel_simulation::{Outcome, ROUNDS, SCENARIOS, Scenario, run};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Each of so many seeds is played twice, and must give the same.
const TWICE_EVERY: u64 = 16;
/// Violations that are told.
const TOLD_MAX: usize = 20;

/// Simulates tunnels.
#[derive(Debug, clap::Parser)]
#[command(max_term_width = 100)]
struct Arguments {
    /// Seeds of each scenario.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// How often something happens in each.
    #[arg(long, default_value_t = ROUNDS)]
    rounds: u32,
    /// Only scenarios whose name holds this word.
    #[arg(long)]
    scenario: Option<String>,
}

/// What is known of a scenario.
#[derive(Default)]
struct Sum {
    totals: Totals,
    recovery: Duration,
    violations: Vec<String>,
    failed: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let meant = |one: &&Scenario| {
        arguments.scenario.as_ref().is_none_or(|word| one.name.contains(word.as_str()))
    };
    let scenarios: Vec<&Scenario> = SCENARIOS.iter().filter(meant).collect();
    let (start, mut failed, mut played) = (Instant::now(), 0, 0);
    for scenario in &scenarios {
        let sum = play(scenario, &arguments);
        tell(scenario, &sum);
        failed += sum.failed;
        played += arguments.seeds;
    }
    println!("scenarios: {}", scenarios.len());
    println!("simulations: {played}");
    println!("seconds of simulation: {}", start.elapsed().as_secs());
    println!("simulations that failed: {failed}");
    if failed == 0 && played > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays all seeds of a scenario, on all processors.
fn play(scenario: &Scenario, arguments: &Arguments) -> Sum {
    let (next, sum) = (AtomicU64::new(0), Mutex::new(Sum::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= arguments.seeds {
                        return;
                    }
                    let seed = arguments.first + number;
                    let mut outcome = run(scenario, seed, arguments.rounds);
                    let again = || run(scenario, seed, arguments.rounds).trace;
                    if number % TWICE_EVERY == 0 && again() != outcome.trace {
                        outcome.violations.push("the same seed gives something else".to_owned());
                    }
                    sum.lock().unwrap_or_else(PoisonError::into_inner).add(seed, outcome);
                }
            });
        }
    });
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Sum {
    fn add(&mut self, seed: u64, outcome: Outcome) {
        let Outcome { violations, totals, recovery, .. } = outcome;
        self.failed += u64::from(!violations.is_empty());
        self.violations.extend(violations.into_iter().map(|one| format!("seed {seed}: {one}")));
        self.violations.truncate(TOLD_MAX);
        self.recovery = self.recovery.max(recovery);
        self.totals.packets += totals.packets;
        self.totals.delivered += totals.delivered;
        self.totals.datagrams += totals.datagrams;
        self.totals.arrivals += totals.arrivals;
        self.totals.handshakes += totals.handshakes;
        self.totals.disturbances += totals.disturbances;
        for (reason, count) in totals.drops {
            *self.totals.drops.entry(reason).or_default() += count;
        }
    }
}

fn tell(scenario: &Scenario, sum: &Sum) {
    let Totals { packets, delivered, datagrams, arrivals, handshakes, disturbances, drops } =
        &sum.totals;
    for violation in &sum.violations {
        println!("VIOLATION in {}, {violation}", scenario.name);
    }
    let name = scenario.name;
    println!(
        "{name}: {delivered} of {packets} packets in {datagrams} datagrams, {arrivals} arrived, {handshakes} \
         handshakes, {disturbances} disturbances, heard of each other after {:.1} s at most, {} failed",
        sum.recovery.as_secs_f64(),
        sum.failed
    );
    let drops: Vec<String> =
        drops.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    println!(
        "  dropped: {}",
        if drops.is_empty() { "nothing".to_owned() } else { drops.join(", ") }
    );
}
