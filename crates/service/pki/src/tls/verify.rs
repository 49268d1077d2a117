//! Verifiers: webpki's, at a time that makes sense, and with an authority that a hash may name.

use crate::certificate::AuthorityHash;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use std::sync::Arc;
use std::time::Duration;

/// The other end shows no certificate with the hash that a token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no certificate with the hash that the join token names")]
pub(super) struct PinMismatch;

/// What control is verified by.
#[derive(Debug)]
pub(super) enum Trusted {
    Roots(Arc<RootCertStore>),
    Hash(AuthorityHash),
}

/// Verifies control.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    trusted: Trusted,
    provider: Arc<CryptoProvider>,
}

/// Verifies nodes, and lets those in who show nothing.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    inner: Arc<dyn ClientCertVerifier>,
    grace: Duration,
}

impl ServerVerifier {
    pub(super) fn new(
        trusted: Trusted,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, VerifierBuilderError> {
        if let Trusted::Roots(roots) = &trusted {
            // It is built for each handshake, so that it can be built is seen here.
            WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), provider.clone())
                .build()?;
        }
        Ok(Self { trusted, provider })
    }

    /// The authorities that control may have been certified by.
    fn roots(&self, shown: &[CertificateDer<'_>]) -> Result<Arc<RootCertStore>, Error> {
        let hash = match &self.trusted {
            Trusted::Roots(roots) => return Ok(Arc::clone(roots)),
            Trusted::Hash(hash) => hash,
        };
        let pinned = shown.iter().find(|one| AuthorityHash::of(one) == *hash);
        let pinned = pinned.ok_or_else(|| {
            Error::from(CertificateError::Other(OtherError(Arc::new(PinMismatch))))
        })?;
        let mut roots = RootCertStore::empty();
        roots.add(pinned.clone().into_owned())?;
        Ok(Arc::new(roots))
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let roots = self.roots(intermediates)?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&self.provider))
                .build()
                .map_err(|error| Error::General(error.to_string()))?;
        at_a_sound_time(now, Duration::ZERO, |now| {
            verifier.verify_server_cert(end_entity, &[], server_name, ocsp_response, now)
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl ClientVerifier {
    pub(super) fn new(
        roots: Arc<RootCertStore>,
        provider: Arc<CryptoProvider>,
        grace: Duration,
    ) -> Result<Self, VerifierBuilderError> {
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider);
        Ok(Self { inner: builder.allow_unauthenticated().build()?, grace })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        at_a_sound_time(now, self.grace, |now| self.inner.verify_client_cert(end_entity, &[], now))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Verifies at `now`, unless that cannot be the time, or the grace covers it.
///
/// A certificate that the authority has signed is not of the future: if it begins later than now,
/// the clock is behind, and its beginning is the better time. One that has expired is verified as
/// on its last day, if that is not longer ago than `grace`.
fn at_a_sound_time<T>(
    now: UnixTime,
    grace: Duration,
    verify: impl Fn(UnixTime) -> Result<T, Error>,
) -> Result<T, Error> {
    match verify(now) {
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before, ..
        })) => verify(not_before),
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }))
            if now.as_secs().saturating_sub(not_after.as_secs()) <= grace.as_secs() =>
        {
            verify(not_after)
        }
        verified => verified,
    }
}
