//! The device whose other end is the engine: TUN, or a veth pair with a packet socket instead.
//!
//! Both vanish with their descriptor, so that a tunnel link exists only while an engine has it.

mod error;
mod stand_in;
mod tun;

use crate::namespace::NamespaceHandle;
use crate::route::ObservedLink;
use error::is_unavailable;
pub use error::{TunnelError, is_gone};
use netloom_base::PacketBatch;
use stand_in::StandIn;
pub(crate) use stand_in::link_address;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use tun::Tun;
pub use tun::TunnelOffloads;

/// What follows the fabric's mark in the alias of a stand-in, which is a veth by kind.
const STAND_IN_WORD: &str = " tunnel";

/// The two ways to have a tunnel device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TunnelKind {
    /// `IFF_TUN` of `/dev/net/tun`.
    Tun,
    /// A veth pair whose far end is a packet socket in a namespace without a name.
    StandIn,
}

/// Which kind to make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TunnelPreference {
    /// TUN where it can be had, the stand-in elsewhere.
    #[default]
    Automatic,
    /// This kind or none.
    Only(TunnelKind),
}

/// How many packets of a batch the kernel took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Taken.
    pub packets: usize,
    /// Refused: the link is down, the queue is full, or it is no IP packet.
    pub dropped: usize,
}

/// A tunnel device's engine side. It does not block.
#[derive(Debug)]
pub struct TunnelDevice {
    backend: Backend,
}

#[derive(Debug)]
enum Backend {
    Tun(Tun),
    StandIn(StandIn),
}

