//! An allocator that looks at memory that is given back, for tests of what should have been wiped by then.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Bytes by which a secret is recognised.
pub const SOUGHT_BYTES: usize = 16;

thread_local! {
    /// What this thread looks for, and in how many blocks it was.
    static SOUGHT: Cell<Option<([u8; SOUGHT_BYTES], usize)>> = const { Cell::new(None) };
}

/// The system's allocator, which can tell what was in blocks that a thread has given back. To be a test's global allocator.
#[derive(Debug)]
pub struct FreedBlocks;

impl FreedBlocks {
    /// Does something, and gives how many blocks this thread has given back meanwhile with a secret in them.
    pub fn with(secret: &[u8; SOUGHT_BYTES], during: impl FnOnce()) -> usize {
        SOUGHT.set(Some((*secret, 0)));
        during();
        SOUGHT.take().map_or(0, |(_, found)| found)
    }
}

// SAFETY: every block is the system's, and what is asked of it is handed on as it came.
unsafe impl GlobalAlloc for FreedBlocks {
    /// # Safety
    /// As of the system's.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps what this asks for.
        unsafe { System.alloc(layout) }
    }

    /// # Safety
    /// As of the system's.
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // A thread that is ending looks for nothing.
        let sought = SOUGHT.try_with(Cell::get).ok().flatten();
        if let Some((secret, found)) = sought {
            // SAFETY: the block has so many bytes until it is given back below.
            let has_it = unsafe { holds(block, layout.size(), &secret) };
            SOUGHT.set(Some((secret, found + usize::from(has_it))));
        }
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Whether a secret is somewhere in a block, of which not all bytes need have been written.
///
/// # Safety
/// The block has so many bytes.
unsafe fn holds(block: *const u8, bytes: usize, secret: &[u8; SOUGHT_BYTES]) -> bool {
    // SAFETY: the place is inside; a volatile read takes what memory holds, written or not.
    let at = |place: usize| unsafe { block.add(place).read_volatile() };
    (SOUGHT_BYTES..=bytes)
        .any(|end| (0..SOUGHT_BYTES).all(|place| at(end - SOUGHT_BYTES + place) == secret[place]))
}
