//! Whether datagrams that are sent in one piece arrive as single ones do, told by who receives them.
//!
//! A kernel or a network card cuts a piece (UDP_SEGMENT) into datagrams, and some do it wrongly: parts are lost,
//! merged, cut once more or damaged. The sender cannot see that; the receiver cannot tell it from loss. So the
//! sender now and then sends a *round*: one piece like those of the data, and a few single datagrams of the same
//! sizes, and asks which have come. All are sealed, so a part that was touched has not come.
//!
//! # Verdict
//! Over the latest [`ROUNDS`] rounds of one form:
//! - far more lost in pieces than alone (three standard deviations beyond what loss explains): pieces are broken;
//! - one place of the piece lost in each of [`PLACE_ROUNDS`] rounds: so too, or, if it is the shorter last
//!   part, only such ends are.
//!
//! Then pieces end where parts are equal, or everything goes alone, on this path; every [`TRIAL_INTERVAL`] a
//! round is tried, and after [`CLEAN_TRIALS`] good ones pieces are sent again.

mod heard;
mod score;
mod segmentation;

use netloom_base::Time;
use std::collections::VecDeque;
use std::time::Duration;

pub use heard::Heard;
pub use score::Change;
use score::Score;
pub use segmentation::Segmentation;

/// Rounds that a verdict looks at.
pub const ROUNDS: usize = 8;
/// Rounds in each of which a place must have been lost.
pub const PLACE_ROUNDS: usize = 4;
/// Between rounds while pieces are sent and arrive.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// Between rounds where something was lost, and among the first.
const INTERVAL_SUSPICIOUS: Duration = Duration::from_millis(50);
/// Between trials of what was found broken.
pub const TRIAL_INTERVAL: Duration = Duration::from_secs(10);
/// Good trials in a row after which pieces are sent again.
pub const CLEAN_TRIALS: usize = PLACE_ROUNDS;
/// Equal parts of a piece at most: bits of an answer without the tail's.
pub const PARTS_MAX: usize = 62;
/// The place of the shorter last part.
pub const TAIL: u8 = 63;
/// Single datagrams of a round at most.
const ALONE_MAX: usize = 8;
/// From the parts to the question, and from question to question, longer each time: five seconds in all, for the longest lines.
const QUESTION_AFTER: Duration = Duration::from_millis(30);
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(150);
const QUESTIONS_MAX: u8 = 5;
/// Rounds without an answer after which the next ones are held to their share: nobody may be there to answer.
const UNANSWERED_MAX: u32 = 3;
/// A round takes at most this share of what is sent (1 in 50), but there is one after [`INTERVAL_MAX`] in any case: who
/// sends in pieces that do not arrive soon sends little.
const BYTES_SHARE: u64 = 50;
const INTERVAL_MAX: Duration = Duration::from_secs(3);

/// What is to be sent for a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// Its number.
    pub id: u32,
    /// Size of the equal parts.
    pub packet_bytes: usize,
    /// Equal parts in one piece, places from 0 on.
    pub in_piece: usize,
    /// Equal parts alone, places from 0 on.
    pub alone: usize,
    /// Size of the shorter last part of the piece, and of one that goes alone: place [`TAIL`].
    pub tail_bytes: Option<usize>,
}

/// The sender's machine of one path.
#[derive(Clone, Debug, Default)]
pub struct Canary {
    segmentation: Segmentation,
    asked: Option<Asked>,
    rounds: VecDeque<Round>,
    questions: VecDeque<u32>,
    scores: VecDeque<Score>,
    clean_trials: usize,
    next_id: u32,
    next_round: Option<Time>,
    /// When shorter ends are tried again.
    next_tail: Option<Time>,
    /// Of rounds whose answer has come.
    completed: u64,
    /// How often pieces were found broken.
    broken: u64,
    bytes_since_round: u64,
    last_round: Option<Time>,
    /// Whether nothing was sent yet to find out about this path.
    is_new: bool,
    /// Rounds since the last answer.
    unanswered: u32,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    round: Round,
    due: Time,
    questions: u8,
}

