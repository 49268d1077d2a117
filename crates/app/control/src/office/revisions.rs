//! What was declared before, as the store has it.

use super::{Office, OfficeError};
use crate::declared::Declared;
use crate::record::RevisionRecord;
use crate::world::{self, WorldError};

impl Office {
    /// What was declared at a revision.
    ///
    /// # Errors
    /// There is no such revision.
    pub fn declared_at(&self, number: u64) -> Result<Declared, OfficeError> {
        let RevisionRecord { roots, texts, api, .. } = self.revision(number)?;
        Ok(Declared { roots, texts, api })
    }

    /// A revision.
    ///
    /// # Errors
    /// There is none.
    pub fn revision(&self, number: u64) -> Result<RevisionRecord, OfficeError> {
        world::read_revision(&self.store.snapshot()?, number).map_err(|error| match error {
            WorldError::Missing { .. } => {
                OfficeError::NoRevision { number, newest: self.world().revision }
            }
            error => error.into(),
        })
    }

    /// The newest revisions, newest first.
    ///
    /// # Errors
    /// The store fails.
    pub fn history(&self, count: usize) -> Result<Vec<RevisionRecord>, OfficeError> {
        let snapshot = self.store.snapshot()?;
        let newest = self.world().revision;
        let numbers = (0..=newest).rev().take(count);
        let mut found = Vec::new();
        for number in numbers {
            match world::read_revision(&snapshot, number) {
                Ok(record) => found.push(record),
                Err(WorldError::Missing { .. }) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }
}
