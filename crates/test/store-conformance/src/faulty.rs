//! A backend whose answers to swaps get lost: done and not told, not done, or done later.

use netloom_store::{
    Backend, Chunk, ChunkId, HeadRecord, Listed, Put, StoreError, Swap, SwapError,
};
use netloom_testkit::random_fabric::Dice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A backend whose answers get lost.
#[derive(Debug)]
pub struct Faulty {
    inner: Arc<dyn Backend>,
    seed: u64,
    swaps: AtomicU64,
    /// Of this many swaps, the answer of one gets lost.
    one_in: u64,
    late: Mutex<Vec<JoinHandle<()>>>,
    /// Answers that were lost.
    pub lost: AtomicU64,
}

impl Faulty {
    /// Loses the answer of one in so many swaps, chosen by seed.
    #[must_use]
    pub fn new(inner: Arc<dyn Backend>, seed: u64, one_in: u64) -> Self {
        let (swaps, lost) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { inner, seed, swaps, one_in, late: Mutex::default(), lost }
    }

    /// Waits for swaps that are done later.
    pub fn join(&self) {
        let late = std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in late {
            let _ = thread.join();
        }
    }

    fn lost(&self) -> StoreError {
        self.lost.fetch_add(1, Ordering::Relaxed);
        StoreError::Unavailable { place: self.place(), cause: "the answer was lost".to_owned() }
    }
}

impl Backend for Faulty {
    fn place(&self) -> String {
        self.inner.place()
    }

    fn read_head(&self) -> Result<Option<HeadRecord>, StoreError> {
        self.inner.read_head()
    }

    fn compare_and_swap_head(
        &self,
        expected: Option<&[u8]>,
        new: &[u8],
    ) -> Result<Swap, SwapError> {
        let number = self.swaps.fetch_add(1, Ordering::Relaxed);
        let mut dice = Dice::new(self.seed.wrapping_mul(1_000_003).wrapping_add(number));
        if !dice.one_in(self.one_in) {
            return self.inner.compare_and_swap_head(expected, new);
        }
        match dice.below(4) {
            // Never arrived.
            0 => Err(SwapError::Unsettled(self.lost())),
            // Arrived, and the answer did not.
            1 => match self.inner.compare_and_swap_head(expected, new) {
                Ok(_) => Err(SwapError::Unsettled(self.lost())),
                error => error,
            },
            // As `1`, and it is known to be over.
            2 => match self.inner.compare_and_swap_head(expected, new) {
                Ok(_) => Err(SwapError::Ended(self.lost())),
                error => error,
            },
            // Still on the way.
            _ => {
                let inner = Arc::clone(&self.inner);
                let (expected, new) = (expected.map(<[u8]>::to_vec), new.to_vec());
                let pause = Duration::from_millis(dice.below(120));
                let late = std::thread::spawn(move || {
                    std::thread::sleep(pause);
                    // Nobody hears the answer.
                    let _ = inner.compare_and_swap_head(expected.as_deref(), &new);
                });
                self.late.lock().unwrap_or_else(PoisonError::into_inner).push(late);
                Err(SwapError::Unsettled(self.lost()))
            }
        }
    }

    fn get_chunks(&self, ids: &[ChunkId]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.inner.get_chunks(ids)
    }

    fn put_chunks(&self, expected: Option<&[u8]>, chunks: &[Chunk<'_>]) -> Result<Put, StoreError> {
        self.inner.put_chunks(expected, chunks)
    }

    fn list_chunks(
        &self,
        after: Option<ChunkId>,
        count_max: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        self.inner.list_chunks(after, count_max)
    }

    fn delete_chunks(&self, chunks: &[Listed]) -> Result<u64, StoreError> {
        self.inner.delete_chunks(chunks)
    }

    fn wait(&self, seen: &[u8], timeout: Duration) -> Result<(), StoreError> {
        self.inner.wait(seen, timeout)
    }
}
