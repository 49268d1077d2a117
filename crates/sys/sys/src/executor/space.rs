//! One namespace as the executor uses it: its handle and its netlink sockets, kept open.

use super::{Cause, Executor};
use crate::namespace::NamespaceHandle;
use crate::netlink::{NetlinkSocket, Protocol};
use crate::route::{self, LinkIndex};
use netloom_state::Namespace;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Handle and sockets of one namespace.
#[derive(Debug)]
pub(super) struct Space {
    handle: NamespaceHandle,
    route: NetlinkSocket,
    /// Owns the namespace's tables, so it lives as long as the executor.
    netfilter: Option<NetlinkSocket>,
}

impl Space {
    fn open(handle: NamespaceHandle) -> Result<Self, Cause> {
        let route = handle.run(|| NetlinkSocket::open(Protocol::Route))??;
        Ok(Self { handle, route, netfilter: None })
    }

    pub(super) fn handle(&self) -> &NamespaceHandle {
        &self.handle
    }

    pub(super) fn route(&mut self) -> &mut NetlinkSocket {
        &mut self.route
    }

    pub(super) fn netfilter(&mut self) -> Result<&mut NetlinkSocket, Cause> {
        match &mut self.netfilter {
            Some(socket) => Ok(socket),
            empty @ None => {
                let socket = self.handle.run(|| NetlinkSocket::open(Protocol::Netfilter))??;
                Ok(empty.insert(socket))
            }
        }
    }

    /// The ports of its sockets.
    pub(super) fn ports(&self) -> impl Iterator<Item = u32> {
        let sockets = [Some(&self.route), self.netfilter.as_ref()];
        sockets.into_iter().flatten().filter_map(|socket| socket.port().ok())
    }

    /// The index of a link that must be there.
    pub(super) fn index(&mut self, link: &str) -> Result<LinkIndex, Cause> {
        let found = route::find_link(&mut self.route, link)?;
        found.map(|found| found.index).ok_or_else(|| Cause::NoSuchLink { link: link.to_owned() })
    }

    /// Reads a sysctl; `None` if it does not exist.
    pub(super) fn sysctl(&self, key: &str) -> Result<Option<String>, Cause> {
        let path = sysctl_path(key)?;
        match self.handle.run(|| std::fs::read_to_string(&path))? {
            Ok(value) => Ok(Some(value.split_whitespace().collect::<Vec<_>>().join(" "))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Cause::Sysctl { key: key.to_owned(), source }),
        }
    }

    /// Whether one of these has another value; what cannot be read has none.
    pub(super) fn differs_from(&self, wanted: &BTreeMap<String, String>) -> bool {
        let differs = |(key, wanted): (&String, &String)| {
            let value = sysctl_path(key).ok().and_then(|path| std::fs::read_to_string(path).ok());
            value.is_some_and(|value| !value.split_whitespace().eq(wanted.split_whitespace()))
        };
        self.handle.run(|| wanted.iter().any(differs)).unwrap_or(false)
    }

    pub(super) fn set_sysctl(&self, key: &str, value: &str) -> Result<(), Cause> {
        let path = sysctl_path(key)?;
        let written = self.handle.run(|| std::fs::write(&path, value))?;
        written.map_err(|source| Cause::Sysctl { key: key.to_owned(), source })
    }
}

/// The file of a sysctl that belongs to network namespaces.
fn sysctl_path(key: &str) -> Result<PathBuf, Cause> {
    let path = Path::new(key);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    if plain && path.starts_with("net") {
        Ok(Path::new("/proc/sys").join(path))
    } else {
        Err(Cause::SysctlScope { key: key.to_owned() })
    }
}

impl Executor {
    /// The sockets of a namespace, opened when first needed.
    pub(super) fn space(&mut self, namespace: &Namespace) -> Result<&mut Space, Cause> {
        if !self.spaces.contains_key(namespace) {
            let handle = match namespace {
                Namespace::Host => self.host.try_clone()?,
                Namespace::Own(name) => self.registry.open(name)?,
                Namespace::Path(path) => NamespaceHandle::open(Path::new(path))?,
            };
            self.spaces.insert(namespace.clone(), Space::open(handle)?);
        }
        Ok(self.spaces.get_mut(namespace).expect("just inserted"))
    }

    /// Closes the sockets of namespaces that another one has replaced under the same name.
    pub(super) fn forget_stale_spaces(&mut self) {
        let registry = &self.registry;
        self.spaces.retain(|namespace, space| match namespace {
            Namespace::Host => true,
            Namespace::Own(name) => registry.path(name).is_ok_and(|path| space.handle.is_at(&path)),
            Namespace::Path(path) => space.handle.is_at(Path::new(path)),
        });
    }
}