impl Canary {
    /// How datagrams are to be sent.
    pub fn segmentation(&self) -> Segmentation {
        self.segmentation
    }

    /// Rounds that have been answered, and how often pieces were found broken.
    pub fn totals(&self) -> (u64, u64) {
        (self.completed, self.broken)
    }

    /// The path is another: what was found does not hold for it. It is looked at soon, but no more often than each
    /// [`INTERVAL`], however often that happens: who is on the way can have a peer seem to move.
    pub fn forget(&mut self) {
        let Self { completed, broken, next_id, last_round, .. } = *self;
        *self = Self { completed, broken, next_id, last_round, is_new: true, ..Self::default() };
        self.next_round = last_round.map(|at| at + INTERVAL);
    }

    /// Datagrams of `packet_bytes` are sent, `parts` in a piece and `bytes` in all, or would be if pieces were
    /// sent.
    pub fn sending(&mut self, now: Time, packet_bytes: usize, parts: usize, bytes: u64) {
        self.bytes_since_round += bytes;
        let is_due = self.next_round.is_none_or(|at| at <= now);
        if parts < 2 || !is_due || self.asked.is_some() {
            return;
        }
        // What was found broken is tried in its full form.
        let has_tail = match self.segmentation {
            Segmentation::Pieces | Segmentation::Apart => true,
            Segmentation::EqualPieces => self.next_tail.is_none_or(|at| at <= now),
        };
        let tail_bytes = (has_tail && packet_bytes >= 256).then_some(packet_bytes / 2);
        // A piece has a limit of its own, which the tail counts for too.
        let equal = if tail_bytes.is_some() { parts - 1 } else { parts };
        let in_piece = equal.clamp(2, PARTS_MAX);
        let alone = in_piece.min(ALONE_MAX);
        let round_bytes = (packet_bytes * (in_piece + alone + 1)) as u64;
        let is_overdue = self.last_round.is_none_or(|last| last + INTERVAL_MAX <= now);
        let is_early = self.is_new || self.completed < 3;
        let is_hurried = is_early || self.is_suspicious() || self.clean_trials > 0 || is_overdue;
        let may_hurry = is_hurried && self.unanswered < UNANSWERED_MAX;
        if !may_hurry && self.bytes_since_round < BYTES_SHARE * round_bytes {
            return;
        }
        let round = Round { id: self.next_id, packet_bytes, in_piece, alone, tail_bytes };
        self.next_id = self.next_id.wrapping_add(1);
        (self.bytes_since_round, self.last_round, self.is_new) = (0, Some(now), false);
        self.rounds.push_back(round);
        self.asked = Some(Asked { round, due: now + QUESTION_AFTER, questions: 0 });
    }

    /// What has come of a round; whether it is the one that was asked for. Gives what changed.
    pub fn answered(&mut self, now: Time, id: u32, in_piece: u64, alone: u64) -> Option<Change> {
        let Asked { round, .. } = self.asked.take_if(|asked| asked.round.id == id)?;
        self.unanswered = 0;
        if in_piece == 0 && alone == 0 {
            // The path was down.
            self.next_round = Some(now + INTERVAL);
            return None;
        }
        self.completed += 1;
        let score = Score::new(&round, in_piece, alone);
        if self.is_trial() {
            return self.tried(now, &score);
        }
        let change = self.tail_tried(now, &round, &score);
        if change.is_some() {
            return change;
        }
        if self.scores.len() == ROUNDS {
            self.scores.pop_front();
        }
        let ignored = self.segmentation == Segmentation::EqualPieces;
        self.scores.push_back(if ignored { score.without_tail() } else { score });
        let verdict = score::verdict(&self.scores);
        let is_worse = verdict > self.segmentation;
        let hurry = is_worse || self.is_suspicious() || self.completed < 3;
        self.next_round = Some(now + if hurry { INTERVAL_SUSPICIOUS } else { INTERVAL });
        if !is_worse {
            return None;
        }
        self.segmentation = verdict;
        self.broken += 1;
        self.scores.clear();
        self.clean_trials = 0;
        match verdict {
            Segmentation::Apart => self.next_round = Some(now + TRIAL_INTERVAL),
            Segmentation::EqualPieces => self.next_tail = Some(now + TRIAL_INTERVAL),
            Segmentation::Pieces => {}
        }
        Some(Change { segmentation: verdict, lost: score.lost, parts: score.parts })
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.asked.map(|asked| asked.due)
    }

