//! The node's certificate and key, and TLS to control with them.

use crate::joined::{CA, CERTIFICATE, IDENTITY, JoinedFacts, write_secret};
use anyhow::Context as _;
use netloom_base::WallTime;
use netloom_pki::identity::sign_keys;
use netloom_pki::tls::{TlsIdentity, Trust, client_config, control_server_name, explain};
use netloom_pki::{
    Certificate, Clock, FabricId, NodeKeys, Renewal, SigningSecret, StoredKey, Validity, renewal,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The protocol's name in the handshake.
pub(crate) const ALPN: &[u8] = b"netloom-control/1";
/// The API's name in the handshake: who says it takes nobody's session over.
pub(crate) const ALPN_API: &[u8] = b"http/1.1";

/// What proves who the node is.
pub(crate) struct Identity {
    node: String,
    fabric: FabricId,
    secret: SigningSecret,
    certificate: Certificate,
    authority: Certificate,
}

impl Identity {
    /// Reads a state folder.
    pub(crate) fn read(folder: &Path, facts: &JoinedFacts) -> anyhow::Result<Self> {
        let file = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let secret = SigningSecret::from_stored(StoredKey::new(file(IDENTITY)?))?;
        let fabric = u128::from_str_radix(&facts.fabric_id, 16).context("the fabric's id")?;
        Ok(Self {
            node: facts.node.clone(),
            fabric: FabricId(fabric.to_be_bytes()),
            secret,
            certificate: Certificate::new(file(CERTIFICATE)?)?,
            authority: Certificate::new(file(CA)?)?,
        })
    }

    /// From when until when the node's certificate is valid.
    pub(crate) fn validity(&self) -> Option<Validity> {
        self.certificate.validity().ok()
    }

    /// Signs the node's keys.
    pub(super) fn sign_keys(
        &self,
        generation: u64,
        keys: &BTreeMap<String, [u8; 32]>,
        ciphers: Option<BTreeSet<String>>,
    ) -> [u8; 64] {
        let (node, keys) = (self.node.clone(), keys.clone());
        let statement = NodeKeys { node, generation, keys, ciphers };
        sign_keys(&self.secret, self.fabric, &statement)
    }

    /// Whether it is time for a new certificate.
    pub(super) fn is_to_be_renewed(&self, clock_floor_ms: u64) -> bool {
        let clock = clock(clock_floor_ms);
        let validity = self.certificate.validity();
        validity.is_ok_and(|validity| !matches!(renewal(&validity, clock.now()), Renewal::Later(_)))
    }

    /// Takes a new certificate, and keeps it for the next connection.
    pub(super) fn renew(&mut self, folder: &Path, certificate: Vec<u8>) -> anyhow::Result<()> {
        let renewed =
            Certificate::new(certificate).context("control's new certificate is broken")?;
        write_secret(&folder.join(CERTIFICATE), renewed.as_bytes())?;
        self.certificate = renewed;
        Ok(())
    }
}

/// The clock, which is never before what control has signed.
fn clock(floor_ms: u64) -> Clock {
    let clock = Clock::system();
    clock.raise_floor(WallTime(floor_ms.saturating_mul(1_000_000)));
    clock
}

/// Milliseconds since 1970: a number for statements that grows.
pub(super) fn generation() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Connects to a member of control, and proves who the node is. Gives this end's address too.
pub(crate) async fn connect(
    identity: &Identity,
    member: &str,
    clock_floor_ms: u64,
    alpn: &[u8],
) -> Result<(TlsStream<TcpStream>, IpAddr), String> {
    let shown = TlsIdentity {
        certificate: identity.certificate.clone(),
        key: identity.secret.stored().clone(),
    };
    let trust = Trust::Authority(identity.authority.clone());
    let config = client_config(&trust, Some(&shown), &[alpn], &clock(clock_floor_ms))
        .map_err(|error| error.to_string())?;
    let stream = TcpStream::connect(member).await.map_err(|error| error.to_string())?;
    let _ = stream.set_nodelay(true);
    let local = stream.local_addr().map_err(|error| error.to_string())?.ip();
    let name = control_server_name(identity.fabric);
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let stream = connected.map_err(|error| explained(&error))?;
    Ok((stream, local))
}

/// A failed handshake or session, with what to do where that can be said.
pub(super) fn explained(error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        // The library tells of TLS here, and where its documentation is.
        return "control has closed the connection without a word, as when it is killed".to_owned();
    }
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls.and_then(explain) {
        Some(meaning) => format!("{error}; {meaning}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::explained;
    use std::io::{Error, ErrorKind};

    #[test]
    fn an_end_without_a_word_is_told_in_words() {
        let text =
            "peer closed connection without sending TLS close_notify: https://docs.rs/rustls";
        let told = explained(&Error::new(ErrorKind::UnexpectedEof, text));
        assert!(
            told.contains("control has closed the connection") && !told.contains("docs.rs"),
            "{told}"
        );
        let told = explained(&Error::from(ErrorKind::ConnectionReset));
        assert_eq!(told, "connection reset");
    }
}
