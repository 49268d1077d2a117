//! What nodes say to one member of control, told to the others: how a fabric is does not depend on whom one asks.
//!
//! ```text
//! A ══ TLS, ALPN netloom-member/1, both with certificates of control ══► B
//!   ◄── frame*   what the nodes that are connected to B say; first all of it, then what changes
//! frame: length (4 bytes, big-endian), then that many bytes: a `Said`; length 0: still there
//! ```
//! Nothing of it is stored. Whoever loses a member takes its nodes for away until they call again.

use crate::certificate::OwnCertificate;
use crate::observed::Observed;
use crate::office::Office;
use netloom_cbor::{Bytes, from_bytes, to_bytes};
use netloom_control_protocol::{Digest, Refusal};
use netloom_pki::Clock;
use netloom_pki::tls::{Trust, client_config, control_server_name};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// The exchange's name in the handshake.
pub(crate) const ALPN_MEMBER: &[u8] = b"netloom-member/1";
/// Longest frame.
const FRAME_BYTES_MAX: usize = 1 << 20;
/// Changes within this time are told together.
const GATHER: Duration = Duration::from_millis(20);
/// How often a member says that it is still there.
const PULSE: Duration = Duration::from_secs(1);
/// Silence after which it is taken for gone.
const SILENCE: Duration = Duration::from_secs(4);
/// Longest wait for a connection and its handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Wait between attempts, and between looks for members that are new.
const RETRY: Duration = Duration::from_millis(500);
/// Longest texts and lists.
const TEXT_BYTES_MAX: usize = 4096;
const STATUS_BYTES_MAX: usize = 512 << 10;
const REFUSALS_MAX: usize = 1024;

netloom_cbor::record! {
    /// How a node is, as it has told the member that it is connected to.
    struct Said {
        0 => node: String [max TEXT_BYTES_MAX],
        1 => connected: bool,
        /// Milliseconds since 1970.
        2 => last_seen_ms: u64,
        3 => address: Option<String> [max TEXT_BYTES_MAX],
        4 => software: String [max TEXT_BYTES_MAX],
        5 => held: Option<Digest>,
        6 => applied: u64,
        7 => refused: Vec<Refusal> [max REFUSALS_MAX],
        /// The node's own report, as JSON.
        8 => status: Option<Bytes> [max STATUS_BYTES_MAX],
        /// The first commit with which it has said so, for each that is refused.
        9 => refused_since: Option<Vec<u64>> [max REFUSALS_MAX],
    }
}

impl Said {
    fn of(node: String, observed: Observed) -> Self {
        let Observed {
            connected,
            last_seen_ms,
            address,
            software,
            held,
            applied,
            refused,
            refused_since,
            status,
            ..
        } = observed;
        let status = status.and_then(|status| serde_json::to_vec(&status).ok());
        let status = status.filter(|status| status.len() <= STATUS_BYTES_MAX).map(Bytes);
        let refused_since = (!refused_since.is_empty()).then_some(refused_since);
        Self {
            node,
            connected,
            last_seen_ms,
            address,
            software,
            held,
            applied,
            refused,
            status,
            refused_since,
        }
    }

    fn into_observed(self) -> (String, Observed) {
        let observed = Observed {
            connected: self.connected,
            last_seen_ms: self.last_seen_ms,
            address: self.address,
            software: self.software,
            held: self.held,
            applied: self.applied,
            // Members of former versions do not say it.
            refused_since: (self.refused_since)
                .filter(|since| since.len() == self.refused.len())
                .unwrap_or_else(|| vec![self.applied; self.refused.len()]),
            refused: self.refused,
            status: self.status.and_then(|status| serde_json::from_slice(&status.0).ok()),
            ..Observed::default()
        };
        (self.node, observed)
    }
}

/// Tells another member what nodes say here, until it goes away.
pub(crate) async fn tell<S: AsyncWrite + Unpin>(
    mut stream: S,
    office: Arc<Office>,
    mut published: watch::Receiver<u64>,
) {
    let mut heard = 0;
    loop {
        let (said, newest) = office.said_since(heard);
        heard = newest;
        let mut bytes: Vec<u8> = Vec::new();
        for (node, observed) in said {
            let body = to_bytes(&Said::of(node, observed));
            // Its parts are limited, so it fits.
            bytes.extend(u32::try_from(body.len()).unwrap_or_default().to_be_bytes());
            bytes.extend(body);
        }
        if bytes.is_empty() {
            bytes.extend([0; 4]);
        }
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        match tokio::time::timeout(PULSE, published.changed()).await {
            Ok(Ok(())) => tokio::time::sleep(GATHER).await,
            Ok(Err(_)) => return,
            Err(_) => {}
        }
    }
}

/// Who this member is, and whom it listens to.
pub(crate) struct Listener {
    office: Arc<Office>,
    name: String,
    own: OwnCertificate,
}

impl Listener {
    pub(crate) fn new(office: Arc<Office>, name: String, own: OwnCertificate) -> Self {
        Self { office, name, own }
    }

    /// Listens to all other members, those too that come later.
    pub(crate) async fn listen(self: Arc<Self>) {
        self.office.find(&self.name);
        let mut tasks: BTreeMap<String, (Vec<String>, JoinHandle<()>)> = BTreeMap::new();
        loop {
            let members = Arc::clone(&self.office.world().members);
            tasks.retain(|name, (endpoints, task)| {
                let stays = members.get(name).is_some_and(|known| known.endpoints == *endpoints);
                if !stays {
                    task.abort();
                    self.office.lose(name);
                }
                stays
            });
            for (name, member) in members.iter().filter(|(name, _)| **name != self.name) {
                if !tasks.contains_key(name) {
                    let (this, name) = (Arc::clone(&self), name.clone());
                    let endpoints = member.endpoints.clone();
                    let task = this.follow(name.clone(), endpoints.clone());
                    tasks.insert(name, (endpoints, tokio::spawn(task)));
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Listens to one member for as long as it is one.
    async fn follow(self: Arc<Self>, member: String, endpoints: Vec<String>) {
        loop {
            for endpoint in &endpoints {
                // It is told by the nodes that are away whether it matters.
                let _ = self.hear(&member, endpoint).await;
                self.office.lose(&member);
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn hear(&self, member: &str, endpoint: &str) -> anyhow::Result<()> {
        let authority = &self.own.keys().authority;
        let trust = Trust::Authority(authority.certificate().clone());
        let shown = self.own.current();
        let config = client_config(&trust, Some(&shown), &[ALPN_MEMBER], &Clock::system())?;
        let connecting = async {
            let stream = TcpStream::connect(endpoint).await?;
            let name = control_server_name(authority.fabric());
            TlsConnector::from(Arc::new(config)).connect(name, stream).await
        };
        let mut stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await??;
        self.office.find(member);
        loop {
            let Some(body) = tokio::time::timeout(SILENCE, read_frame(&mut stream)).await?? else {
                continue;
            };
            let (node, observed) = from_bytes::<Said>(&body)?.into_observed();
            self.office.hear(member, node, observed);
        }
    }
}

/// The next frame; nothing for one that only says that the other end is still there.
async fn read_frame<S: AsyncRead + Unpin>(stream: &mut S) -> std::io::Result<Option<Vec<u8>>> {
    let length = stream.read_u32().await? as usize;
    if length == 0 {
        return Ok(None);
    }
    if length > FRAME_BYTES_MAX {
        return Err(std::io::Error::other("the frame is too long"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(body))
}

#[cfg(test)]
mod tests;