    /// Asks, asks again, or gives a round up.
    pub fn handle_timeout(&mut self, now: Time) {
        let Some(asked) = self.asked.as_mut().filter(|asked| asked.due <= now) else { return };
        if asked.questions == QUESTIONS_MAX {
            (self.asked, self.next_round) = (None, Some(now + INTERVAL));
            self.unanswered = self.unanswered.saturating_add(1);
            return;
        }
        asked.due = now + ASK_AGAIN_AFTER * (1 << asked.questions);
        asked.questions += 1;
        self.questions.push_back(asked.round.id);
    }

    /// The next round to send; to be drained after every other call.
    pub fn poll_round(&mut self) -> Option<Round> {
        self.rounds.pop_front()
    }

    /// The next question to send, by its round; to be drained after every other call.
    pub fn poll_question(&mut self) -> Option<u32> {
        self.questions.pop_front()
    }

    fn is_trial(&self) -> bool {
        self.segmentation == Segmentation::Apart
    }

    /// Whether the latest round has lost more than loss alone explains.
    fn is_suspicious(&self) -> bool {
        self.scores.back().is_some_and(|score| {
            score.lost > 0 && score.lost * score.alone > score.alone_lost * score.parts
        })
    }

    /// A shorter end was tried where they did not arrive.
    fn tail_tried(&mut self, now: Time, round: &Round, score: &Score) -> Option<Change> {
        if self.segmentation != Segmentation::EqualPieces || round.tail_bytes.is_none() {
            return None;
        }
        if score.missing >> TAIL != 0 {
            self.clean_trials = 0;
            self.next_tail = Some(now + TRIAL_INTERVAL);
            return None;
        }
        self.clean_trials += 1;
        if self.clean_trials < CLEAN_TRIALS {
            return None;
        }
        self.clean_trials = 0;
        self.segmentation = Segmentation::Pieces;
        Some(Change { segmentation: Segmentation::Pieces, lost: score.lost, parts: score.parts })
    }

    fn tried(&mut self, now: Time, score: &Score) -> Option<Change> {
        // Loss of one in eight is the path's own, but not of the same part each time.
        let is_clean = score.lost * 8 <= score.parts.max(8) && score.missing >> TAIL == 0;
        self.scores.push_back(*score);
        self.clean_trials = if is_clean { self.clean_trials + 1 } else { 0 };
        let is_enough = self.clean_trials == CLEAN_TRIALS;
        if !is_enough || score::verdict(&self.scores) != Segmentation::Pieces {
            let goes_on = is_clean && !is_enough;
            if !goes_on {
                self.clean_trials = 0;
                self.scores.clear();
            }
            let wait = if goes_on { INTERVAL_SUSPICIOUS } else { TRIAL_INTERVAL };
            self.next_round = Some(now + wait);
            return None;
        }
        self.scores.clear();
        self.clean_trials = 0;
        self.segmentation = Segmentation::Pieces;
        self.next_round = Some(now + INTERVAL_SUSPICIOUS);
        Some(Change { segmentation: Segmentation::Pieces, lost: score.lost, parts: score.parts })
    }
}

#[cfg(test)]
mod tests;
