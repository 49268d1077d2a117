//! The receiver's side of a canary.

use super::TAIL;
use std::collections::VecDeque;

/// The receiver's notes: which parts of the latest rounds have come.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    rounds: VecDeque<(u32, u64, u64)>,
}

/// Rounds of which parts are remembered.
const HEARD_MAX: usize = 4;

impl Heard {
    /// A part has come.
    pub fn part(&mut self, round: u32, is_alone: bool, place: u8) {
        if place > TAIL {
            return;
        }
        if !self.rounds.iter().any(|(id, ..)| *id == round) {
            if self.rounds.len() == HEARD_MAX {
                self.rounds.pop_front();
            }
            self.rounds.push_back((round, 0, 0));
        }
        if let Some((_, in_piece, alone)) = self.rounds.iter_mut().find(|(id, ..)| *id == round) {
            *(if is_alone { alone } else { in_piece }) |= 1 << place;
        }
    }

    /// Places that have come of a round: in one piece, and alone.
    pub fn answer(&self, round: u32) -> (u64, u64) {
        let heard = self.rounds.iter().find(|(id, ..)| *id == round);
        heard.map_or((0, 0), |(_, in_piece, alone)| (*in_piece, *alone))
    }
}
