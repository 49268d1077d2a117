//! Waiting for several descriptors at once, and waking a thread that waits.

use crate::system;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Something to read, or the end.
    Read,
    /// Room to write.
    Write,
}

/// Descriptors to wait for. Each has the number that [`PollSet::add`] gave it.
#[derive(Debug, Default)]
pub struct PollSet<'a> {
    entries: Vec<Entry>,
    borrowed: PhantomData<BorrowedFd<'a>>,
}

#[derive(Clone, Copy)]
struct Entry(libc::pollfd);

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.fd)
    }
}

impl<'a> PollSet<'a> {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a descriptor; gives its number.
    pub fn add(&mut self, fd: BorrowedFd<'a>, interest: Interest) -> usize {
        let events = match interest {
            Interest::Read => libc::POLLIN,
            Interest::Write => libc::POLLOUT,
        };
        self.entries.push(Entry(libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 }));
        self.entries.len() - 1
    }

    /// Waits until a descriptor is ready, or `timeout` is over (`None`: for ever); gives how many
    /// are ready. A signal ends the wait with none.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        let limit = timeout.map(|timeout| libc::timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        let limit = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: `Entry` is a `pollfd`; the entries and the limit live through the call, and
        // the descriptors are borrowed for as long as this set.
        let result = unsafe {
            libc::ppoll(
                self.entries.as_mut_ptr().cast(),
                self.entries.len() as libc::nfds_t,
                limit,
                std::ptr::null(),
            )
        };
        match system::check(result) {
            Ok(ready) => Ok(usize::try_from(ready).unwrap_or(0)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                for entry in &mut self.entries {
                    entry.0.revents = 0;
                }
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the last wait found the descriptor with this number ready, ended or broken.
    pub fn is_ready(&self, number: usize) -> bool {
        self.entries.get(number).is_some_and(|entry| entry.0.revents != 0)
    }
}

/// Descriptors that are waited for again and again (`epoll`): added once, each with a number.
#[derive(Debug)]
pub struct Poller(OwnedFd);

/// Descriptors that one wait finds ready; others are found by the next.
const READY_MAX: usize = 32;

impl Poller {
    /// Waits for nothing yet.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are passed.
        system::owned(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }).map(Self)
    }

    /// Waits for a descriptor too, until it is closed or removed: for something to read, or its end.
    pub fn add(&self, fd: BorrowedFd<'_>, number: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: number };
        let (own, other) = (self.0.as_raw_fd(), fd.as_raw_fd());
        // SAFETY: `event` lives through the call.
        system::check(unsafe { libc::epoll_ctl(own, libc::EPOLL_CTL_ADD, other, &mut event) })
            .map(drop)
    }

    /// Waits for a descriptor no more.
    pub fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let (own, other, none) = (self.0.as_raw_fd(), fd.as_raw_fd(), std::ptr::null_mut());
        // SAFETY: this operation takes no event.
        system::check(unsafe { libc::epoll_ctl(own, libc::EPOLL_CTL_DEL, other, none) }).map(drop)
    }

    /// Waits until something is ready, or `timeout` is over (`None`: for ever), in whole milliseconds and
    /// never shorter; puts the numbers of what is ready in place of what `ready` holds. A signal ends
    /// the wait with none.
    pub fn wait(&self, timeout: Option<Duration>, ready: &mut Vec<u64>) -> io::Result<()> {
        ready.clear();
        let limit_ms = timeout.map_or(-1, |timeout| {
            let ms = timeout.as_nanos().div_ceil(1_000_000);
            libc::c_int::try_from(ms).unwrap_or(libc::c_int::MAX)
        });
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; READY_MAX];
        let room = READY_MAX as libc::c_int;
        // SAFETY: `events` has room for as many as are passed and lives through the call.
        let result =
            unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), room, limit_ms) };
        match system::check(result) {
            Ok(count) => {
                let count = usize::try_from(count).unwrap_or(0);
                ready.extend(events[..count].iter().map(|event| event.u64));
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Wakes a thread that waits for it (`eventfd`).
#[derive(Debug)]
pub struct Waker(OwnedFd);

impl Waker {
    /// A waker that has not been used yet.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are passed.
        system::owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) }).map(Self)
    }

    /// Makes it readable, until [`Waker::clear`].
    pub fn wake(&self) {
        let one = 1u64.to_ne_bytes();
        // A full counter is readable as well, so that a refusal does no harm.
        // SAFETY: `one` lives through the call and its length is passed.
        let _ = unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Makes it unreadable; gives whether it was readable.
    pub fn clear(&self) -> bool {
        let mut count = [0u8; 8];
        // SAFETY: `count` lives through the call and its length is passed.
        let read =
            unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
        read > 0
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waker_ends_the_wait_once() {
        let (first, second) = (Waker::new().unwrap(), Waker::new().unwrap());
        second.wake();
        second.wake();
        let mut set = PollSet::new();
        let numbers = [&first, &second].map(|waker| set.add(waker.as_fd(), Interest::Read));
        assert_eq!(set.wait(None).unwrap(), 1);
        assert_eq!(numbers.map(|number| set.is_ready(number)), [false, true]);
        assert!(second.clear());
        assert!(!second.clear());
        assert_eq!(set.wait(Some(Duration::ZERO)).unwrap(), 0);
    }

    #[test]
    fn a_poller_finds_what_is_ready_until_it_is_removed() {
        let (first, second) = (Waker::new().unwrap(), Waker::new().unwrap());
        let (poller, mut ready) = (Poller::new().unwrap(), vec![9]);
        poller.add(first.as_fd(), 1).unwrap();
        poller.add(second.as_fd(), 2).unwrap();
        poller.wait(Some(Duration::ZERO), &mut ready).unwrap();
        assert!(ready.is_empty());
        second.wake();
        poller.wait(None, &mut ready).unwrap();
        assert_eq!(ready, [2]);
        poller.remove(second.as_fd()).unwrap();
        poller.wait(Some(Duration::from_micros(1)), &mut ready).unwrap();
        assert!(ready.is_empty());
        first.wake();
        drop(second);
        poller.wait(None, &mut ready).unwrap();
        assert_eq!(ready, [1]);
    }
}
