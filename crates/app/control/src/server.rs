//! Control's process: listeners, and who is served by what.
//!
//! | where | who | what |
//! |---|---|---|
//! | TCP port, TLS, ALPN `netloom-control/1` | nodes with a certificate | the delta protocol |
//! | the same port, ALPN `http/1.1` | joiners; holders of access tokens | the API |
//! | the same port, ALPN `netloom-member/1` | other members of control | what nodes say here |
//! | Unix socket | root on this host | the API, as admin |
//! | TCP port on loopback, HTTP | browsers and programs on this host | API and dashboard |

use crate::admission::Admission;
use crate::certificate::{Acceptor, OwnCertificate};
use crate::exchange::{self, ALPN_MEMBER, Listener};
use crate::http::{Binding, Desk, Door, Events, Hosts, browser_router, router};
use crate::keys::ControlKeys;
use crate::office::Office;
use crate::record::MemberRecord;
use crate::session::{self, Caller, NodeDesk};
use crate::store_place;
use anyhow::Context as _;
use axum::Router;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use netloom_base::Seed;
use netloom_pki::tls::{binding, peer};
use netloom_pki::{Clock, Subject};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

/// The delta protocol's name in the handshake.
pub const ALPN_AGENT: &[u8] = b"netloom-control/1";
/// The API's name in the handshake.
pub const ALPN_HTTP: &[u8] = b"http/1.1";
/// How long an expired certificate is taken for getting a new one: a node may have been off.
const GRACE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Longest handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often control looks for what other members have committed.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(500);
/// How often the store is tidied up.
const GARBAGE_INTERVAL: Duration = Duration::from_secs(600);
/// How long commits are kept whole that are not the newest any more: other members may read them.
const GARBAGE_GRACE: Duration = Duration::from_secs(3600);

/// Where the dashboard answers.
#[derive(Debug)]
pub enum Dashboard {
    /// At an address of this host.
    At(SocketAddr),
    /// On a socket that listens already; it keeps the network namespace in which it was made.
    On(std::net::TcpListener),
}

/// How control is started.
#[derive(Debug)]
pub struct Options {
    /// Folder of the store and of control's keys.
    pub folder: PathBuf,
    /// The node that this member of control is on.
    pub member: String,
    /// The Unix socket of the API.
    pub socket: PathBuf,
    /// Where nodes connect to.
    pub listen: SocketAddr,
    /// Where browsers on this host connect to; nowhere if none.
    pub dashboard: Option<Dashboard>,
    /// Names besides this host's own, each `host:port`, under which browsers may call the dashboard.
    pub dashboard_hosts: Vec<String>,
    /// Where nodes reach control, each `host:port`; what tokens name.
    pub endpoints: Vec<String>,
}

/// Runs control until `stop` is done.
///
/// # Errors
/// The store cannot be opened, or a port is taken.
pub async fn run(
    options: Options,
    stop: impl Future<Output = ()>,
    ready: impl FnOnce(),
) -> anyhow::Result<()> {
    let keys = Arc::new(ControlKeys::read(&options.folder)?);
    let etcd = store_place::etcd(&options.folder)?;
    let store = store_place::open(&options.folder, keys.authority.fabric())?;
    // Sessions wake for commits only: what one node says of itself is nothing to a thousand others.
    let (version_sender, versions) = watch::channel(0);
    let (published_sender, published) = watch::channel(0);
    let notify = Box::new(move |version: u64| {
        version_sender.send_if_modified(|seen| std::mem::replace(seen, version) != version);
        published_sender.send_modify(|seen| *seen = version);
    });
    let signing = keys.signing.clone();
    let office = Arc::new(Office::open(store, Box::new(move |bytes| signing.sign(bytes)), notify)?);
    let own =
        |name: &str| OwnCertificate::issue(Arc::clone(&keys), name.to_owned(), Clock::system());
    let protocols = [ALPN_AGENT, ALPN_HTTP, ALPN_MEMBER];
    let acceptor = Arc::new(Acceptor::new(own("control")?, &protocols, GRACE)?);
    let own = own(&options.member)?;
    let listener = Listener::new(Arc::clone(&office), options.member.clone(), own);
    let is_member_of_several = etcd.is_some();
    let admission =
        Arc::new(Admission::new(keys, options.endpoints.clone(), etcd, Arc::clone(&office)));
    let events = Events::start(Arc::clone(&office), published.clone());
    let desk = Desk { office: Arc::clone(&office), admission, published, versions, events };
    let nodes = TcpListener::bind(options.listen).await.with_context(|| {
        format!("cannot listen on {}: is the port taken? choose another --listen", options.listen)
    })?;
    // A socket left over from a killed control refuses connections, and is in the way.
    let _ = std::fs::remove_file(&options.socket);
    let local = listen_locally(&options.socket)
        .with_context(|| format!("cannot listen at {}", options.socket.display()))?;
    let dashboard = match options.dashboard {
        Some(dashboard) => Some(dashboard.open().await?),
        None => None,
    };
    if is_member_of_several {
        let (office, member) = (Arc::clone(&office), options.member.clone());
        let record = MemberRecord { endpoints: options.endpoints.clone() };
        tokio::task::spawn_blocking(move || office.keep_member(&member, Some(&record))).await??;
        tokio::spawn(Arc::new(listener).listen());
    }
    tokio::spawn(follow(Arc::clone(&office)));
    tokio::spawn(collect_garbage(Arc::clone(&office)));
    tokio::spawn(serve_local(local, router(&desk, Door::Local)));
    if let Some(dashboard) = dashboard {
        let hosts = Hosts::new(dashboard.local_addr()?, &options.dashboard_hosts);
        tokio::spawn(serve_browsers(dashboard, browser_router(&desk, hosts)));
    }
    tokio::spawn(serve_nodes(nodes, acceptor, desk));
    ready();
    stop.await;
    let _ = std::fs::remove_file(&options.socket);
    Ok(())
}

