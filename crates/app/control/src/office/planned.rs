//! What would change: asked without changing anything.

use super::{Office, OfficeError, now_ms};
use crate::declared::Declared;
use crate::proposal::{self, Effects, Proposal, uids_at};

impl Office {
    /// What would change. With `back_to`, by going back to that revision instead.
    ///
    /// # Errors
    /// It cannot be accepted.
    pub fn plan(
        &self,
        declared: Declared,
        back_to: Option<u64>,
    ) -> Result<(u64, Proposal, Effects), OfficeError> {
        let snapshot = self.store.snapshot()?;
        let world = self.advance_to(&snapshot, None)?;
        let (declared, back) = match back_to {
            Some(number) => (self.declared_at(number)?, Some(uids_at(&snapshot, &world, number)?)),
            None => (declared, None),
        };
        let proposal = self.propose(&world, declared, back.as_ref(), now_ms())?;
        let effects = proposal::effects(&world, &proposal);
        Ok((world.revision, proposal, effects))
    }
}
