//! All trials of a run: cases with each peer in each role, several at a time.

use crate::Side;
use crate::cases::{Case, Evidence, Move};
use crate::stock::{Implementation, Program};
use crate::world::World;
use anyhow::Context as _;
use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Who is at the other end.
#[derive(Clone, Debug)]
pub enum Opponent {
    /// Another implementation.
    Stock(Program),
    /// A second engine of ours, as a control.
    Control,
}

/// One case with one peer in one role.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Who is at the other end.
    pub opponent: Opponent,
    /// What is tried.
    pub case: Case,
    /// Who starts.
    pub initiator: Side,
}

/// What became of a trial.
#[derive(Debug)]
pub struct Outcome {
    /// The trial.
    pub trial: Trial,
    /// What was found.
    pub result: anyhow::Result<Evidence>,
    /// How long it took.
    pub duration: Duration,
}

impl Opponent {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.implementation().map_or("netloom", Implementation::name)
    }

    fn implementation(&self) -> Option<Implementation> {
        match self {
            Self::Stock(program) => Some(program.implementation),
            Self::Control => None,
        }
    }
}

/// What a run consists of.
#[derive(Debug, Default)]
pub struct Choice {
    /// What is tried.
    pub trials: Vec<Trial>,
    /// What is not.
    pub left_out: Vec<LeftOut>,
}

/// A trial that is not made.
#[derive(Clone, Copy, Debug)]
pub struct LeftOut {
    /// With whom.
    pub opponent: &'static str,
    /// What would be tried.
    pub case: Case,
    /// Who would start.
    pub initiator: Side,
    /// Why it is not.
    pub reason: &'static str,
}

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// What shows most in a minute.
    Short,
    /// All that takes no minutes by itself.
    Usual,
    /// That too.
    Full,
}

/// The trials whose name holds one of `words` (all, if there are none).
pub fn choose(opponents: &[Opponent], size: Size, words: &[String]) -> Choice {
    let mut choice = Choice::default();
    for case in Case::all(size == Size::Full) {
        let name = case.to_string();
        let is_meant = words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
        if !is_meant || (size == Size::Short && !case.is_short()) {
            continue;
        }
        for (opponent, initiator) in
            opponents.iter().flat_map(|opponent| Side::BOTH.map(|side| (opponent, side)))
        {
            match case.exclusion(opponent.implementation(), initiator) {
                Some(reason) => {
                    let opponent = opponent.name();
                    choice.left_out.push(LeftOut { opponent, case, initiator, reason });
                }
                None => choice.trials.push(Trial { opponent: opponent.clone(), case, initiator }),
            }
        }
    }
    choice
}

/// Runs trials on `workers` threads, in worlds of their own below `run_dir`; `each` sees every
/// outcome when it is there. They come back in the order of the trials.
pub fn run(
    trials: Vec<Trial>,
    workers: usize,
    run_dir: &Path,
    each: impl Fn(&Outcome) + Sync,
) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Outcome)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..workers.clamp(1, trials.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(trial) = trials.get(number) else { return };
                    let outcome = attempt(trial, number, &run_dir.join(number.to_string()));
                    each(&outcome);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((number, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

fn attempt(trial: &Trial, number: usize, run: &Path) -> Outcome {
    let start = Instant::now();
    let program = match &trial.opponent {
        Opponent::Stock(program) => {
            let is_to_move = matches!(trial.case, Case::Roaming(Side::Theirs, Move::Host, _));
            Some(Program { is_to_move, ..program.clone() })
        }
        Opponent::Control => None,
    };
    let result =
        World::build(number, program.as_ref(), run).context("no world").and_then(|mut world| {
            let result = trial.case.run(&mut world, trial.initiator);
            result.with_context(|| {
                let words = Side::BOTH.map(|side| world.end(side).last_words());
                format!("ours: {}\ntheirs: {}", words[0], words[1])
            })
        });
    Outcome { trial: trial.clone(), result, duration: start.elapsed() }
}

impl fmt::Display for Outcome {
    /// A line of the table, and below it what failed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trial { opponent, case, initiator } = &self.trial;
        let (word, words) = match &self.result {
            Ok(evidence) => ("pass", evidence.words.clone()),
            Err(error) => ("FAIL", first_line(&error.root_cause().to_string())),
        };
        let (name, seconds) = (opponent.name(), self.duration.as_secs_f64());
        write!(f, "{name:<13} {case:<34} {initiator:<9} {word}  {seconds:>6.1}  {words}")?;
        if let Err(error) = &self.result {
            for line in format!("{error:#}").lines() {
                write!(f, "\n    {line}")?;
            }
        }
        Ok(())
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The first line of the table.
pub fn heading() -> String {
    format!("{:<13} {:<34} {:<9} {:<5} {:>6}  found", "peer", "case", "initiator", "", "s")
}
