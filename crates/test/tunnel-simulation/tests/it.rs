//! A few seeds of each scenario; the show `tunnel-fuzz` plays as many as are asked for.

use netloom_tunnel_simulation::{SCENARIOS, run};

/// Few, since the ciphers are real and tests are not optimised.
const SEEDS: u64 = 2;
const ROUNDS: u32 = 10;

#[test]
fn every_scenario_keeps_what_tunnels_promise() {
    for scenario in &SCENARIOS {
        for seed in 1..=SEEDS {
            let outcome = run(scenario, seed, ROUNDS);
            let (name, violations) = (scenario.name, outcome.violations);
            assert!(violations.is_empty(), "{name}, seed {seed}: {violations:#?}");
            assert!(
                outcome.totals.delivered > 0 && outcome.totals.handshakes > 0,
                "{name}, seed {seed}"
            );
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let last = SCENARIOS.last().into_iter();
    for scenario in last {
        assert_eq!(run(scenario, 7, ROUNDS).trace, run(scenario, 7, ROUNDS).trace);
        assert_ne!(run(scenario, 7, ROUNDS).trace, run(scenario, 8, ROUNDS).trace);
    }
}
