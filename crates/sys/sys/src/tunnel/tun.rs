//! TUN (`Documentation/networking/tuntap.rst`): packets without any header.

use super::TunnelError;
use crate::namespace::NamespaceHandle;
use crate::system;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;

const DEVICE: &str = "/dev/net/tun";

/// The engine side of a TUN device.
#[derive(Debug)]
pub(super) struct Tun {
    file: File,
}

impl Tun {
    pub(super) fn create(namespace: &NamespaceHandle, name: &str) -> Result<Self, TunnelError> {
        let failed = |step| move |source| TunnelError::Tun { name: name.to_owned(), step, source };
        // The device belongs to the namespace of the thread that opens the file.
        namespace.run(|| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
            let file = options.open(DEVICE).map_err(failed("open /dev/net/tun"))?;
            attach(&file, name).map_err(failed("attach"))?;
            Ok(Self { file })
        })?
    }

    /// Reads one packet; `None` for one that does not fit.
    pub(super) fn read(&self, slot: &mut [u8]) -> io::Result<Option<usize>> {
        // The kernel cuts what does not fit without saying so; the engine's slots exceed the MTU,
        // and a cut packet fails its own length check.
        (&self.file).read(slot).map(Some)
    }

    pub(super) fn write(&self, packet: &[u8]) -> io::Result<()> {
        (&self.file).write(packet).map(drop)
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn attach(file: &File, name: &str) -> io::Result<()> {
    let mut request = system::interface_request(name);
    // Both flags fit the field by definition of the interface.
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: `request` is a whole `struct ifreq` and lives through the call.
    system::check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &mut request) }).map(drop)
}
