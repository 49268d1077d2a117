//! Scenarios: how many nodes, what may happen to them, and what must hold in the end.

use crate::disturbance::{Disturbance, two};
use crate::link::Link;
use crate::totals::Totals;
use crate::world::World;
use netloom_node::wireguard::Suite;
use std::time::Duration;

/// How often something happens, unless asked otherwise: with the traffic between, for five minutes.
pub const ROUNDS: u32 = 75;
/// Longest between two of them.
const INTERVAL_MAX_MS: usize = 8_000;
/// Longest until every pair hears of each other again, both ways. The worst case: a session that the other
/// end has lost is found dead after 15.3 s, the handshake that replaces it is asked for a cookie, and its
/// second attempt follows 5.3 s after the first; one more for where both ends start at once.
pub const RECOVERY_MAX: Duration = Duration::from_secs(32);
/// Between the packets by which recovery is seen.
const PROBE_INTERVAL: Duration = Duration::from_millis(200);
/// What is under way may take so long.
const STRAGGLERS: Duration = Duration::from_secs(30);

/// A scenario.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// How many nodes.
    pub hosts: usize,
    /// Above so many handshakes a second, nodes ask for cookies.
    pub handshakes_per_second: u32,
    /// What links are like in the beginning.
    pub link: Link,
    /// What may happen.
    pub disturbances: &'static [Disturbance],
    /// Whether nothing may be lost at all.
    pub is_lossless: bool,
}

/// What became of a scenario with one seed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What must not have happened.
    pub violations: Vec<String>,
    /// What has happened.
    pub totals: Totals,
    /// How long every pair took to hear of each other when all was healed.
    pub recovery: Duration,
    /// The same seed gives the same.
    pub trace: u64,
}

const BAD: Link = Link {
    delay_ms: 20,
    jitter_ms: 30,
    loss_per_mille: 100,
    repeat_per_mille: 50,
    harm_per_mille: 20,
};

const PAIR: Scenario = Scenario {
    name: "",
    hosts: 2,
    handshakes_per_second: 1_000,
    link: Link::GOOD,
    disturbances: &[],
    is_lossless: false,
};

use Disturbance as D;

/// All of them.
pub const SCENARIOS: [Scenario; 12] = [
    Scenario {
        name: "rekeys on a good link",
        disturbances: &[D::Rekey, D::SuiteChange, D::ClockStep],
        is_lossless: true,
        ..PAIR
    },
    Scenario {
        name: "loss, reordering, repetition",
        disturbances: &[D::LinkChanges],
        link: BAD,
        ..PAIR
    },
    Scenario {
        name: "replay and forgery",
        disturbances: &[D::Replay, D::Forgery, D::Rekey],
        ..PAIR
    },
    Scenario { name: "clock steps", disturbances: &[D::ClockStep, D::Rekey, D::Silence], ..PAIR },
    Scenario { name: "restarts", disturbances: &[D::Restart, D::RestartAndCall], ..PAIR },
    Scenario { name: "roaming", disturbances: &[D::Roaming, D::Rekey, D::LinkChanges], ..PAIR },
    Scenario {
        name: "preshared keys",
        disturbances: &[D::PskChange, D::Rekey, D::Silence],
        ..PAIR
    },
    Scenario {
        name: "suites",
        disturbances: &[D::SuiteChange, D::Rekey, D::Restart],
        link: BAD,
        ..PAIR
    },
    Scenario { name: "blackouts and silence", disturbances: &[D::Blackout, D::Silence], ..PAIR },
    Scenario {
        name: "strangers and noise",
        handshakes_per_second: 2,
        disturbances: &[D::StrangersFlood, D::Noise, D::Forgery, D::Restart],
        ..PAIR
    },
    Scenario {
        name: "many nodes",
        hosts: 8,
        disturbances: &[D::LinkChanges, D::Restart, D::Roaming, D::Rekey],
        link: BAD,
        ..PAIR
    },
    Scenario {
        name: "everything",
        hosts: 4,
        handshakes_per_second: 4,
        disturbances: &[
            D::LinkChanges,
            D::Blackout,
            D::Replay,
            D::Forgery,
            D::ClockStep,
            D::Restart,
            D::RestartAndCall,
            D::Roaming,
            D::Rekey,
            D::PskChange,
            D::SuiteChange,
            D::StrangersFlood,
            D::Noise,
            D::Silence,
        ],
        link: BAD,
        ..PAIR
    },
];

