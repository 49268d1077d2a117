//! Where a backend is tried: empty at first, and to be opened by several members.

use crate::watched::Watched;
use netloom_store::{Backend, Settings, Store, StoreError};
use std::fmt;
use std::sync::Arc;

/// Opens the backend once more, as another member would.
type Opener = dyn Fn() -> Result<Arc<dyn Backend>, StoreError> + Send + Sync;

/// An empty backend.
pub struct Place {
    opener: Box<Opener>,
    /// How long the longest value is that is tried; transfers take time where they go through a network.
    pub large_bytes: usize,
    /// How many times something is done that is done many times.
    pub rounds: u64,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("rounds", &self.rounds).finish_non_exhaustive()
    }
}

impl Place {
    /// A place that is opened so.
    pub fn new(
        opener: impl Fn() -> Result<Arc<dyn Backend>, StoreError> + Send + Sync + 'static,
    ) -> Self {
        Self { opener: Box::new(opener), large_bytes: 3_000_000, rounds: 20 }
    }

    /// The backend, once more.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn backend(&self) -> Result<Arc<dyn Backend>, StoreError> {
        (self.opener)()
    }

    /// A backend whose transactions are counted and held to the limits.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn watched(&self) -> Result<Arc<Watched>, StoreError> {
        Ok(Arc::new(Watched::new(self.backend()?)))
    }

    /// The store, as another member would open it.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn store(&self) -> Result<Store, StoreError> {
        Store::open(self.watched()?)
    }

    /// The store with other settings.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn store_with(&self, settings: Settings) -> Result<Store, StoreError> {
        Store::open_with(self.watched()?, settings)
    }
}
