//! Many requests at a time become one commit: whoever comes first waits a moment for the others.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the first one waits. A thousand nodes that come back at once make a few commits.
const GATHER: Duration = Duration::from_millis(20);

/// Requests by key; a later one of a key takes the place of an earlier one.
#[derive(Debug)]
pub(super) struct Batch<T> {
    state: Mutex<State<T>>,
    done: Condvar,
}

#[derive(Debug)]
struct State<T> {
    gathered: BTreeMap<String, T>,
    /// Number of the batch that is being gathered.
    number: u64,
    /// Whether somebody gathers it.
    has_leader: bool,
    /// Results of batches that somebody still waits for.
    results: BTreeMap<u64, (Result<(), String>, usize)>,
    waiting: usize,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        let state = State {
            gathered: BTreeMap::new(),
            number: 0,
            has_leader: false,
            results: BTreeMap::new(),
            waiting: 0,
        };
        Self { state: Mutex::new(state), done: Condvar::new() }
    }
}

impl<T> Batch<T> {
    /// Puts a request into the batch that is gathered, and gives what came of that batch.
    pub(super) fn join(
        &self,
        key: &str,
        request: T,
        commit: impl FnOnce(BTreeMap<String, T>) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut state = self.state();
        state.gathered.insert(key.to_owned(), request);
        let number = state.number;
        if state.has_leader {
            state.waiting += 1;
            return self.follow(state, number);
        }
        state.has_leader = true;
        drop(state);
        std::thread::sleep(GATHER);
        let mut state = self.state();
        let gathered = std::mem::take(&mut state.gathered);
        let followers = std::mem::take(&mut state.waiting);
        state.number += 1;
        state.has_leader = false;
        drop(state);
        let result = commit(gathered);
        if followers > 0 {
            self.state().results.insert(number, (result.clone(), followers));
            self.done.notify_all();
        }
        result
    }

    fn follow(&self, mut state: MutexGuard<'_, State<T>>, number: u64) -> Result<(), String> {
        loop {
            if let Some((result, left)) = state.results.get_mut(&number) {
                *left -= 1;
                let (result, is_last) = (result.clone(), *left == 0);
                if is_last {
                    state.results.remove(&number);
                }
                return result;
            }
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
