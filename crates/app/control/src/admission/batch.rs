//! Many requests at a time become one commit: who comes while one is under way waits for the next.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Requests by key; a later one of a key takes the place of an earlier one.
#[derive(Debug)]
pub(super) struct Batch<T> {
    state: Mutex<State<T>>,
    done: Condvar,
}

#[derive(Debug)]
struct State<T> {
    gathered: BTreeMap<String, T>,
    /// Number of the batch that is being gathered, and how many wait for its result.
    number: u64,
    waiting: usize,
    /// Whether a batch is being committed.
    is_committing: bool,
    /// Results of batches, and how many have not heard them yet.
    results: BTreeMap<u64, (Result<(), String>, usize)>,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        let state = State {
            gathered: BTreeMap::new(),
            number: 0,
            waiting: 0,
            is_committing: false,
            results: BTreeMap::new(),
        };
        Self { state: Mutex::new(state), done: Condvar::new() }
    }
}

impl<T> Batch<T> {
    /// Puts a request into the batch that is gathered, and gives what came of that batch. `commit` is
    /// called by one of those in it.
    pub(super) fn join(
        &self,
        key: &str,
        request: T,
        commit: impl FnOnce(BTreeMap<String, T>) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut state = self.state();
        state.gathered.insert(key.to_owned(), request);
        state.waiting += 1;
        let number = state.number;
        loop {
            if let Some((result, left)) = state.results.get_mut(&number) {
                *left -= 1;
                let (result, is_last) = (result.clone(), *left == 0);
                if is_last {
                    state.results.remove(&number);
                }
                return result;
            }
            if !state.is_committing {
                break;
            }
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_committing = true;
        let gathered = std::mem::take(&mut state.gathered);
        let others = std::mem::take(&mut state.waiting) - 1;
        state.number += 1;
        drop(state);
        let result = Err("control failed while it committed this".to_owned());
        let mut commitment = Commitment { batch: self, number, others, result };
        commitment.result = commit(gathered);
        commitment.result.clone()
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A commit under way. Its end is told also where it panics, or all that come later would wait for good.
struct Commitment<'b, T> {
    batch: &'b Batch<T>,
    number: u64,
    others: usize,
    result: Result<(), String>,
}

impl<T> Drop for Commitment<'_, T> {
    fn drop(&mut self) {
        let mut state = self.batch.state();
        state.is_committing = false;
        if self.others > 0 {
            state.results.insert(self.number, (self.result.clone(), self.others));
        }
        drop(state);
        self.batch.done.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn everyone_is_in_exactly_one_batch_and_hears_its_result() {
        let batch = Batch::default();
        let (commits, members) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for number in 0..200 {
                let (batch, commits, members) = (&batch, &commits, &members);
                scope.spawn(move || {
                    let result = batch.join(&number.to_string(), number, |gathered| {
                        commits.fetch_add(1, Ordering::Relaxed);
                        members.fetch_add(gathered.len(), Ordering::Relaxed);
                        Ok(())
                    });
                    assert_eq!(result, Ok(()));
                });
            }
        });
        assert_eq!(members.load(Ordering::Relaxed), 200);
        assert!((1..=200).contains(&commits.load(Ordering::Relaxed)));
        assert!(batch.state().results.is_empty(), "nothing is kept for anybody");
    }

    #[test]
    fn who_comes_during_a_commit_is_in_the_next_one_also_if_that_commit_fails() {
        let batch = Batch::default();
        let (began, begun) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let batch = &batch;
            let first = scope.spawn(move || {
                batch.join("a", 0, |_| {
                    began.send(()).unwrap();
                    released.recv().unwrap();
                    panic!("the disk is gone");
                })
            });
            begun.recv().unwrap();
            let next = ["b", "c"].map(|key| {
                scope.spawn(move || {
                    batch.join(key, 1, |gathered| Err(format!("{}", gathered.len())))
                })
            });
            while batch.state().waiting < 2 {
                std::thread::yield_now();
            }
            release.send(()).unwrap();
            assert!(first.join().is_err());
            for one in next {
                assert_eq!(one.join().unwrap(), Err("2".to_owned()), "both in one commit");
            }
        });
        assert!(batch.state().results.is_empty(), "nothing is kept for anybody");
    }

    #[test]
    fn a_failure_is_told_to_all_of_its_batch() {
        let batch = Batch::default();
        let failed = batch.join("a", 1, |_| Err("the disk is full".to_owned()));
        assert_eq!(failed, Err("the disk is full".to_owned()));
        assert_eq!(
            batch.join("a", 2, |gathered| match gathered["a"] {
                2 => Ok(()),
                _ => Err("another's".to_owned()),
            }),
            Ok(())
        );
    }
}
