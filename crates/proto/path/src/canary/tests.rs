//! Rounds over paths that break pieces in the ways that kernels and cards have been seen to.

use super::*;
use netloom_base::Seed;

/// Which parts of a piece of `count` (and a tail) come, as bits.
type Breaks = fn(count: usize, tail: bool) -> u64;

fn all(count: usize, tail: bool) -> u64 {
    ((1 << count) - 1) | u64::from(tail) << TAIL
}

const BREAKS: [(&str, Breaks, Segmentation); 9] = [
    ("nothing", all, Segmentation::Pieces),
    ("all lost", |_, _| 0, Segmentation::Apart),
    ("all but the first damaged", |_, _| 1, Segmentation::Apart),
    ("the first damaged", |count, tail| all(count, tail) & !1, Segmentation::Apart),
    ("the tail lost", |count, _| all(count, false), Segmentation::EqualPieces),
    ("the end lost", |count, tail| end_lost(count, tail), Segmentation::Apart),
    ("pairs merged", |_, tail| u64::from(tail) << TAIL, Segmentation::Apart),
    ("one split", |count, tail| all(count, tail) & !8, Segmentation::Apart),
    (
        "each eighth lost",
        |count, tail| all(count, tail) & !0x0101_0101_0101_0100,
        Segmentation::Apart,
    ),
];

fn end_lost(count: usize, tail: bool) -> u64 {
    if tail { all(count, false) } else { all(count - 1, false) }
}

/// Sends for a time with loss of one datagram in `loses_one_in` (0 is none); gives the changes.
fn run(
    canary: &mut Canary,
    now: &mut Time,
    time: Duration,
    breaks: Breaks,
    loses_one_in: u64,
) -> Vec<Change> {
    let mut random =
        Seed::from_number(*now.0.to_le_bytes().first().unwrap() as u64).0[0] as u64 | 1;
    let mut is_lost = move || {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        loses_one_in > 0 && (random >> 33).is_multiple_of(loses_one_in)
    };
    let (end, mut changes) = (*now + time, Vec::new());
    let mut heard = Heard::default();
    while *now < end {
        canary.sending(*now, 1380, 44, 10_000_000);
        while let Some(round) = canary.poll_round() {
            let tail = round.tail_bytes.is_some();
            let come = breaks(round.in_piece, tail);
            for place in 0..=TAIL {
                let is_single = (1_u64 << place) & all(round.alone, tail) != 0;
                if come & (1 << place) != 0 && !is_lost() {
                    heard.part(round.id, false, place);
                }
                if is_single && !is_lost() {
                    heard.part(round.id, true, place);
                }
            }
        }
        if canary.poll_timeout().is_some_and(|due| due <= *now) {
            canary.handle_timeout(*now);
        }
        while let Some(round) = canary.poll_question() {
            let (in_piece, alone) = heard.answer(round);
            changes.extend(canary.answered(*now, round, in_piece, alone));
        }
        *now = *now + Duration::from_millis(5);
    }
    changes
}

#[test]
fn each_way_of_breaking_is_found_and_nothing_else() {
    for (name, breaks, then) in BREAKS {
        for loses_one_in in [0, 100, 30] {
            let (mut canary, mut now) = (Canary::default(), Time::from_millis(1));
            run(&mut canary, &mut now, Duration::from_secs(5), all, loses_one_in);
            assert_eq!(canary.segmentation(), Segmentation::Pieces, "{name} before");
            run(&mut canary, &mut now, Duration::from_secs(9), breaks, loses_one_in);
            assert_eq!(canary.segmentation(), then, "{name}, one in {loses_one_in} lost");
        }
    }
}

#[test]
fn what_is_mended_is_used_again() {
    for (name, breaks, then) in BREAKS.into_iter().filter(|(.., then)| *then > Segmentation::Pieces)
    {
        let (mut canary, mut now) = (Canary::default(), Time::from_millis(1));
        let changes = run(&mut canary, &mut now, Duration::from_secs(40), breaks, 0);
        let is_whole = |change: &Change| change.segmentation == Segmentation::Pieces;
        assert!(!changes.iter().any(is_whole), "{name}: trials change nothing: {changes:?}");
        assert_eq!(canary.segmentation(), then);
        let found = canary.totals().1;
        let changes = run(&mut canary, &mut now, Duration::from_secs(20), all, 0);
        assert_eq!(changes.len(), 1, "{name}");
        assert_eq!(canary.segmentation(), Segmentation::Pieces, "{name}");
        assert_eq!(canary.totals().1, found);
    }
}

