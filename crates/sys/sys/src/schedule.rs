//! How the scheduler treats the calling thread.

use crate::system;
use std::io;
use std::time::Duration;

/// Asks that the calling thread wait little and run briefly: woken, it goes ahead of threads that ask for longer turns, as
/// all do by themselves; its share of the processor stays what it is. A turn lasts 0.1 ms to 100 ms.
///
/// Without effect before Linux 6.12, whose scheduler (EEVDF) is the first to take such wishes (sched_setattr(2),
/// `sched_runtime`), and for threads with real-time policies.
///
/// # Errors
/// The kernel refuses.
pub fn set_turn(turn: Duration) -> io::Result<()> {
    let mut attributes: libc::sched_attr = system::zeroed();
    // A small structure.
    let size = size_of::<libc::sched_attr>() as libc::c_uint;
    // SAFETY: the structure lives through the call, and its size is passed; 0 is the calling thread.
    let result = unsafe {
        libc::syscall(libc::SYS_sched_getattr, 0, std::ptr::from_mut(&mut attributes), size, 0)
    };
    system::check_count(result as isize)?;
    if attributes.sched_policy != libc::SCHED_OTHER.cast_unsigned() {
        return Ok(());
    }
    attributes.sched_runtime = u64::try_from(turn.as_nanos()).unwrap_or(u64::MAX);
    // SAFETY: the structure says its size, and lives through the call; 0 is the calling thread.
    let result =
        unsafe { libc::syscall(libc::SYS_sched_setattr, 0, std::ptr::from_ref(&attributes), 0) };
    system::check_count(result as isize).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_may_ask_for_short_turns_again_and_again() {
        for turn in [Duration::from_micros(100), Duration::from_millis(3)] {
            std::thread::spawn(move || set_turn(turn)).join().unwrap().unwrap();
        }
    }
}
