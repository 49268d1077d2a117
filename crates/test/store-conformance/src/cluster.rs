//! A real etcd of several members on loopback ports, in a folder of its own; members are killed and started again.

use anyhow::{Context as _, bail, ensure};
use netloom_store::{Backend as _, EtcdBackend, EtcdSettings, EtcdTls};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The program.
pub const PROGRAM: &str = "etcd";
/// Folders of programs that are not on every user's path.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
/// How long members may take to find each other.
const READY: Duration = Duration::from_secs(60);
/// How often ports are drawn anew: others may take one between drawing and use.
const STARTS_MAX: u32 = 5;

/// Where etcd is installed, if it is.
#[must_use]
pub fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SYSTEM_FOLDERS.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(PROGRAM)).find(|program| program.is_file())
}

/// How members are started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Files of certificates that members and clients show each other.
    pub tls: Option<TlsFiles>,
    /// More arguments.
    pub arguments: Vec<String>,
}

/// Files, all PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The authority's certificate.
    pub authority: PathBuf,
    /// The members' certificate and key, for `127.0.0.1`.
    pub server: (PathBuf, PathBuf),
    /// The clients' certificate and key.
    pub client: (PathBuf, PathBuf),
}

/// A real etcd. Dropped, its members are killed and its folder is removed.
#[derive(Debug)]
pub struct Cluster {
    program: PathBuf,
    folder: PathBuf,
    options: Options,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    client_port: u16,
    peer_port: u16,
    child: Option<Child>,
}

impl Cluster {
    /// Starts so many members in a folder that this makes, and waits until they answer.
    ///
    /// # Errors
    /// etcd is not installed, or does not come up.
    pub fn start(folder: &Path, members: usize, options: Options) -> anyhow::Result<Self> {
        let program = installed().context("etcd is not installed; Debian package etcd-server")?;
        let mut last = None;
        for _ in 0..STARTS_MAX {
            std::fs::create_dir_all(folder)?;
            let members = (0..members).map(|_| Member::new()).collect::<anyhow::Result<_>>()?;
            let (program, folder) = (program.clone(), folder.to_owned());
            let mut cluster = Self { program, folder, options: options.clone(), members };
            match cluster.start_all() {
                Ok(()) => return Ok(cluster),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("etcd was not started")))
    }

    fn start_all(&mut self) -> anyhow::Result<()> {
        (0..self.members.len()).try_for_each(|index| self.spawn(index))?;
        self.wait_until_ready()
    }

