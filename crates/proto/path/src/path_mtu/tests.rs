//! Searches over emulated paths, on virtual time.

use super::*;
use proptest::prelude::*;

/// A path that takes packets of up to `takes` bytes, and loses others by a rule.
struct Path {
    machine: PathMtu,
    now: Time,
    takes: usize,
    delay: Duration,
    under_way: VecDeque<(Time, Probe)>,
    probes: usize,
}

impl Path {
    fn new(ceiling: usize, takes: usize) -> Self {
        let delay = Duration::from_millis(1);
        let (machine, now) = (PathMtu::new(ceiling), Time::from_millis(1000));
        Self { machine, now, takes, delay, under_way: VecDeque::new(), probes: 0 }
    }

    /// Runs for a time in which large packets are sent each millisecond; `loses` says which probes are lost.
    fn run(&mut self, time: Duration, mut loses: impl FnMut(usize) -> bool) {
        let end = self.now + time;
        while self.now < end {
            self.machine.sending(self.now, 1400, 100_000);
            if self.machine.poll_timeout().is_some_and(|due| due <= self.now) {
                self.machine.handle_timeout(self.now);
            }
            while let Some(probe) = self.machine.poll_probe() {
                self.probes += 1;
                if probe.packet_bytes <= self.takes && !loses(self.probes) {
                    self.under_way.push_back((self.now + self.delay, probe));
                }
            }
            while self.under_way.front().is_some_and(|(at, _)| *at <= self.now) {
                let (_, probe) = self.under_way.pop_front().unwrap();
                self.machine.answered(self.now, probe.id, probe.packet_bytes);
            }
            self.now = self.now + Duration::from_millis(1);
        }
    }
}

#[test]
fn a_path_without_an_obstacle_takes_a_round_trip() {
    let mut path = Path::new(1420, 1420);
    path.run(Duration::from_millis(3), |_| false);
    assert_eq!((path.machine.limit_bytes(), path.machine.is_confirmed()), (1420, true));
    assert_eq!(path.machine.round_trip(), Some(Duration::from_millis(1)));
}

#[test]
fn an_idle_path_is_not_probed() {
    let mut machine = PathMtu::new(1420);
    assert_eq!((machine.poll_timeout(), machine.poll_probe()), (None, None));
    let mut path = Path::new(1420, 1420);
    path.run(Duration::from_secs(1), |_| false);
    let before = path.probes;
    assert!(path.machine.poll_timeout().is_none_or(|due| due <= path.now + checks::INTERVAL));
    path.now = path.now + Duration::from_secs(60);
    path.machine.handle_timeout(path.now);
    while path.machine.poll_probe().is_some() {
        path.probes += 1;
    }
    assert!(path.probes <= before + 1, "at most the check that was due");
}

#[test]
fn usual_sizes_are_exact_in_one_round() {
    for (takes, within_ms) in [(1440, 60), (1220, 60), (1340, 60), (8920, 60)] {
        let mut path = Path::new(9000, takes);
        path.machine.round_trip = Some(RoundTrip::with(None, Duration::from_millis(1)));
        path.run(Duration::from_millis(within_ms), |_| false);
        assert_eq!(path.machine.limit_bytes(), takes);
    }
}

#[test]
fn few_packets_are_checked_seldom() {
    let (mut machine, mut probes) = (PathMtu::new(1420), 0);
    for ms in 1..10_000 {
        let now = Time::from_millis(ms);
        if ms % 100 == 0 {
            machine.sending(now, 1400, 1400);
        }
        if machine.poll_timeout().is_some_and(|due| due <= now) {
            machine.handle_timeout(now);
        }
        while let Some(probe) = machine.poll_probe() {
            probes += 1;
            machine.answered(now, probe.id, probe.packet_bytes);
        }
    }
    assert!((18..60).contains(&probes), "{probes}");
}

#[test]
fn jumbo_frames_are_found() {
    let mut path = Path::new(8920, 8920);
    assert_eq!(path.machine.limit_bytes(), PATH_BYTES_ASSUMED, "until it is known");
    path.run(Duration::from_millis(10), |_| false);
    assert_eq!(path.machine.limit_bytes(), 8920);
}

#[test]
fn a_path_that_shrinks_under_a_stream_is_noticed_within_a_second() {
    let mut path = Path::new(1420, 1420);
    path.run(Duration::from_secs(1), |_| false);
    path.takes = 1321;
    path.run(Duration::from_millis(600), |_| false);
    assert_eq!(path.machine.limit_bytes(), 1321);
    path.takes = 1420;
    path.run(RAISE_INTERVAL + Duration::from_millis(10), |_| false);
    assert_eq!(path.machine.limit_bytes(), 1420, "and the way back");
}