/// Plays a scenario with a seed: traffic and something that happens, so many times.
pub fn run(scenario: &Scenario, seed: u64, rounds: u32) -> Outcome {
    let mut world = World::new(seed, scenario.hosts, scenario.handshakes_per_second);
    world.link = scenario.link;
    for _ in 0..rounds {
        traffic(&mut world);
        if !scenario.disturbances.is_empty() {
            let place = world.below(scenario.disturbances.len());
            scenario.disturbances[place].happen(&mut world, scenario.handshakes_per_second);
        }
    }
    // Who holds a datagram back and delivers it from elsewhere moves an endpoint, as the paper has it
    // (§2.1). Where both ends are looked for where they are not, only who knows better mends it.
    let is_attacked = [D::Replay, D::Forgery].iter().any(|one| scenario.disturbances.contains(one));
    let recovery = heal(&mut world, is_attacked);
    let missing = world.missing(0..world.next_number());
    if scenario.is_lossless && missing > 0 {
        world.violate(format!("{missing} packets were lost on a link that loses none"));
    }
    for host in 0..world.hosts.len() {
        world.add_drops(host);
    }
    let trace = world.trace();
    let World { violations, totals, .. } = world;
    Outcome { violations, totals, recovery, trace }
}

/// Packets between any two, for some seconds.
fn traffic(world: &mut World) {
    let end = world.now + Duration::from_millis(world.below(INTERVAL_MAX_MS) as u64);
    while world.now < end {
        let (from, to) = two(world);
        let count = 1 + world.below(5);
        world.send(from, to, count);
        let pause = 5 + world.below(400) as u64;
        world.pass(Duration::from_millis(pause));
    }
}

/// Makes links good and declarations agree, and waits until every pair hears of each other. Where they
/// were attacked, all are told where the others are.
fn heal(world: &mut World, is_attacked: bool) -> Duration {
    world.link = Link::GOOD;
    for host in 0..world.hosts.len() {
        world.hosts[host].psk = None;
        world.hosts[host].suite = Suite::ChaCha20Poly1305;
    }
    // All of them before any declares the others: endpoints are where they are now.
    (0..world.hosts.len()).for_each(|host| world.declare_all(host));
    if is_attacked {
        world.tell_endpoints();
    }
    let start = world.now;
    let pairs: Vec<(usize, usize)> = (0..world.hosts.len())
        .flat_map(|from| (0..world.hosts.len()).map(move |to| (from, to)))
        .filter(|(from, to)| from != to)
        .collect();
    let mut probes: Vec<Vec<u32>> = vec![Vec::new(); pairs.len()];
    loop {
        let silent: Vec<usize> = (0..pairs.len())
            .filter(|pair| !probes[*pair].iter().any(|number| world.is_delivered(*number)))
            .collect();
        let took = world.now.saturating_since(start);
        if silent.is_empty() {
            world.pass(STRAGGLERS);
            return took;
        }
        if took > RECOVERY_MAX {
            let who = silent.iter().map(|pair| format!("{:?}", pairs[*pair]));
            let who: Vec<String> = who.collect();
            world.violate(format!("no packet from and to {} after {took:?}", who.join(", ")));
            return took;
        }
        for pair in silent {
            let (from, to) = pairs[pair];
            probes[pair].push(world.next_number());
            world.send(from, to, 1);
        }
        world.pass(PROBE_INTERVAL);
    }
}
