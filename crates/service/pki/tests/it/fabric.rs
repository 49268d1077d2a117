//! A fabric with its authority, control and nodes, and a handshake in memory.

use netloom_base::WallTime;
use netloom_pki::tls::{self, TlsIdentity, Trust};
use netloom_pki::{Authority, Clock, FabricId, SigningSecret, TlsKey};
use rustls::{ClientConfig, ClientConnection, Error, ServerConfig, ServerConnection};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
/// When everything is made.
pub(crate) const MADE: u64 = 1_700_000_000;
pub(crate) const ALPN: &[&[u8]] = &[b"netloom/1"];

pub(crate) struct Fabric {
    pub(crate) authority: Authority,
    pub(crate) control: TlsIdentity,
    pub(crate) node: TlsIdentity,
    pub(crate) node_secret: SigningSecret,
}

/// A clock that shows so many hours after everything was made.
pub(crate) fn clock(hours: f64) -> Clock {
    let seconds = MADE.saturating_add_signed((hours * 3600.0) as i64);
    Clock::reading(move || WallTime::from_secs(seconds))
}

pub(crate) fn made() -> WallTime {
    WallTime::from_secs(MADE)
}

impl Fabric {
    pub(crate) fn new() -> Self {
        let authority = Authority::create(FabricId::random(), made());
        let key = TlsKey::generate();
        let certificate = authority.issue_control("c1", &key, &[], made(), HOUR * 24).unwrap();
        let control = TlsIdentity { certificate, key: key.stored().clone() };
        let node_secret = SigningSecret::generate();
        let public = node_secret.public();
        let certificate = authority.issue_node("web-1", &public, made(), HOUR * 24).unwrap();
        let node = TlsIdentity { certificate, key: node_secret.stored().clone() };
        Self { authority, control, node, node_secret }
    }

    /// Control's side at a time, without grace.
    pub(crate) fn server(&self, clock: &Clock) -> ServerConfig {
        self.server_with_grace(clock, Duration::ZERO)
    }

    pub(crate) fn server_with_grace(&self, clock: &Clock, grace: Duration) -> ServerConfig {
        let authority = self.authority.certificate();
        tls::server_config(authority, &self.control, ALPN, clock, grace).unwrap()
    }

    /// The side of the node that has joined.
    pub(crate) fn client(&self, clock: &Clock) -> ClientConfig {
        let trust = Trust::Authority(self.authority.certificate().clone());
        tls::client_config(&trust, Some(&self.node), ALPN, clock).unwrap()
    }

    /// The side of one that knows the authority's hash only.
    pub(crate) fn joiner(&self, clock: &Clock) -> ClientConfig {
        let trust = Trust::Hash(self.authority.hash());
        tls::client_config(&trust, None, ALPN, clock).unwrap()
    }

    /// Connects to the control that a client takes for this fabric's.
    pub(crate) fn connect(&self, client: ClientConfig, server: ServerConfig) -> Outcome {
        handshake(self.authority.fabric(), &Arc::new(client), &Arc::new(server))
    }
}

/// Both ends after the handshake, or how each of them failed.
pub(crate) type Outcome =
    Result<(ClientConnection, ServerConnection), Box<(Option<Error>, Option<Error>)>>;

pub(crate) fn handshake(
    fabric: FabricId,
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
) -> Outcome {
    let name = tls::control_server_name(fabric);
    let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    let (mut client_error, mut server_error) = (None, None);
    // Ten rounds are more than any handshake takes; an alert needs one more.
    for _ in 0..10 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            if let Err(error) = server.process_new_packets() {
                server_error.get_or_insert(error);
            }
        }
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            if let Err(error) = client.process_new_packets() {
                client_error.get_or_insert(error);
            }
        }
    }
    if client_error.is_some() || server_error.is_some() {
        return Err(Box::new((client_error, server_error)));
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok((client, server))
}