impl TunnelDevice {
    /// Makes the device `name`, down, in `namespace`.
    pub fn create(
        namespace: &NamespaceHandle,
        name: &str,
        preference: TunnelPreference,
    ) -> Result<Self, TunnelError> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"/:%".contains(&byte);
        if !(1..libc::IFNAMSIZ).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(TunnelError::Name { name: name.to_owned() });
        }
        let backend = match preference {
            TunnelPreference::Only(TunnelKind::Tun) => Backend::Tun(Tun::create(namespace, name)?),
            TunnelPreference::Only(TunnelKind::StandIn) => {
                Backend::StandIn(StandIn::create(namespace, name)?)
            }
            TunnelPreference::Automatic => match Tun::create(namespace, name) {
                Ok(tun) => Backend::Tun(tun),
                Err(TunnelError::Tun { source, .. }) if is_unavailable(&source) => {
                    Backend::StandIn(StandIn::create(namespace, name)?)
                }
                Err(error) => return Err(error),
            },
        };
        Ok(Self { backend })
    }

    /// Another handle of the same device, so that one thread reads while another writes. The device stays until both are
    /// dropped; what one has read and not split yet is its own.
    pub fn try_clone(&self) -> io::Result<Self> {
        let backend = match &self.backend {
            Backend::Tun(tun) => Backend::Tun(tun.try_clone()?),
            Backend::StandIn(stand_in) => Backend::StandIn(stand_in.try_clone()?),
        };
        Ok(Self { backend })
    }

    /// Where its link is by now, and what it is called there: others may move and rename it.
    ///
    /// # Errors
    /// The link is gone; the kernel is older than 5.6, lacks namespaces, or lets only CAP_NET_ADMIN ask; it is a stand-in.
    pub fn place(&self) -> io::Result<(NamespaceHandle, String)> {
        match &self.backend {
            Backend::Tun(tun) => tun.place(),
            Backend::StandIn(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Which kind it is.
    pub fn kind(&self) -> TunnelKind {
        match self.backend {
            Backend::Tun(_) => TunnelKind::Tun,
            Backend::StandIn(_) => TunnelKind::StandIn,
        }
    }

    /// Has the kernel hand over and take packets in one piece that stand for many, as far as it can;
    /// gives what is on. Reading splits them and writing puts them together.
    pub fn set_offloads(&mut self, wanted: TunnelOffloads) -> TunnelOffloads {
        match &mut self.backend {
            Backend::Tun(tun) => tun.set_offloads(wanted),
            Backend::StandIn(_) => TunnelOffloads::default(),
        }
    }

    /// Leaves checksums out of packets that are read, where the kernel has left them to a device
    /// ([`PacketBatch::is_partial`]), or puts them in, as it does to begin with. Gives whether it leaves them: a
    /// stand-in does not, nor does it take such packets.
    pub fn leave_checksums(&mut self, leaves_checksums: bool) -> bool {
        match &mut self.backend {
            Backend::Tun(tun) => {
                tun.leave_checksums(leaves_checksums);
                leaves_checksums
            }
            Backend::StandIn(_) => false,
        }
    }

    /// What is on.
    pub fn offloads(&self) -> TunnelOffloads {
        match &self.backend {
            Backend::Tun(tun) => tun.offloads(),
            Backend::StandIn(_) => TunnelOffloads::default(),
        }
    }

    /// Appends the packets that wait, as far as they fit; gives how many.
    pub fn read_batch(&mut self, batch: &mut PacketBatch) -> io::Result<usize> {
        let before = batch.len();
        match &mut self.backend {
            Backend::Tun(tun) => tun.read_batch(batch)?,
            Backend::StandIn(stand_in) => stand_in.read_batch(batch)?,
        }
        Ok(batch.len() - before)
    }

    /// Whether parts of a piece that was read did not fit the batch: the next one gets them, though the descriptor may have
    /// nothing more to read.
    pub fn has_rest(&self) -> bool {
        match &self.backend {
            Backend::Tun(tun) => tun.has_rest(),
            Backend::StandIn(_) => false,
        }
    }

    /// Appends what the kernel hands over at once: a packet, or the parts of one piece, as far as they fit; the next call has
    /// the rest. Gives how many.
    pub fn read_next(&mut self, batch: &mut PacketBatch) -> io::Result<usize> {
        let before = batch.len();
        match &mut self.backend {
            Backend::Tun(tun) => tun.read_next(batch)?,
            Backend::StandIn(stand_in) => stand_in.read_next(batch)?,
        }
        Ok(batch.len() - before)
    }

    /// Packets and pieces that were read and could not be handed on, since this was last asked: too long for the batch, or of a
    /// form that is not understood.
    pub fn take_unreadable(&mut self) -> u64 {
        match &mut self.backend {
            Backend::Tun(tun) => tun.take_unreadable(),
            Backend::StandIn(stand_in) => stand_in.take_unreadable(),
        }
    }

    /// Hands a whole batch to the kernel, as if its packets had arrived on the link.
    pub fn write_batch(&mut self, batch: &PacketBatch) -> Written {
        // A batch has far fewer packets than 32 bits count.
        self.write(batch, 0..batch.len() as u32)
    }

    /// Hands one packet to the kernel; gives whether it took it.
    pub fn write_packet(&mut self, packet: &[u8]) -> bool {
        match &mut self.backend {
            Backend::Tun(tun) => tun.write_packet(packet).is_ok(),
            Backend::StandIn(stand_in) => stand_in.write(packet).is_ok(),
        }
    }

    /// Hands packets of a batch to the kernel, in their order within each flow, as if they had
    /// arrived on the link. TUN takes packets whose checksums were left out.
    pub fn write(
        &mut self,
        batch: &PacketBatch,
        packets: impl IntoIterator<Item = u32>,
    ) -> Written {
        match &mut self.backend {
            Backend::Tun(tun) => tun.write(batch, packets.into_iter()),
            Backend::StandIn(stand_in) => {
                let mut written = Written::default();
                for packet in packets {
                    written.count(1, stand_in.write(batch.packet(packet as usize)).is_ok());
                }
                written
            }
        }
    }
}

impl Written {
    /// Counts packets that the kernel took, or did not.
    pub(crate) fn count(&mut self, packets: usize, taken: bool) {
        *(if taken { &mut self.packets } else { &mut self.dropped }) += packets;
    }
}

impl AsFd for TunnelDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.backend {
            Backend::Tun(tun) => tun.as_fd(),
            Backend::StandIn(stand_in) => stand_in.as_fd(),
        }
    }
}

impl AsRawFd for TunnelDevice {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

/// The alias that marks a tunnel link.
pub(crate) fn alias(mark: &str, kind: TunnelKind) -> String {
    match kind {
        TunnelKind::Tun => mark.to_owned(),
        TunnelKind::StandIn => format!("{mark}{STAND_IN_WORD}"),
    }
}

/// Whether a marked link is a tunnel of either kind.
pub(crate) fn is_tunnel(link: &ObservedLink) -> bool {
    let stand_in = link.alias.as_deref().is_some_and(|alias| alias.ends_with(STAND_IN_WORD));
    stand_in || link.kind.as_deref() == Some("tun")
}