    /// URLs of all members.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        let scheme = self.scheme();
        self.members.iter().map(|one| format!("{scheme}://127.0.0.1:{}", one.client_port)).collect()
    }

    fn scheme(&self) -> &'static str {
        if self.options.tls.is_some() { "https" } else { "http" }
    }

    /// How a store of a fabric is reached.
    ///
    /// # Errors
    /// The certificates cannot be read.
    pub fn settings(&self, fabric: u128) -> anyhow::Result<EtcdSettings> {
        let mut settings = EtcdSettings::new(self.endpoints(), fabric);
        if let Some(files) = &self.options.tls {
            let (certificate, key) = &files.client;
            settings.tls = Some(EtcdTls {
                authorities: std::fs::read(&files.authority)?,
                client: Some((std::fs::read(certificate)?, std::fs::read(key)?)),
            });
        }
        Ok(settings)
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Kills a member at once (SIGKILL).
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&mut self, index: usize) -> anyhow::Result<()> {
        let member = self.members.get_mut(index).context("there is no such member")?;
        let mut child = member.child.take().context("it does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Starts a member that was killed, with what it had stored.
    ///
    /// # Errors
    /// It runs, or cannot be started.
    pub fn restart(&mut self, index: usize) -> anyhow::Result<()> {
        ensure!(self.members.get(index).is_some_and(|one| one.child.is_none()), "it runs");
        self.spawn(index)
    }

    /// Waits until most members answer.
    ///
    /// # Errors
    /// They do not, or one has ended.
    pub fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let start = Instant::now();
        let mut settings = self.settings(0)?;
        settings.patience = Duration::from_secs(1);
        let backend = EtcdBackend::new(settings)?;
        loop {
            for (index, member) in self.members.iter_mut().enumerate() {
                if let Some(status) = member.child.as_mut().and_then(|one| one.try_wait().ok()?) {
                    bail!("member {index} ended ({status}): {}", self.log(index));
                }
            }
            match backend.read_head() {
                Ok(_) => return Ok(()),
                Err(error) if start.elapsed() > READY => return Err(error.into()),
                Err(_) => {}
            }
        }
    }

    /// The member that leads, if there is one that says so.
    #[must_use]
    pub fn leader(&self) -> Option<usize> {
        let leads = |member: &Member| {
            let answer = status(member.client_port).ok()?;
            let own = field(&answer, "member_id")?;
            (field(&answer, "leader")? == own).then_some(())
        };
        self.members.iter().position(|member| member.child.is_some() && leads(member).is_some())
    }

    fn spawn(&mut self, index: usize) -> anyhow::Result<()> {
        let mut command = Command::new(&self.program);
        command.args(self.arguments(index)).args(&self.options.arguments);
        let log = File::options().create(true).append(true).open(self.log_path(index))?;
        // Its settings can be given by variables too.
        command.env_clear().stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().context("etcd cannot be run")?;
        self.members[index].child = Some(child);
        Ok(())
    }

    fn arguments(&self, index: usize) -> Vec<String> {
        let scheme = self.scheme();
        let url = |port: u16| format!("{scheme}://127.0.0.1:{port}");
        let names = self.members.iter().enumerate();
        let names: Vec<String> =
            names.map(|(index, one)| format!("m{index}={}", url(one.peer_port))).collect();
        let member = &self.members[index];
        let data = self.folder.join(format!("m{index}"));
        let mut arguments = vec![
            format!("--name=m{index}"),
            format!("--data-dir={}", data.display()),
            format!("--listen-client-urls={}", url(member.client_port)),
            format!("--advertise-client-urls={}", url(member.client_port)),
            format!("--listen-peer-urls={}", url(member.peer_port)),
            format!("--initial-advertise-peer-urls={}", url(member.peer_port)),
            format!("--initial-cluster={}", names.join(",")),
            "--logger=zap".to_owned(),
            "--log-level=warn".to_owned(),
            "--auto-compaction-mode=revision".to_owned(),
            "--auto-compaction-retention=1000".to_owned(),
        ];
        if let Some(files) = &self.options.tls {
            let (certificate, key) = &files.server;
            for side in ["", "peer-"] {
                arguments.push(format!("--{side}cert-file={}", certificate.display()));
                arguments.push(format!("--{side}key-file={}", key.display()));
                arguments.push(format!("--{side}trusted-ca-file={}", files.authority.display()));
                arguments.push(format!("--{side}client-cert-auth"));
            }
        }
        arguments
    }

    fn log_path(&self, index: usize) -> PathBuf {
        self.folder.join(format!("m{index}.log"))
    }

    /// What a member said last.
    fn log(&self, index: usize) -> String {
        let text = std::fs::read_to_string(self.log_path(index)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(3)..].join(" | ")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.members.iter_mut().filter_map(|member| member.child.as_mut()) {
            // One that has ended is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Member {
    fn new() -> anyhow::Result<Self> {
        // Held together, so that they differ.
        let (client, peer) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        let (client_port, peer_port) = (client.local_addr()?.port(), peer.local_addr()?.port());
        Ok(Self { client_port, peer_port, child: None })
    }
}

/// A member's own word on who leads.
fn status(port: u16) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let request = "POST /v3/maintenance/status HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\n\
                   Content-Length: 2\r\n\r\n{}";
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A number that stands as a string in JSON.
fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = answer.split_once(&format!("\"{name}\":\""))?;
    Some(rest.split_once('"')?.0)
}
