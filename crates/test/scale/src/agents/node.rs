//! One agent: joins, connects, verifies, plans, and enforces on a model of the kernel.

use super::enforced::Enforced;
use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use netloom::Client;
use netloom::api::Join;
use netloom_base::{Seed, Time, WallTime};
use netloom_cbor::to_bytes;
use netloom_control_protocol::{
    AgentConfig, AgentEvent, AgentSession, Delta, ResourceSet, Timing, Versions, statement,
};
use netloom_pki::identity::{prove_possession, sign_keys};
use netloom_pki::tls::{TlsIdentity, Trust, binding, client_config, control_server_name};
use netloom_pki::{Certificate, Clock, NodeKeys, PublicKey, SigningSecret, Token};
use netloom_resource::call::Call;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Wait before a session is begun again.
const RECONNECT: Duration = Duration::from_millis(500);
/// Lost sessions that are told of one by one.
const TOLD_MAX: u64 = 5;

/// What all agents count together.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) connected: AtomicU64,
    pub(super) applied: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) resources: AtomicU64,
    pub(super) work_us: AtomicU64,
    pub(super) distrusted: AtomicU64,
    /// Sessions that ended before their time.
    pub(super) lost: AtomicU64,
    /// When the last change was asked for, and how long after that the last agent enforced it.
    pub(super) start: Mutex<Option<Instant>>,
    pub(super) last_ms: AtomicU64,
    /// The port at which the first node can be called.
    pub(super) listen_port: watch::Sender<u16>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            connected: AtomicU64::new(0),
            applied: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            resources: AtomicU64::new(0),
            work_us: AtomicU64::new(0),
            distrusted: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            start: Mutex::new(None),
            last_ms: AtomicU64::new(0),
            listen_port: watch::Sender::new(51820),
        }
    }
}

/// What has been counted so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    pub(super) applied: u64,
    pub(super) bytes: u64,
    pub(super) resources: u64,
    pub(super) work_us: u64,
}

impl Shared {
    pub(super) fn sums(&self) -> Sums {
        Sums {
            applied: self.applied.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            resources: self.resources.load(Ordering::Relaxed),
            work_us: self.work_us.load(Ordering::Relaxed),
        }
    }
}

/// A node that has joined.
pub(super) struct Node {
    name: String,
    token: Token,
    secret: SigningSecret,
    certificate: Certificate,
    authority: Certificate,
    signing_key: PublicKey,
    is_connected: bool,
}

pub(super) fn wall_now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

async fn connect(
    token: &Token,
    trust: &Trust,
    identity: Option<&TlsIdentity>,
    alpn: &[u8],
) -> anyhow::Result<TlsStream<TcpStream>> {
    let config = client_config(trust, identity, &[alpn], &Clock::system())?;
    let stream = TcpStream::connect(&token.endpoints[0]).await?;
    stream.set_nodelay(true)?;
    let name = control_server_name(token.fabric);
    Ok(TlsConnector::from(Arc::new(config)).connect(name, stream).await?)
}

impl Node {
    /// Joins with a key of its own.
    pub(super) async fn join(token: &Token, name: &str) -> anyhow::Result<Self> {
        let secret = SigningSecret::generate();
        let stream = connect(token, &Trust::Hash(token.authority), None, b"http/1.1").await?;
        let session = binding(stream.get_ref().1).context("no binding")?;
        let join = Join {
            node: name.to_owned(),
            fabric_id: token.fabric.to_string(),
            secret: BASE64.encode(token.secret.as_bytes()),
            key: BASE64.encode(secret.public().0),
            proof: BASE64.encode(prove_possession(&secret, token.fabric, name, &session)),
        };
        let joined = Client::join_over(stream, &token.endpoints[0], &join).await?;
        let key: Vec<u8> = (0..joined.signing_key.len() / 2)
            .filter_map(|at| u8::from_str_radix(&joined.signing_key[2 * at..2 * at + 2], 16).ok())
            .collect();
        Ok(Self {
            name: name.to_owned(),
            token: token.clone(),
            secret,
            certificate: Certificate::new(BASE64.decode(&joined.certificate)?)?,
            authority: Certificate::new(BASE64.decode(&joined.ca)?)?,
            signing_key: PublicKey(key.try_into().ok().context("no signing key")?),
            is_connected: false,
        })
    }

    /// Follows control; a session that ends is begun again, as agents do.
    pub(super) async fn serve(mut self, shared: Arc<Shared>) {
        loop {
            if let Err(error) = self.follow(&shared).await
                && shared.lost.fetch_add(1, Ordering::Relaxed) < TOLD_MAX
            {
                println!("a session of {} was lost: {error:#}", self.name);
            }
            if std::mem::take(&mut self.is_connected) {
                shared.connected.fetch_sub(1, Ordering::Relaxed);
            }
            tokio::time::sleep(RECONNECT).await;
        }
    }

