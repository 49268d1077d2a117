//! The interface's link as the kernel has it: whether it is there, whether it is up, and its MTU.

use anyhow::Context as _;
use netloom_node::limits::MTU_BYTES_MIN;
use netloom_sys::monitor::{Buffer, Monitor};
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::netlink::{NetlinkSocket, Protocol};
use netloom_sys::poll::{Interest, PollSet};
use netloom_sys::route::{
    ObservedLink, configure_link, find_link, find_link_at, set_linklocal_generation,
};
use netloom_sys::tunnel::TunnelDevice;

/// How the link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinkState {
    /// Whether it carries packets.
    pub(super) is_up: bool,
    /// Its largest packet, as far as a tunnel can follow.
    pub(super) mtu_bytes: usize,
}

/// Where a link is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// In this namespace, where changes of it are heard of.
    Here(LinkState),
    /// In another one. No socket is kept there: it would keep the namespace of a container that has ended.
    Elsewhere(LinkState),
    /// Where it cannot be looked at; or it is gone.
    Lost,
}

/// What finds a device's link.
#[derive(Debug)]
pub(super) struct Link {
    /// This namespace.
    home: (u64, u64),
    index: u32,
    netlink: NetlinkSocket,
    monitor: Monitor,
    buffer: Buffer,
}

impl Link {
    /// Watches the link called `name`, whose largest packet shall have `mtu_bytes`.
    pub(super) fn set_up(
        home: &NamespaceHandle,
        name: &str,
        mtu_bytes: u32,
    ) -> anyhow::Result<(Self, LinkState)> {
        let monitor = Monitor::links().context("cannot hear of links")?;
        let mut netlink =
            NetlinkSocket::open(Protocol::Route).context("cannot reach the kernel")?;
        configure_link(&mut netlink, name, mtu_bytes, None)
            .with_context(|| format!("cannot set the MTU of {name}"))?;
        without_linklocal(&mut netlink, name);
        let found = find_link(&mut netlink, name)?;
        let found = found.with_context(|| format!("{name} is gone already"))?;
        let (home, index, buffer) = (home.identity(), found.index, Buffer::default());
        Ok((Self { home, index, netlink, monitor, buffer }, state(&found)))
    }

    /// Adds what is readable when a link of this namespace has changed.
    pub(super) fn watch<'a>(&'a self, set: &mut PollSet<'a>) -> Vec<usize> {
        self.monitor.descriptors().map(|fd| set.add(fd, Interest::Read)).collect()
    }

    /// Looks at the device's link, whatever it is called by now and wherever it has been moved.
    pub(super) fn look(&mut self, device: &TunnelDevice) -> anyhow::Result<Sight> {
        self.monitor.read(&mut self.buffer);
        let found = match device.place() {
            Ok((namespace, name)) if namespace.identity() != self.home => {
                let found = namespace.run(|| {
                    let mut netlink = NetlinkSocket::open(Protocol::Route).ok()?;
                    let found = find_link(&mut netlink, &name).ok()?;
                    // Where it has come to, the kernel begins anew with it.
                    if found.as_ref().is_some_and(|found| !found.up) {
                        without_linklocal(&mut netlink, &name);
                    }
                    found
                });
                // Who has CAP_NET_ADMIN alone cannot go there.
                let found = found.ok().flatten();
                return Ok(found.map_or(Sight::Lost, |found| Sight::Elsewhere(state(&found))));
            }
            Ok((_, name)) => find_link(&mut self.netlink, &name)?,
            // An older kernel, which does not say it.
            Err(_) => find_link_at(&mut self.netlink, self.index)?,
        };
        Ok(found.map_or(Sight::Lost, |found| Sight::Here(state(&found))))
    }
}

/// Keeps the kernel from giving the link an address that nobody has asked for, as on links of its own WireGuard: `wg-quick
/// save` would write it into the file. A host without IPv6 has none to give, and refuses.
fn without_linklocal(netlink: &mut NetlinkSocket, name: &str) {
    let _ = set_linklocal_generation(netlink, name);
}

/// An interface of a smaller MTU than a tunnel's smallest one hands over no larger packets anyway.
fn state(link: &ObservedLink) -> LinkState {
    let mtu_bytes = (link.mtu_bytes as usize).clamp(MTU_BYTES_MIN, usize::from(u16::MAX));
    LinkState { is_up: link.up, mtu_bytes }
}
