//! Values that are overwritten when they are dropped: keys of libraries that only forget theirs.

use std::fmt;
use std::mem::MaybeUninit;
use std::ops::Deref;
use zeroize::Zeroize as _;

/// A value in memory of its own, which is overwritten after the value is dropped. Moving it leaves no copy; what the stack held
/// before it came here is not overwritten.
pub struct Wiped<T>(Box<MaybeUninit<T>>);

impl<T> Wiped<T> {
    /// Takes a value in.
    pub fn new(value: T) -> Self {
        Self(Box::new(MaybeUninit::new(value)))
    }
}

impl<T> Deref for Wiped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: there is a value from `new` on until it is dropped.
        unsafe { self.0.assume_init_ref() }
    }
}

impl<T> Drop for Wiped<T> {
    fn drop(&mut self) {
        // SAFETY: there is a value, and nobody asks for it any more.
        unsafe { self.0.assume_init_drop() };
        // By volatile writes, which no compiler leaves out.
        self.0.zeroize();
    }
}

impl<T> fmt::Debug for Wiped<T> {
    /// What is to be wiped is not printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wiped(..)")
    }
}
