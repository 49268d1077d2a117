//! The interface's link as the kernel has it: whether it is there, whether it is up, and its MTU.

use anyhow::Context as _;
use netloom_node::limits::MTU_BYTES_MIN;
use netloom_sys::monitor::{Buffer, Monitor};
use netloom_sys::netlink::{NetlinkSocket, Protocol};
use netloom_sys::poll::{Interest, PollSet};
use netloom_sys::route::{ObservedLink, configure_link, find_link, find_link_at};
use netloom_sys::tunnel::TunnelDevice;

/// How the link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkState {
    /// Whether it carries packets.
    pub(super) is_up: bool,
    /// Its largest packet, as far as a tunnel can follow.
    pub(super) mtu_bytes: usize,
}

/// A link that is watched.
#[derive(Debug)]
pub(super) struct Link {
    index: u32,
    netlink: NetlinkSocket,
    monitor: Monitor,
    buffer: Buffer,
}

impl Link {
    /// Watches the link called `name`, whose largest packet shall have `mtu_bytes`.
    pub(super) fn set_up(name: &str, mtu_bytes: u32) -> anyhow::Result<(Self, LinkState)> {
        let mut netlink =
            NetlinkSocket::open(Protocol::Route).context("cannot reach the kernel")?;
        configure_link(&mut netlink, name, mtu_bytes, None)
            .with_context(|| format!("cannot set the MTU of {name}"))?;
        Self::open(name)
    }

    /// Watches a device's link in the namespace that it has been moved to.
    pub(super) fn follow(device: &TunnelDevice) -> anyhow::Result<(Self, LinkState)> {
        let (namespace, name) = device.place().context("cannot find the link")?;
        namespace.run(|| Self::open(&name))?
    }

    fn open(name: &str) -> anyhow::Result<(Self, LinkState)> {
        let monitor = Monitor::links().context("cannot hear of links")?;
        let mut netlink =
            NetlinkSocket::open(Protocol::Route).context("cannot reach the kernel")?;
        let found = find_link(&mut netlink, name)?;
        let found = found.with_context(|| format!("{name} is gone already"))?;
        let state = state(&found);
        let link = Self { index: found.index, netlink, monitor, buffer: Buffer::default() };
        Ok((link, state))
    }

    /// Adds what is readable when a link has changed.
    pub(super) fn watch<'a>(&'a self, set: &mut PollSet<'a>) -> Vec<usize> {
        self.monitor.descriptors().map(|fd| set.add(fd, Interest::Read)).collect()
    }

    /// How the link is after a change; `None` if it is not in its namespace any more. A name may have become that of
    /// another link, the index not.
    pub(super) fn after_change(&mut self) -> anyhow::Result<Option<LinkState>> {
        self.monitor.read(&mut self.buffer);
        Ok(find_link_at(&mut self.netlink, self.index)?.as_ref().map(state))
    }
}

/// An interface of a smaller MTU than a tunnel's smallest one hands over no larger packets anyway.
fn state(link: &ObservedLink) -> LinkState {
    let mtu_bytes = (link.mtu_bytes as usize).clamp(MTU_BYTES_MIN, usize::from(u16::MAX));
    LinkState { is_up: link.up, mtu_bytes }
}
