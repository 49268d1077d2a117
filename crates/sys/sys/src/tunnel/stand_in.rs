//! A veth pair in place of TUN: one end is the named device, the other a packet socket.
//!
//! The far end lives in a namespace without a name that only the socket holds, so that the pair
//! vanishes with the socket, and nobody else can see or disturb it.

use super::TunnelError;
use crate::namespace::{self, NamespaceHandle};
use crate::netlink::{NetlinkSocket, Protocol};
use crate::{route, system};
use netloom_base::PacketBatch;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

/// Address of the named device, of the locally administered range; the pair has no other member,
/// so that every pair may use the same.
const MAC: [u8; 6] = [0x02, 0x6e, 0x6c, 0x00, 0x00, 0x01];
/// Name of the far end, alone in its namespace.
const FAR_LINK: &str = "engine";
/// A veth drops what exceeds the other end's limit, so the far end has the highest.
const FAR_MTU_BYTES: u32 = 65_535;
/// Asked for, as far as `net.core.rmem_max` allows: packets wait here while the engine works.
const RECEIVE_BUFFER_BYTES: i32 = 4 << 20;
/// Offloads by which the kernel would hand over packets that are not complete: their `ethtool`
/// commands (`ETHTOOL_STXCSUM`, `ETHTOOL_SSG`, `ETHTOOL_STSO`, `ETHTOOL_SGSO`, `ETHTOOL_SGRO`).
const OFFLOADS: [u32; 5] = [0x17, 0x19, 0x1f, 0x24, 0x2c];

/// The engine side of the pair.
#[derive(Debug)]
pub(super) struct StandIn {
    socket: OwnedFd,
    far_index: u32,
    /// Packets that were longer than there is room for.
    unreadable: u64,
}

/// `struct ethtool_value`.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

impl StandIn {
    pub(super) fn create(namespace: &NamespaceHandle, name: &str) -> Result<Self, TunnelError> {
        let failed =
            |step| move |source| TunnelError::StandIn { name: name.to_owned(), step, source };
        let far = namespace::anonymous()?;
        // Without IPv6 the far end emits nothing of its own.
        far.run(disable_ipv6)?;
        namespace.run(|| {
            let mut socket = NetlinkSocket::open(Protocol::Route)?;
            route::create_veth(&mut socket, name, FAR_LINK, far.as_fd())?;
            route::configure_link(&mut socket, name, 1500, Some(MAC))?;
            route::set_link_noarp(&mut socket, name)?;
            disable_offloads(name).map_err(failed("switch offloads off"))
        })??;
        far.run(|| {
            let mut socket = NetlinkSocket::open(Protocol::Route)?;
            route::configure_link(&mut socket, FAR_LINK, FAR_MTU_BYTES, None)?;
            route::set_link_up(&mut socket, FAR_LINK, true)?;
            let link = route::find_link(&mut socket, FAR_LINK)?;
            let far_index = link.map_or(0, |link| link.index);
            let socket = open_socket(far_index).map_err(failed("packet socket"))?;
            Ok(Self { socket, far_index, unreadable: 0 })
        })?
    }

    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { socket: self.socket.try_clone()?, far_index: self.far_index, unreadable: 0 })
    }

    pub(super) fn take_unreadable(&mut self) -> u64 {
        std::mem::take(&mut self.unreadable)
    }

    /// Appends the packets that wait, as far as they fit.
    pub(super) fn read_batch(&mut self, batch: &mut PacketBatch) -> io::Result<()> {
        loop {
            let before = batch.len();
            self.read_next(batch)?;
            if batch.len() == before {
                return Ok(());
            }
        }
    }

    /// Appends one packet, if there is one and room for it.
    pub(super) fn read_next(&mut self, batch: &mut PacketBatch) -> io::Result<()> {
        while let Some(slot) = batch.spare() {
            match self.read(slot) {
                Ok(Some(length)) if length <= slot.len() => {
                    batch.commit(length);
                    break;
                }
                Ok(Some(_)) => self.unreadable += 1,
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads one packet, as far as it fits, and gives its length; `None` for a frame that is no IP packet.
    fn read(&self, slot: &mut [u8]) -> io::Result<Option<usize>> {
        let mut sender: libc::sockaddr_ll = system::zeroed();
        let mut sender_bytes = system::length_of::<libc::sockaddr_ll>();
        // SAFETY: slot and address live through the call, and their lengths are passed.
        let length = system::check_count(unsafe {
            libc::recvfrom(
                self.socket.as_raw_fd(),
                slot.as_mut_ptr().cast(),
                slot.len(),
                libc::MSG_TRUNC,
                std::ptr::from_mut(&mut sender).cast(),
                &mut sender_bytes,
            )
        })?;
        let protocol = i32::from(u16::from_be(sender.sll_protocol));
        let ip = matches!(protocol, libc::ETH_P_IP | libc::ETH_P_IPV6);
        Ok(ip.then_some(length))
    }

    pub(super) fn write(&self, packet: &[u8]) -> io::Result<()> {
        let protocol = match packet.first().map(|byte| byte >> 4) {
            Some(4) => libc::ETH_P_IP,
            Some(6) => libc::ETH_P_IPV6,
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let mut target = link_address(self.far_index, protocol);
        target.sll_halen = 6;
        target.sll_addr[..MAC.len()].copy_from_slice(&MAC);
        // SAFETY: packet and address live through the call, and their lengths are passed.
        system::check_count(unsafe {
            libc::sendto(
                self.socket.as_raw_fd(),
                packet.as_ptr().cast(),
                packet.len(),
                0,
                std::ptr::from_ref(&target).cast(),
                system::length_of::<libc::sockaddr_ll>(),
            )
        })
        .map(drop)
    }
}

impl AsFd for StandIn {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn disable_ipv6() {
    // Kernels without IPv6 have no such file, and nothing to disable.
    for scope in ["all", "default"] {
        let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6"), "1");
    }
}

fn open_socket(index: u32) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_DGRAM | libc::SOCK_NONBLOCK;
    // Protocol 0 receives nothing until the socket is bound to its link.
    let socket = system::socket(libc::AF_PACKET, kind, 0)?;
    let _ = system::set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, &RECEIVE_BUFFER_BYTES);
    system::set_option(&socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1i32)?;
    let address = link_address(index, libc::ETH_P_ALL);
    system::bind(&socket, &address)?;
    Ok(socket)
}

/// The address of a link for packet sockets.
pub(crate) fn link_address(index: u32, protocol: i32) -> libc::sockaddr_ll {
    let mut address: libc::sockaddr_ll = system::zeroed();
    // Families and EtherTypes are 16 bits wide.
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (protocol as u16).to_be();
    address.sll_ifindex = index.cast_signed();
    address
}

fn disable_offloads(name: &str) -> io::Result<()> {
    let socket = system::socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    for command in OFFLOADS {
        let mut value = EthtoolValue { command, data: 0 };
        let mut request = system::interface_request(name);
        request.ifr_ifru.ifru_data = std::ptr::from_mut(&mut value).cast();
        // SAFETY: `request` names a link and points to `value`, and both live through the call.
        let result = unsafe {
            libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, std::ptr::from_mut(&mut request))
        };
        match system::check(result) {
            // An offload that cannot be switched is one that the device does not have.
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {}
            result => drop(result?),
        }
    }
    Ok(())
}