#[test]
fn what_is_in_force_stays_while_more_is_tried_on_a_long_path() {
    let mut path = Path::new(8920, 4000);
    path.delay = Duration::from_millis(150);
    path.run(Duration::from_secs(5), |_| false);
    assert_eq!(path.machine.limit_bytes(), 4000);
    path.machine.take_shrunk();
    // A check is lost, and more is tried.
    let lost = path.probes + 1;
    path.run(Duration::from_secs(5), |probe| probe == lost);
    path.run(RAISE_INTERVAL + Duration::from_secs(5), |_| false);
    assert_eq!(path.machine.limit_bytes(), 4000);
    assert!(!path.machine.take_shrunk(), "nobody was told of less");
}

/// Further than a satellite and through full queues, where probes that nobody waits for would fill the line.
#[test]
fn sizes_are_found_over_the_longest_lines() {
    for delay_ms in [300, 600, 900, 1500, 2500] {
        for takes in [1420, 1340, 1351, 1200] {
            let mut path = Path::new(1420, takes);
            path.delay = Duration::from_millis(delay_ms);
            path.run(Duration::from_secs(90), |_| false);
            assert_eq!(path.machine.limit_bytes(), takes, "after {delay_ms} ms");
            assert!(path.probes < 400, "{} probes after {delay_ms} ms", path.probes);
        }
    }
}

#[test]
fn a_peer_that_moves_without_end_is_not_probed_without_end() {
    let mut path = Path::new(1420, 1420);
    for _ in 0..1000 {
        path.run(Duration::from_millis(1), |_| false);
        path.machine.forget();
    }
    assert!(path.probes < 200, "{} probes in a second", path.probes);
    path.run(Duration::from_secs(1), |_| false);
    assert_eq!(path.machine.limit_bytes(), 1420);
}

#[test]
fn a_path_that_is_down_says_nothing_of_sizes() {
    let mut path = Path::new(1420, 1400);
    path.run(Duration::from_secs(1), |_| false);
    assert_eq!(path.machine.limit_bytes(), 1400);
    path.takes = 0;
    path.run(Duration::from_secs(20), |_| false);
    assert_eq!(path.machine.limit_bytes(), 1400);
    let before = path.probes;
    path.run(Duration::from_secs(60), |_| false);
    assert!(path.probes - before < 200, "{} probes of a dead path", path.probes - before);
    path.takes = 1300;
    path.run(Duration::from_secs(61), |_| false);
    assert_eq!(path.machine.limit_bytes(), 1300);
}

/// An answer to a probe of liveness is not looked at by a search.
#[test]
fn probes_never_have_numbers_of_those_of_liveness() {
    let mut machine = PathMtu::new(1420);
    machine.next_id = u32::MAX / 2 - 3;
    machine.sending(Time::ZERO, 1400, 1400);
    let numbers: Vec<_> = std::iter::from_fn(|| machine.poll_probe()).map(|one| one.id).collect();
    assert!(numbers.len() > 8, "{numbers:?}");
    assert!(!numbers.iter().any(|id| crate::Liveness::is_number(*id)), "{numbers:?}");
}

#[test]
fn answers_that_fit_no_probe_change_nothing() {
    let mut machine = PathMtu::new(1420);
    machine.sending(Time::ZERO, 1400, 1400);
    let probe = machine.poll_probe().unwrap();
    assert!(!machine.answered(Time::ZERO, probe.id, 65_535), "of another size");
    assert!(!machine.answered(Time::ZERO, 4711, probe.packet_bytes), "of another number");
    assert!(machine.answered(Time::ZERO, probe.id, probe.packet_bytes));
    assert!(!machine.answered(Time::ZERO, probe.id, probe.packet_bytes), "twice");
    assert!(machine.limit_bytes() <= 1420);
}

proptest! {
    #[test]
    fn every_size_is_found_exactly(
        ceiling in PATH_BYTES_MIN..9000_usize,
        takes in PATH_BYTES_MIN..9500_usize,
    ) {
        let mut path = Path::new(ceiling, takes);
        path.run(Duration::from_secs(2), |_| false);
        prop_assert_eq!(path.machine.limit_bytes(), takes.min(ceiling));
    }

    /// With some loss the size is never too large for longer than a search, and right again after a raise.
    #[test]
    fn loss_does_not_make_sizes_too_large(takes in PATH_BYTES_MIN..1420_usize, every in 7..40_usize) {
        let mut path = Path::new(1420, takes);
        path.run(Duration::from_secs(5), |probe| probe % every == 0);
        prop_assert!(path.machine.limit_bytes() <= takes);
        path.run(RAISE_INTERVAL * 2, |_| false);
        prop_assert_eq!(path.machine.limit_bytes(), takes);
    }
}