#[test]
fn a_path_that_is_down_or_silent_is_no_verdict() {
    let (mut canary, mut now) = (Canary::default(), Time::from_millis(1));
    for _ in 0..2000 {
        canary.sending(now, 1380, 44, 10_000_000);
        canary.handle_timeout(now);
        while let Some(id) = canary.poll_question() {
            canary.answered(now, id, 0, 0);
            assert_eq!(canary.answered(now, id, 0, 0), None, "an answer counts once");
        }
        while canary.poll_round().is_some() {}
        now = now + Duration::from_millis(20);
    }
    assert_eq!((canary.segmentation(), canary.totals()), (Segmentation::Pieces, (0, 0)));
}

#[test]
fn pieces_that_stop_arriving_are_noticed_by_who_sends_little() {
    let (mut canary, mut now) = (Canary::default(), Time::from_millis(1));
    run(&mut canary, &mut now, Duration::from_secs(5), all, 0);
    let start = now;
    while canary.segmentation() == Segmentation::Pieces {
        // A sender whose packets are lost repeats a few, twice a second.
        canary.sending(now, 1380, 3, 3 * 1380);
        while canary.poll_round().is_some() {}
        for _ in 0..5 {
            now = now + Duration::from_millis(100);
            canary.handle_timeout(now);
            while let Some(round) = canary.poll_question() {
                canary.answered(now, round, 0, all(3, true));
            }
        }
    }
    assert!(now.saturating_since(start) < Duration::from_secs(8));
}

#[test]
fn slow_paths_are_not_filled_with_canaries() {
    let (mut canary, mut now, mut bytes) = (Canary::default(), Time::from_millis(1), 0);
    for _ in 0..6000 {
        canary.sending(now, 1380, 4, 4 * 1380);
        canary.handle_timeout(now);
        while let Some(round) = canary.poll_round() {
            bytes += round.packet_bytes * (round.in_piece + round.alone + 1);
        }
        while let Some(id) = canary.poll_question() {
            canary.answered(now, id, all(4, true), all(4, true));
        }
        now = now + Duration::from_millis(10);
    }
    assert!(bytes < 6000 * 4 * 1380 / 30, "{bytes} bytes of canaries");
}

#[test]
fn a_peer_that_moves_without_end_gets_few_rounds() {
    let (mut canary, mut now) = (Canary::default(), Time::from_millis(10_000));
    let mut rounds = 0;
    for _ in 0..3000 {
        canary.forget();
        canary.sending(now, 1380, 44, 100_000);
        while canary.poll_round().is_some() {
            rounds += 1;
        }
        now = now + Duration::from_millis(1);
    }
    assert!((1..=4).contains(&rounds), "{rounds} rounds in three seconds");
    // One that has moved long after its last round is looked at at once.
    now = now + INTERVAL;
    canary.forget();
    canary.sending(now, 1380, 44, 100_000);
    assert!(canary.poll_round().is_some());
}

/// Sends 100 kB a second for 60 s over a line whose answers take `round_trip`, or never come; gives the rounds, and those answered.
fn rounds_over(round_trip: Option<Duration>) -> (u64, u64) {
    let (mut canary, mut now) = (Canary::default(), Time::from_millis(10_000));
    let (mut rounds, mut answers) = (0, VecDeque::new());
    let end = now + Duration::from_secs(60);
    while now < end {
        canary.sending(now, 1380, 44, 100);
        if canary.poll_timeout().is_some_and(|due| due <= now) {
            canary.handle_timeout(now);
        }
        while let Some(round) = canary.poll_round() {
            rounds += 1;
            assert!(round.tail_bytes.is_some());
        }
        while let Some(question) = canary.poll_question() {
            answers.extend(round_trip.map(|time| (now + time, question)));
        }
        while answers.front().is_some_and(|(at, _)| *at <= now) {
            let (_, id) = answers.pop_front().unwrap();
            canary.answered(now, id, u64::MAX, u64::MAX);
        }
        now = now + Duration::from_millis(1);
    }
    (rounds, canary.totals().0)
}

#[test]
fn rounds_are_answered_over_long_lines_and_few_where_nobody_answers() {
    for ms in [1, 300, 700, 1500, 2500] {
        let (rounds, answered) = rounds_over(Some(Duration::from_millis(ms)));
        assert!(answered >= rounds - 1 && answered >= 10, "{answered} of {rounds} at {ms} ms");
    }
    // A fiftieth of what is sent is little more than one round.
    let (rounds, answered) = rounds_over(None);
    assert!(answered == 0 && (3..=5).contains(&rounds), "{rounds} rounds for nothing");
}
