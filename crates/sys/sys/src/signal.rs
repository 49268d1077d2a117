//! Signals as something to read (`signalfd`), instead of handlers that may do next to nothing.

use crate::system;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

/// The signals that matter to a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGINT`: Ctrl-C.
    Interrupt,
    /// `SIGTERM`: stop.
    Terminate,
    /// `SIGHUP`: reload, or the terminal is gone.
    Hangup,
    /// `SIGCHLD`: a child has ended.
    Child,
}

impl Signal {
    const ALL: [Self; 4] = [Self::Interrupt, Self::Terminate, Self::Hangup, Self::Child];

    /// The kernel's number.
    pub fn number(self) -> i32 {
        match self {
            Self::Interrupt => libc::SIGINT,
            Self::Terminate => libc::SIGTERM,
            Self::Hangup => libc::SIGHUP,
            Self::Child => libc::SIGCHLD,
        }
    }
}

/// A descriptor that becomes readable when one of its signals arrives.
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

impl SignalFd {
    /// Takes `signals` from now on. To be called before any thread is started, since each thread
    /// that does not inherit the mask would still be interrupted, or killed.
    pub fn new(signals: &[Signal]) -> io::Result<Self> {
        let mut set: libc::sigset_t = system::zeroed();
        // SAFETY: `set` lives through the calls; masks concern the calling thread only.
        unsafe {
            libc::sigemptyset(&mut set);
            for signal in signals {
                libc::sigaddset(&mut set, signal.number());
            }
            let blocked = libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
            if blocked != 0 {
                return Err(io::Error::from_raw_os_error(blocked));
            }
            let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
            system::owned(libc::signalfd(-1, &set, flags)).map(Self)
        }
    }

    /// The next signal, if one has arrived. Several of a kind may be one.
    pub fn read(&self) -> io::Result<Option<Signal>> {
        let mut info: libc::signalfd_siginfo = system::zeroed();
        // SAFETY: `info` lives through the call and its size is passed.
        let read = system::check_count(unsafe {
            libc::read(
                self.0.as_raw_fd(),
                std::ptr::from_mut(&mut info).cast(),
                size_of::<libc::signalfd_siginfo>(),
            )
        });
        match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
            Ok(_) => {
                let same = |signal: &Signal| signal.number().cast_unsigned() == info.ssi_signo;
                Ok(Signal::ALL.into_iter().find(same))
            }
        }
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
