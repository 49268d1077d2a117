//! The process that serves an interface: it hears who asks, what becomes of the link, and when to end.

use super::Wireguard;
use super::clients::Clients;
use super::link::{Link, LinkState, Sight};
use super::served::Served;
use crate::output;
use anyhow::{Context as _, bail, ensure};
use netloom_sys::folder_watch::FolderWatch;
use netloom_sys::namespace::NamespaceHandle;
use netloom_sys::poll::{Interest, PollSet};
use netloom_sys::process;
use netloom_sys::signal::SignalFd;
use netloom_sys::tunnel::{TunnelDevice, TunnelError, TunnelKind, TunnelPreference};
use netloom_sys::unix_socket;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often it is looked whether the interface and its socket are still there.
const LOOK: Duration = Duration::from_millis(500);
/// The same when sight of the link has just been lost: it may be gone.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// For how long that is looked for so often.
const CLEAR_AFTER: Duration = Duration::from_secs(1);
/// Longest wait for a process whose interface is gone to give up the socket.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait for a process whose socket is gone to give up the interface.
const FREE_TIMEOUT: Duration = Duration::from_secs(2);
/// Of a request this long, with some thousand peers, what it took in memory is given back.
const LONG_REQUEST_BYTES: usize = 100_000;

pub(super) struct Server {
    served: Served,
    socket: PathBuf,
    /// Tells when the socket is removed; none where the user has no watches left, and it is looked for now and then.
    folder: Option<FolderWatch>,
    listener: UnixListener,
    clients: Clients,
    /// One more handle of the tunnels' device.
    device: TunnelDevice,
    link: Link,
    /// Whether its link is in this namespace.
    is_here: bool,
    looked_at: Instant,
    /// When it was lost sight of.
    lost_at: Option<Instant>,
}

impl Server {
    pub(super) fn start(arguments: &Wireguard) -> anyhow::Result<Self> {
        let name = &arguments.interface;
        let here = NamespaceHandle::current().context("this network namespace")?;
        let device = make_device(&here, name, &socket_path(&arguments.sockets, name))?;
        let handle = device.try_clone().context("cannot serve the interface")?;
        let (link, link_state) = Link::set_up(&here, name, arguments.mtu)?;
        let (socket, listener) = listen(&arguments.sockets, name)?;
        Ok(Self {
            served: Served::start(arguments, device, link_state)?,
            folder: FolderWatch::new(&arguments.sockets).ok(),
            socket,
            listener,
            clients: Clients::default(),
            device: handle,
            link,
            is_here: true,
            looked_at: Instant::now(),
            lost_at: None,
        })
    }

    pub(super) fn serve(&mut self, signals: &SignalFd) -> anyhow::Result<ExitCode> {
        loop {
            let mut set = PollSet::new();
            let signal = set.add(signals.as_fd(), Interest::Read);
            let socket = self.clients.has_room();
            let socket = socket.then(|| set.add(self.listener.as_fd(), Interest::Read));
            let links = self.link.watch(&mut set);
            let clients = self.clients.watch(&mut set);
            let folder = self.folder.as_ref().map(|watch| set.add(watch.as_fd(), Interest::Read));
            let is_lost = self.lost_at.is_some_and(|at| at.elapsed() < CLEAR_AFTER);
            set.wait(Some(if is_lost { LOOK_AGAIN } else { LOOK })).context("cannot wait")?;
            let is_ready = |number: &usize| set.is_ready(*number);
            let ready: Vec<bool> = clients.iter().map(is_ready).collect();
            let has_caller = socket.as_ref().is_some_and(is_ready);
            if folder.as_ref().is_some_and(is_ready) {
                self.folder.iter().for_each(FolderWatch::clear);
            }
            let has_news = links.iter().any(is_ready);
            if is_ready(&signal) && signals.read()?.is_some() {
                return Ok(ExitCode::SUCCESS);
            }
            let is_due = !self.is_here && self.looked_at.elapsed() >= LOOK;
            if (has_news || is_due)
                && let Err(error) = self.follow_link()
            {
                output::error(&format!("{}: {}\n", self.served.name, output::chain(&error)));
            }
            if self.is_gone()? {
                bail!("the interface {} was removed", self.served.name);
            }
            self.answer(&ready);
            if has_caller && let Ok((stream, _)) = self.listener.accept() {
                // Who breaks off hears nothing.
                let _ = self.clients.add(stream);
            }
            if !self.socket.exists() {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }

    fn answer(&mut self, ready: &[bool]) {
        let mut clients = std::mem::take(&mut self.clients);
        let longest_bytes = clients.serve(ready, |text| self.served.reply(text));
        self.clients = clients;
        if longest_bytes >= LONG_REQUEST_BYTES {
            process::release_freed_memory();
        }
    }

    /// Takes over what has become of the link. Where it cannot be looked at, it is taken to be up.
    fn follow_link(&mut self) -> anyhow::Result<()> {
        self.looked_at = Instant::now();
        let sight = self.link.look(&self.device)?;
        self.is_here = matches!(sight, Sight::Here(_));
        let now = match sight {
            Sight::Here(now) | Sight::Elsewhere(now) => {
                self.lost_at = None;
                now
            }
            Sight::Lost => {
                self.lost_at.get_or_insert_with(Instant::now);
                LinkState { is_up: true, ..self.served.link_state() }
            }
        };
        self.served.set_link_state(now)
    }

    /// Whether the device is closed: `/sys` may be that of another namespace.
    fn is_gone(&self) -> anyhow::Result<bool> {
        let is_here = Path::new("/sys/class/net").join(&self.served.name).exists();
        Ok(!(self.is_here && is_here) && self.served.is_closed()?)
    }
}

fn socket_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.sock"))
}

/// Makes the interface's device. Who removes the socket of an interface ends the process that serves it; until that has
/// noticed, the name is taken.
fn make_device(
    here: &NamespaceHandle,
    name: &str,
    socket: &Path,
) -> Result<TunnelDevice, TunnelError> {
    let start = Instant::now();
    loop {
        let made = TunnelDevice::create(here, name, TunnelPreference::Only(TunnelKind::Tun));
        let is_about_to_be_free = made.as_ref().is_err_and(TunnelError::is_taken)
            && !socket.exists()
            && start.elapsed() < FREE_TIMEOUT;
        if !is_about_to_be_free {
            return made;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Listens at the socket of an interface.
fn listen(folder: &Path, name: &str) -> anyhow::Result<(PathBuf, UnixListener)> {
    let socket = socket_path(folder, name);
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}; run as root", folder.display()))?;
    // The name was free, so one that still serves it has lost its interface and is about to leave; in another namespace it
    // may have an interface of the same name, though.
    let start = Instant::now();
    while unix_socket::connect(&socket).is_ok() {
        ensure!(
            start.elapsed() < LEAVE_TIMEOUT,
            "another process serves {}: end it first, or give another folder by --sockets",
            socket.display()
        );
        std::thread::sleep(LOOK_AGAIN);
    }
    // Left over from one that was killed.
    let _ = std::fs::remove_file(&socket);
    let listener = unix_socket::bind(&socket)
        .with_context(|| format!("cannot listen at {}", socket.display()))?;
    listener.set_nonblocking(true).context("cannot listen")?;
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("cannot protect {}", socket.display()))?;
    Ok((socket, listener))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
    }
}