    async fn follow(&mut self, shared: &Shared) -> anyhow::Result<()> {
        let identity = TlsIdentity {
            certificate: self.certificate.clone(),
            key: self.secret.stored().clone(),
        };
        let trust = Trust::Authority(self.authority.clone());
        let mut stream =
            connect(&self.token, &trust, Some(&identity), b"netloom-control/1").await?;
        let config = AgentConfig {
            fabric: self.token.fabric.0,
            node: self.name.clone(),
            software: "scale".to_owned(),
            features: BTreeSet::new(),
            versions: Versions::OURS,
            timing: Timing::default(),
        };
        let begin = Instant::now();
        let now = || Time::ZERO + begin.elapsed();
        let mut machine = AgentSession::new(config, ResourceSet::new(), 0, Seed([7; 32]), now());
        let mut enforced = Enforced::default();
        let mut buffer = vec![0; 64 << 10];
        let (mut bytes, mut told) = (0_u64, None);
        let mut listen_port = shared.listen_port.subscribe();
        let is_first = self.name == "node-0";
        loop {
            while let Some(event) = machine.poll_event() {
                match event {
                    AgentEvent::Welcomed(_) => {
                        self.is_connected = true;
                        shared.connected.fetch_add(1, Ordering::Relaxed);
                    }
                    AgentEvent::Delta(delta) => {
                        let (sequence, networks) =
                            self.enforce(&machine, &delta, &mut enforced, shared);
                        machine.acknowledge(now(), sequence, Vec::new())?;
                        shared.bytes.fetch_add(bytes, Ordering::Relaxed);
                        bytes = 0;
                        if told.is_none() {
                            let port = *listen_port.borrow_and_update();
                            machine.request(now(), self.keys(networks.clone(), port))?;
                            told = Some(networks);
                        }
                    }
                    AgentEvent::Ended(end) => anyhow::bail!("{end:?}"),
                    AgentEvent::Call(_) => {}
                }
            }
            while let Some(frame) = machine.poll_transmit() {
                stream.write_all(&frame).await?;
            }
            stream.flush().await?;
            let due = machine.poll_timeout().map_or(Duration::from_secs(5), |due| due - now());
            tokio::select! {
                read = stream.read(&mut buffer) => {
                    let count = read?;
                    anyhow::ensure!(count > 0, "control is gone");
                    bytes += count as u64;
                    machine.handle_input(now(), &buffer[..count]);
                }
                changed = listen_port.changed(), if is_first && told.is_some() => {
                    changed?;
                    let port = *listen_port.borrow_and_update();
                    let networks = told.clone().unwrap_or_default();
                    machine.request(now(), self.keys(networks, port))?;
                }
                () = tokio::time::sleep(due + Duration::from_millis(1)) => machine.handle_timeout(now()),
            }
        }
    }

    /// Verifies, plans, and carries out what a change asks for; gives the networks that the node is in.
    fn enforce(
        &self,
        machine: &AgentSession,
        delta: &Delta,
        enforced: &mut Enforced,
        shared: &Shared,
    ) -> (u64, BTreeSet<String>) {
        let start = Instant::now();
        let mut held = machine.held().clone();
        held.apply(&delta.changes);
        let said = statement(
            &self.token.fabric.0,
            &self.name,
            delta.revision,
            &held.digest(),
            delta.seal.time_ms,
        );
        if self.signing_key.verify(&said, &delta.seal.signature).is_err() {
            shared.distrusted.fetch_add(1, Ordering::Relaxed);
        }
        enforced.take(&self.name, &held, delta);
        let work = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        shared.work_us.fetch_add(work, Ordering::Relaxed);
        shared.resources.fetch_add(delta.changes.len() as u64, Ordering::Relaxed);
        if let Ok(started) = shared.start.lock()
            && let Some(started) = *started
        {
            let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            shared.last_ms.fetch_max(ms, Ordering::Relaxed);
        }
        shared.applied.fetch_add(1, Ordering::Relaxed);
        let networks =
            enforced.slice.memberships.of_node(&self.name).map(|one| one.networks.clone());
        (delta.sequence, networks.unwrap_or_default())
    }

    /// The node's keys, signed.
    fn keys(&self, networks: BTreeSet<String>, listen_port: u16) -> Vec<u8> {
        let public_keys: BTreeMap<String, [u8; 32]> =
            networks.into_iter().map(|network| (network, self.secret.public().0)).collect();
        let statement = NodeKeys {
            node: self.name.clone(),
            generation: 1,
            keys: public_keys.clone(),
            ciphers: None,
        };
        let signature = sign_keys(&self.secret, self.token.fabric, &statement);
        to_bytes(&Call::Keys {
            public_keys,
            listen_port,
            addresses: vec![[127, 0, 0, 1].into()],
            generation: 1,
            signature,
            ciphers: None,
        })
    }
}
