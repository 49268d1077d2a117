//! TUN (`Documentation/networking/tuntap.rst`): packets behind a header that says what is left to a device.
//!
//! With offloads on, the kernel hands over TCP and UDP payload of up to 64 KiB as one packet, which is
//! split here as a device would, and takes such packets, which are put together here. Without, each
//! packet is one.

use super::{TunnelError, Written};
use crate::namespace::NamespaceHandle;
use crate::system;
use netloom_base::PacketBatch;
use netloom_base::coalesce::{Coalescer, HEADER_BYTES_MAX, RUN_PACKETS_MAX, Run};
use netloom_base::offload::{
    LARGE_PACKET_BYTES_MAX, OFFLOAD_HEADER_BYTES, OffloadHeader, Splitter, checksum_place,
    complete_checksum,
};
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;

const DEVICE: &str = "/dev/net/tun";
/// `TUNSETOFFLOAD` (`linux/if_tun.h`): `_IOW('T', 208, unsigned int)`.
const SET_OFFLOADS: libc::Ioctl = 0x4004_54d0;
/// `TUNGETDEVNETNS`.
const GET_NAMESPACE: libc::Ioctl = 0x54e3;
/// Checksums and TCP of both IP versions; UDP of both, from Linux 6.2 on.
const OFFLOADS_TCP: libc::c_uint = 0x01 | 0x02 | 0x04;
const OFFLOADS_UDP: libc::c_uint = 0x20 | 0x40;

/// What a device takes and gives in one piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TunnelOffloads {
    /// TCP segments of one stream (TSO, GRO).
    pub tcp: bool,
    /// UDP datagrams of one flow (USO).
    pub udp: bool,
}

/// The engine side of a TUN device.
#[derive(Debug)]
pub(super) struct Tun {
    file: File,
    offloads: TunnelOffloads,
    leaves_checksums: bool,
    /// The packet that was read last, behind its header.
    staged: Box<[u8]>,
    /// What of it is left to be split, and its length.
    splitting: Option<(Splitter, usize)>,
    /// Packets that were read and cannot be handed on.
    unreadable: u64,
    coalescer: Coalescer,
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
            Ok(Self::over(file, TunnelOffloads::default(), false))
        })?
    }

    fn over(file: File, offloads: TunnelOffloads, leaves_checksums: bool) -> Self {
        Self {
            file,
            offloads,
            leaves_checksums,
            staged: vec![0; OFFLOAD_HEADER_BYTES + LARGE_PACKET_BYTES_MAX].into_boxed_slice(),
            splitting: None,
            unreadable: 0,
            coalescer: Coalescer::new(offloads.udp),
        }
    }

    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self::over(self.file.try_clone()?, self.offloads, self.leaves_checksums))
    }

    /// Where the link is, and what it is called there.
    pub(super) fn place(&self) -> io::Result<(NamespaceHandle, String)> {
        // SAFETY: this request has no argument and gives a descriptor.
        let fd = unsafe { libc::ioctl(self.file.as_raw_fd(), GET_NAMESPACE, 0) };
        let namespace = NamespaceHandle::of_fd(system::owned(fd)?)?;
        let mut request = system::interface_request("");
        // SAFETY: the argument of this request is an `ifreq`, which lives through the call.
        system::check(unsafe {
            libc::ioctl(self.file.as_raw_fd(), libc::TUNGETIFF, &mut request)
        })?;
        let name = request.ifr_name.iter().take_while(|byte| **byte != 0);
        let name: Vec<u8> = name.map(|byte| byte.cast_unsigned()).collect();
        Ok((namespace, String::from_utf8_lossy(&name).into_owned()))
    }

    /// Asks for these offloads, and fewer where the kernel has not all of them; gives those that are on.
    pub(super) fn set_offloads(&mut self, wanted: TunnelOffloads) -> TunnelOffloads {
        let less = TunnelOffloads { udp: false, ..wanted };
        for offloads in [wanted, less, TunnelOffloads::default()] {
            let tcp = if offloads.tcp { OFFLOADS_TCP } else { 0 };
            let udp = if offloads.udp && offloads.tcp { OFFLOADS_UDP } else { 0 };
            // SAFETY: the argument of this request is a number, not a pointer.
            let result = unsafe {
                libc::ioctl(self.file.as_raw_fd(), SET_OFFLOADS, libc::c_ulong::from(tcp | udp))
            };
            if system::check(result).is_ok() {
                self.offloads = TunnelOffloads { tcp: tcp != 0, udp: udp != 0 };
                break;
            }
        }
        self.coalescer = Coalescer::new(self.offloads.udp);
        self.offloads
    }

    pub(super) fn offloads(&self) -> TunnelOffloads {
        self.offloads
    }

    pub(super) fn leave_checksums(&mut self, leaves_checksums: bool) {
        self.leaves_checksums = leaves_checksums;
    }

    /// Appends the packets that wait, as far as they fit.
    pub(super) fn read_batch(&mut self, batch: &mut PacketBatch) -> io::Result<()> {
        while !batch.is_full() {
            if self.splitting.is_none() {
                match self.read_one(batch) {
                    Ok(()) => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                }
            }
            self.split_into(batch);
        }
        Ok(())
    }

    pub(super) fn take_unreadable(&mut self) -> u64 {
        std::mem::take(&mut self.unreadable)
    }

    pub(super) fn has_rest(&self) -> bool {
        self.splitting.is_some()
    }

    /// Appends one packet, or the parts of one piece as far as they fit; what is left of it, before another.
    pub(super) fn read_next(&mut self, batch: &mut PacketBatch) -> io::Result<()> {
        let before = batch.len();
        // What was no packet, or did not fit, is passed over.
        while batch.len() == before && !batch.is_full() {
            if self.splitting.is_none() {
                match self.read_one(batch) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            self.split_into(batch);
        }
        Ok(())
    }

    /// Cuts the piece that was read, as far as its parts fit.
    fn split_into(&mut self, batch: &mut PacketBatch) {
        while let Some((splitter, length)) = &mut self.splitting {
            let packet = &self.staged[OFFLOAD_HEADER_BYTES..][..*length];
            let Some(slot) = batch.spare() else { return };
            match splitter.next(packet, slot) {
                Some(length) => {
                    batch.commit(length);
                    batch.set_partial(batch.len() - 1, splitter.leaves_checksums());
                }
                None => self.splitting = None,
            }
        }
    }

    /// Reads what the kernel has: a packet for the batch, or one that is to be split.
    fn read_one(&mut self, batch: &mut PacketBatch) -> io::Result<()> {
        let read = (&self.file).read(&mut self.staged)?;
        if self.stage(read, batch).is_none() {
            self.unreadable += 1;
        }
        Ok(())
    }

    /// Takes what was read: a packet for the batch, or one that is to be split. `None` for what was not asked for, what makes
    /// no sense, and what does not fit.
    fn stage(&mut self, read: usize, batch: &mut PacketBatch) -> Option<()> {
        let (header, packet) =
            self.staged[..read].split_first_chunk_mut::<OFFLOAD_HEADER_BYTES>()?;
        let said = OffloadHeader::read(header)?;
        if said.segments.is_some() {
            let splitter = Splitter::new(&said, packet)?.leaving_checksums(self.leaves_checksums);
            let fits = splitter.part_bytes_max() <= batch.packet_bytes_max();
            self.splitting = fits.then_some((splitter, packet.len()));
            return fits.then_some(());
        }
        let is_left_out = self.leaves_checksums
            && said.checksum.is_some()
            && said.checksum == checksum_place(packet);
        if !is_left_out && said.checksum.is_some_and(|place| !complete_checksum(packet, place)) {
            return None;
        }
        let is_taken = batch.push(packet);
        if is_taken && is_left_out {
            batch.set_partial(batch.len() - 1, true);
        }
        is_taken.then_some(())
    }

    pub(super) fn write_packet(&self, packet: &[u8]) -> io::Result<()> {
        write_packet(&self.file, OffloadHeader::default(), packet)
    }

    /// Hands packets of a batch to the kernel, flow by flow where it takes them so.
    pub(super) fn write(
        &mut self,
        batch: &PacketBatch,
        packets: impl Iterator<Item = u32>,
    ) -> Written {
        let mut written = Written::default();
        if !self.offloads.tcp {
            for packet in packets {
                written.count(1, write_alone(&self.file, batch, packet).is_ok());
            }
            return written;
        }
        self.coalescer.clear();
        for packet in packets {
            let is_partial = batch.is_partial(packet as usize);
            self.coalescer.add(packet, batch.packet(packet as usize), is_partial);
        }
        for run in self.coalescer.runs() {
            match write_run(&self.file, run, batch) {
                // A kernel that does not take what it has agreed to: one by one, as on any wire.
                Err(error) if run.packets().len() > 1 && is_refusal(&error) => {
                    for packet in run.packets() {
                        written.count(1, write_alone(&self.file, batch, *packet).is_ok());
                    }
                }
                result => written.count(run.packets().len(), result.is_ok()),
            }
        }
        written
    }
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EMSGSIZE | libc::EOPNOTSUPP))
}

