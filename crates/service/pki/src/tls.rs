//! TLS between nodes and control: who verifies whom, by which certificate, at which time.
//!
//! Only TLS 1.3. Sessions are not resumed, since a resumed one would verify nobody again. Control
//! shows its own certificate and the authority's, so that a node which only knows the authority's
//! hash can verify it. Names of hosts play no part: control is verified as
//! [`crate::authority::control_dns_name`], wherever it is reached.

mod verify;

use crate::authority::control_dns_name;
use crate::certificate::{AuthorityHash, Certificate, CertificateError, Subject};
use crate::clock::Clock;
use crate::fabric_id::FabricId;
use crate::key::{PublicKey, StoredKey};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::NoServerSessionStorage;
use rustls::{ClientConfig, ConnectionCommon, RootCertStore, ServerConfig};
use std::sync::Arc;
use std::time::Duration;
use verify::{ClientVerifier, PinMismatch, ServerVerifier, Trusted};

/// What one end shows.
#[derive(Clone, Debug)]
pub struct TlsIdentity {
    /// Its certificate.
    pub certificate: Certificate,
    /// The key to it.
    pub key: StoredKey,
}

/// What a client takes for its fabric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The authority, whose certificate it has.
    Authority(Certificate),
    /// The authority whose certificate has this hash: for the first contact, with a token. Take the
    /// certificate with [`presented_authority`] then.
    Hash(AuthorityHash),
}

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Whom its certificate is for.
    pub subject: Subject,
    /// Its key, if it is a node.
    pub key: Option<PublicKey>,
    /// Whether its certificate has expired, within the grace: it may only be given a new one.
    pub is_expired: bool,
    /// Its certificate.
    pub certificate: Certificate,
}

/// Why a configuration cannot be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "certificate and key do not fit each other, or the authority's certificate is broken ({0}): \
    restore them from one copy, or have them issued again"
)]
pub struct ConfigError(String);

/// Control's side. A client may show a certificate that the authority has issued; one that shows
/// none gets a connection too, for joining: [`peer`] tells them apart. A certificate that expired
/// less than `grace` ago is taken, and told by [`Peer::is_expired`].
pub fn server_config(
    authority: &Certificate,
    identity: &TlsIdentity,
    alpn: &[&[u8]],
    clock: &Clock,
    grace: Duration,
) -> Result<ServerConfig, ConfigError> {
    let verifier = ClientVerifier::new(roots(authority)?, provider(), grace).map_err(broken)?;
    let chain = vec![identity.certificate.der().clone(), authority.der().clone()];
    let mut config = ServerConfig::builder_with_details(provider(), Arc::new(clock.clone()))
        .with_safe_default_protocol_versions()
        .map_err(broken)?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(chain, identity.key.for_tls())
        .map_err(broken)?;
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// A node's side, with what it shows if it has joined. Connect to [`control_server_name`].
pub fn client_config(
    trust: &Trust,
    identity: Option<&TlsIdentity>,
    alpn: &[&[u8]],
    clock: &Clock,
) -> Result<ClientConfig, ConfigError> {
    let trusted = match trust {
        Trust::Authority(authority) => Trusted::Roots(roots(authority)?),
        Trust::Hash(hash) => Trusted::Hash(*hash),
    };
    let verifier = ServerVerifier::new(trusted, provider()).map_err(broken)?;
    let builder = ClientConfig::builder_with_details(provider(), Arc::new(clock.clone()))
        .with_safe_default_protocol_versions()
        .map_err(broken)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder
            .with_client_auth_cert(vec![identity.certificate.der().clone()], identity.key.for_tls())
            .map_err(broken)?,
    };
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The name that a client verifies control by.
pub fn control_server_name(fabric: FabricId) -> ServerName<'static> {
    ServerName::try_from(control_dns_name(fabric)).expect("it is of a fixed form")
}

/// Who is at the other end of a connection whose handshake is over, by its `peer_certificates()`:
/// nobody, if it has shown no certificate. The handshake has verified that the authority issued it.
pub fn peer(
    certificates: Option<&[CertificateDer<'_>]>,
    clock: &Clock,
) -> Result<Option<Peer>, CertificateError> {
    let Some(certificate) = certificates.and_then(|all| all.first()) else { return Ok(None) };
    let certificate = Certificate::new(certificate.to_vec())?;
    let subject = certificate.subject()?;
    let key = certificate.public_key()?;
    let is_expired = clock.now() > certificate.validity()?.end;
    Ok(Some(Peer { subject, key, is_expired, certificate }))
}

/// The authority's certificate among those that control has shown: what a node that has joined
/// keeps, and trusts from then on.
pub fn presented_authority(
    certificates: Option<&[CertificateDer<'_>]>,
    hash: &AuthorityHash,
) -> Option<Certificate> {
    let found = certificates?.iter().find(|one| AuthorityHash::of(one) == *hash)?;
    Certificate::new(found.to_vec()).ok()
}

/// Bytes that only the two ends of one connection know: what ties a proof to it (RFC 9266).
pub fn binding<Data>(connection: &ConnectionCommon<Data>) -> Option<[u8; 32]> {
    connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b"")).ok()
}

/// What an error of a handshake means, and what to do about it, where that can be said.
pub fn explain(error: &rustls::Error) -> Option<&'static str> {
    use rustls::CertificateError as Problem;
    use rustls::{AlertDescription as Alert, Error};
    Some(match error {
        Error::InvalidCertificate(Problem::Expired | Problem::ExpiredContext { .. }) => {
            "the other end's certificate has expired, or this host's clock is ahead: set the clock, \
             or see why it was not renewed"
        }
        Error::InvalidCertificate(Problem::UnknownIssuer | Problem::BadSignature) => {
            "the other end belongs to another fabric: connect to this fabric's own control"
        }
        Error::InvalidCertificate(
            Problem::NotValidForName | Problem::NotValidForNameContext { .. },
        ) => {
            "the other end is not this fabric's control: see that the address is control's, and that \
             the token is of this fabric"
        }
        Error::InvalidCertificate(Problem::Other(other))
            if other.0.downcast_ref::<PinMismatch>().is_some() =>
        {
            "the other end does not show the authority that the join token names: see that the \
             address is control's, and that the token is of this fabric"
        }
        Error::AlertReceived(Alert::CertificateExpired) => {
            "control says that this node's certificate has expired: let the node join again"
        }
        Error::AlertReceived(Alert::UnknownCA | Alert::DecryptError) => {
            "control says that this node's certificate is of another fabric: let the node join again"
        }
        Error::NoApplicationProtocol | Error::AlertReceived(Alert::NoApplicationProtocol) => {
            "both ends speak no protocol in common: bring them to the same version"
        }
        _ => return None,
    })
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn roots(authority: &Certificate) -> Result<Arc<RootCertStore>, ConfigError> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).map_err(broken)?;
    Ok(Arc::new(roots))
}

fn broken(error: impl std::fmt::Display) -> ConfigError {
    ConfigError(error.to_string())
}