/// A socket of the file system, also where its path is longer than an address holds.
fn listen_locally(path: &Path) -> std::io::Result<UnixListener> {
    let listener = netloom_sys::unix_socket::bind(path)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

impl Dashboard {
    async fn open(self) -> anyhow::Result<TcpListener> {
        match self {
            Self::At(address) => TcpListener::bind(address).await.with_context(|| {
                format!("cannot listen on {address}: is the port taken? choose another --dashboard")
            }),
            Self::On(listener) => {
                listener.set_nonblocking(true).context("the dashboard's socket cannot be used")?;
                TcpListener::from_std(listener).context("the dashboard's socket cannot be used")
            }
        }
    }
}

/// Follows what other members of control commit.
async fn follow(office: Arc<Office>) {
    loop {
        let office = Arc::clone(&office);
        let followed = tokio::task::spawn_blocking(move || office.follow(FOLLOW_INTERVAL)).await;
        if !matches!(followed, Ok(Ok(_))) {
            tokio::time::sleep(FOLLOW_INTERVAL).await;
        }
    }
}

/// Removes what no revision and no commit of the last hour needs any more.
async fn collect_garbage(office: Arc<Office>) {
    loop {
        tokio::time::sleep(GARBAGE_INTERVAL).await;
        let office = Arc::clone(&office);
        // What fails now is tried again next time; a damaged store is told by all that reads it.
        let collecting = move || office.store().collect_garbage(GARBAGE_GRACE).is_ok();
        let _ = tokio::task::spawn_blocking(collecting).await;
    }
}

async fn serve_local(listener: UnixListener, router: Router) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve_http(stream, router.clone()))),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve_browsers(listener: TcpListener, router: Router) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve_http(stream, router.clone()))),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve_http<S>(stream: S, router: Router)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = TowerToHyperService::new(router);
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A client that breaks off is its own business.
    let _ = connection.await;
}

async fn serve_nodes(listener: TcpListener, acceptor: Arc<Acceptor>, desk: Desk) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let _ = stream.set_nodelay(true);
                let (acceptor, desk) = (acceptor.current(), desk.clone());
                tokio::spawn(async move {
                    let accepting = acceptor.accept(stream);
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, accepting).await
                    {
                        serve_tls(stream, from, desk).await;
                    }
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve_tls(
    stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>,
    from: SocketAddr,
    desk: Desk,
) {
    let connection = stream.get_ref().1;
    if connection.alpn_protocol() == Some(ALPN_MEMBER) {
        if let Ok(Some(peer)) = peer(connection.peer_certificates(), &Clock::system())
            && matches!(peer.subject, Subject::Control(..))
            && !peer.is_expired
        {
            exchange::tell(stream, desk.office, desk.published).await;
        }
        return;
    }
    if connection.alpn_protocol() != Some(ALPN_AGENT) {
        let mut router = router(&desk, Door::Net);
        if let Some(binding) = binding(connection) {
            router = router.layer(axum::Extension(Binding(binding)));
        }
        return serve_http(stream, router).await;
    }
    let Ok(Some(peer)) = peer(connection.peer_certificates(), &Clock::system()) else { return };
    let Subject::Node(_, node) = peer.subject else { return };
    // A certificate is only as good as the record of its key.
    let world = desk.office.world();
    let known = world.nodes.get(&node).map(|record| record.identity);
    let mut seed = [0; 32];
    if aws_lc_rs::rand::fill(&mut seed).is_err() {
        return;
    }
    if known.is_none() || known != peer.key.map(|key| key.0) {
        let turned = session::turn_away(stream, &desk.office, &node, Seed(seed));
        // Who says nothing hears nothing.
        let _ = tokio::time::timeout(HANDSHAKE_TIMEOUT, turned).await;
        return;
    }
    let caller = Caller { node, from: Some(from), is_expired: peer.is_expired, seed: Seed(seed) };
    let admission: Arc<dyn NodeDesk> = desk.admission;
    session::serve(stream, caller, desk.office, admission, desk.versions).await;
}