/// Writes one packet of a batch. A checksum that was left out is the kernel's to put in.
fn write_alone(file: &File, batch: &PacketBatch, index: u32) -> io::Result<()> {
    let (packet, is_partial) = (batch.packet(index as usize), batch.is_partial(index as usize));
    let checksum = if is_partial { checksum_place(packet) } else { None };
    write_packet(file, OffloadHeader { checksum, ..OffloadHeader::default() }, packet)
}

fn write_packet(mut file: &File, said: OffloadHeader, packet: &[u8]) -> io::Result<()> {
    let is_ipv6 = packet.first().is_some_and(|byte| byte >> 4 == 6);
    let header = said.write(is_ipv6);
    file.write_vectored(&[IoSlice::new(&header), IoSlice::new(packet)]).map(drop)
}

/// Writes a run as one packet: a header of its own, and the payloads where they are.
fn write_run(mut file: &File, run: &Run, batch: &PacketBatch) -> io::Result<()> {
    let mut headers = [0; HEADER_BYTES_MAX];
    let (said, is_ipv6) = run.header(&mut headers);
    if let [packet] = run.packets() {
        return write_packet(file, said, batch.packet(*packet as usize));
    }
    let offload = said.write(is_ipv6);
    let mut slices = [IoSlice::new(&[]); RUN_PACKETS_MAX + 2];
    slices[0] = IoSlice::new(&offload);
    slices[1] = IoSlice::new(&headers[..run.header_bytes()]);
    for (slice, packet) in slices[2..].iter_mut().zip(run.packets()) {
        *slice = IoSlice::new(&batch.packet(*packet as usize)[run.header_bytes()..]);
    }
    file.write_vectored(&slices[..run.packets().len() + 2]).map(drop)
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn attach(file: &File, name: &str) -> io::Result<()> {
    let mut request = system::interface_request(name);
    // The flags fit the field by definition of the interface.
    request.ifr_ifru.ifru_flags =
        (libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as libc::c_short;
    // SAFETY: `request` is a whole `struct ifreq` and lives through the call.
    system::check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &mut request) }).map(drop)
}
