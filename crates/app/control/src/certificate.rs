//! The certificate that control shows: issued by itself, and anew in time while it runs.
//!
//! It lives long, unlike a node's, since whoever has control's host has the authority's key as well, and
//! since a node whose clock is ahead could not verify one that ends soon. Control may run for longer
//! still, so nothing here waits for a restart.

use crate::keys::ControlKeys;
use netloom_pki::authority::LIFETIME;
use netloom_pki::tls::{TlsIdentity, server_config};
use netloom_pki::{Clock, IssueError, Renewal, TlsKey, renewal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_rustls::TlsAcceptor;

/// How long it is valid; it is issued anew after two thirds of that.
const OWN_LIFETIME: Duration = LIFETIME.saturating_mul(365);

/// What control shows to whom it calls, and to who calls it.
pub(crate) struct OwnCertificate {
    keys: Arc<ControlKeys>,
    name: String,
    clock: Clock,
    current: Mutex<TlsIdentity>,
}

impl OwnCertificate {
    pub(crate) fn issue(
        keys: Arc<ControlKeys>,
        name: String,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let current = Mutex::new(issued(&keys, &name, &clock)?);
        Ok(Self { keys, name, clock, current })
    }

    pub(crate) fn keys(&self) -> &ControlKeys {
        &self.keys
    }

    /// What is to be shown now. If it is due and cannot be issued, the old one, which is valid still.
    pub(crate) fn current(&self) -> TlsIdentity {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let is_fresh = current
            .certificate
            .validity()
            .is_ok_and(|validity| matches!(renewal(&validity, now), Renewal::Later(_)));
        if !is_fresh && let Ok(issued) = issued(&self.keys, &self.name, &self.clock) {
            *current = issued;
        }
        current.clone()
    }
}

fn issued(keys: &ControlKeys, name: &str, clock: &Clock) -> Result<TlsIdentity, IssueError> {
    let key = TlsKey::generate();
    let certificate = keys.authority.issue_control(name, &key, &[], clock.now(), OWN_LIFETIME)?;
    Ok(TlsIdentity { certificate, key: key.stored().clone() })
}

/// TLS for who calls, always with the certificate that is to be shown now.
pub(crate) struct Acceptor {
    own: OwnCertificate,
    alpn: Vec<&'static [u8]>,
    /// How long an expired certificate of a caller is taken.
    grace: Duration,
    current: Mutex<(TlsIdentity, TlsAcceptor)>,
}

impl Acceptor {
    pub(crate) fn new(
        own: OwnCertificate,
        alpn: &[&'static [u8]],
        grace: Duration,
    ) -> anyhow::Result<Self> {
        let identity = own.current();
        let made = acceptor(&own, &identity, alpn, grace)?;
        Ok(Self { own, alpn: alpn.to_vec(), grace, current: Mutex::new((identity, made)) })
    }

    /// For the next caller. Those who are connected have verified already, and stay.
    pub(crate) fn current(&self) -> TlsAcceptor {
        let identity = self.own.current();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0.certificate != identity.certificate
            && let Ok(made) = acceptor(&self.own, &identity, &self.alpn, self.grace)
        {
            *current = (identity, made);
        }
        current.1.clone()
    }
}

fn acceptor(
    own: &OwnCertificate,
    identity: &TlsIdentity,
    alpn: &[&[u8]],
    grace: Duration,
) -> anyhow::Result<TlsAcceptor> {
    let authority = own.keys.authority.certificate();
    let config = server_config(authority, identity, alpn, &own.clock, grace)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests;
