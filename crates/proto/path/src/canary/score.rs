//! What a round has shown, and what several rounds mean.

use super::{PLACE_ROUNDS, Round, Segmentation, TAIL};
use std::collections::VecDeque;

#[derive(Clone, Copy, Debug)]
pub(super) struct Score {
    pub(super) parts: u32,
    pub(super) lost: u32,
    pub(super) alone: u32,
    pub(super) alone_lost: u32,
    /// Places of the piece that did not come.
    pub(super) missing: u64,
}

impl Score {
    /// The same where shorter ends are known not to arrive.
    pub(super) fn without_tail(self) -> Self {
        let tail = (self.missing >> TAIL) as u32;
        let missing = self.missing & !(1 << TAIL);
        Self { parts: self.parts - tail, lost: self.lost - tail, missing, ..self }
    }

    pub(super) fn new(round: &Round, in_piece: u64, alone: u64) -> Self {
        let tail = u64::from(round.tail_bytes.is_some()) << TAIL;
        let places = |count: usize| ((1_u64 << count) - 1) | tail;
        let (sent, sent_alone) = (places(round.in_piece), places(round.alone));
        let (missing, missing_alone) = (sent & !in_piece, sent_alone & !alone);
        // A tail that is lost alone as well is no one's fault.
        let missing = missing & !(missing_alone & tail);
        Self {
            parts: sent.count_ones(),
            lost: missing.count_ones(),
            alone: sent_alone.count_ones(),
            alone_lost: missing_alone.count_ones(),
            missing,
        }
    }
}

/// How datagrams are to be sent, by the latest rounds of one form.
pub(super) fn verdict(scores: &VecDeque<Score>) -> Segmentation {
    let sum = |of: fn(&Score) -> u32| scores.iter().map(of).sum::<u32>();
    let (parts, lost) = (f64::from(sum(|s| s.parts)), f64::from(sum(|s| s.lost)));
    let (alone, alone_lost) = (sum(|s| s.alone), sum(|s| s.alone_lost));
    let expected = parts * f64::from(alone_lost + 2) / f64::from(alone + 2);
    if scores.len() >= 2 && lost > 3.0_f64.mul_add(expected.sqrt(), expected) {
        return Segmentation::Apart;
    }
    if scores.len() < PLACE_ROUNDS || alone_lost * 8 > alone {
        return Segmentation::Pieces;
    }
    let latest = scores.iter().rev().take(PLACE_ROUNDS);
    let always_missing = latest.fold(u64::MAX, |missing, score| missing & score.missing);
    match always_missing {
        0 => Segmentation::Pieces,
        tail if tail == 1 << TAIL => Segmentation::EqualPieces,
        _ => Segmentation::Apart,
    }
}

/// Another way of sending, and the round that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// How datagrams are sent from now on.
    pub segmentation: Segmentation,
    /// Parts of the deciding piece that did not come.
    pub lost: u32,
    /// Parts of the deciding piece.
    pub parts: u32,
}
