//! A certificate as bytes, and what of it is read: names, key, and how long it is valid.

mod validity;

use crate::fabric_id::FabricId;
use crate::key::PublicKey;
use netloom_base::WallTime;
use rustls::pki_types::CertificateDer;
use std::fmt;
use webpki::EndEntityCert;

/// How long before its making a certificate is valid already, for those whose clocks are behind.
pub const BACKDATE: std::time::Duration = std::time::Duration::from_secs(3600);

/// A certificate, as X.509 in DER.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate(CertificateDer<'static>);

/// SHA-256 of the authority's certificate: what a token pins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorityHash(pub [u8; 32]);

/// From when until when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub start: WallTime,
    /// The last moment.
    pub end: WallTime,
}

/// Whom a certificate is for. It is read from the one name of the form `netloom://FABRIC…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The authority of a fabric: `netloom://FABRIC`.
    Authority(FabricId),
    /// Control, by the name of the host that it runs on: `netloom://FABRIC/control/NAME`.
    Control(FabricId, String),
    /// A node: `netloom://FABRIC/node/NAME`.
    Node(FabricId, String),
}

/// Bytes that are no certificate of a fabric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// They are no certificate.
    #[error("these bytes are no certificate: take it from where it was stored or issued again")]
    Malformed,
    /// It has no name of the form that is wanted, or several.
    #[error(
        "the certificate is for nobody in a fabric: use one that the fabric's authority issued"
    )]
    Nameless,
}

impl Certificate {
    /// A certificate that was stored or received. Nothing of it is verified.
    pub fn new(der: Vec<u8>) -> Result<Self, CertificateError> {
        let certificate = Self(der.into());
        certificate.parsed()?;
        certificate.validity()?;
        Ok(certificate)
    }

    /// What is to be stored or sent.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What a token pins, if it is an authority's.
    pub fn hash(&self) -> AuthorityHash {
        AuthorityHash::of(&self.0)
    }

    /// From when until when it is valid.
    pub fn validity(&self) -> Result<Validity, CertificateError> {
        validity::read(&self.0).ok_or(CertificateError::Malformed)
    }

    /// Whom it is for.
    pub fn subject(&self) -> Result<Subject, CertificateError> {
        Subject::of(&self.parsed()?)
    }

    /// Its key, if it is a node's.
    pub fn public_key(&self) -> Result<Option<PublicKey>, CertificateError> {
        // RFC 8410 §4: a fixed beginning, and then the key.
        const BEFORE_KEY: &[u8] = &[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
        let info = self.parsed()?.subject_public_key_info();
        let key = info.as_ref().strip_prefix(BEFORE_KEY);
        Ok(key.and_then(|key| key.try_into().ok()).map(PublicKey))
    }

    pub(crate) fn der(&self) -> &CertificateDer<'static> {
        &self.0
    }

    pub(crate) fn parsed(&self) -> Result<EndEntityCert<'_>, CertificateError> {
        EndEntityCert::try_from(&self.0).map_err(|_| CertificateError::Malformed)
    }
}

impl AuthorityHash {
    /// The hash of a certificate in DER.
    pub(crate) fn of(der: &[u8]) -> Self {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
        Self(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

impl Subject {
    /// The fabric that it belongs to.
    pub fn fabric(&self) -> FabricId {
        match self {
            Self::Authority(fabric) | Self::Control(fabric, _) | Self::Node(fabric, _) => *fabric,
        }
    }

    /// The name of this form that a certificate has, if it has exactly one.
    pub(crate) fn of(certificate: &EndEntityCert<'_>) -> Result<Self, CertificateError> {
        let mut names = certificate.valid_uri_names().filter(|name| name.starts_with(SCHEME));
        match (names.next(), names.next()) {
            (Some(name), None) => Self::parse(name).ok_or(CertificateError::Nameless),
            _ => Err(CertificateError::Nameless),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix(SCHEME)?.split('/');
        let fabric = parts.next()?.parse().ok()?;
        let subject = match (parts.next(), parts.next()) {
            (None, None) => Self::Authority(fabric),
            (Some("control"), Some(name)) if is_name(name) => Self::Control(fabric, name.into()),
            (Some("node"), Some(name)) if is_name(name) => Self::Node(fabric, name.into()),
            _ => return None,
        };
        parts.next().is_none().then_some(subject)
    }
}

const SCHEME: &str = "netloom://";

/// Whether a name can stand in a certificate: a DNS label (1 to 63 of a-z, 0-9 and -, neither
/// first nor last a -), which is what the names of nodes are.
pub fn is_name(name: &str) -> bool {
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let length = (1..=63).contains(&name.len());
    length && name.bytes().all(fits) && !name.starts_with('-') && !name.ends_with('-')
}

// === impl formatting ===

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authority(fabric) => write!(f, "{SCHEME}{fabric}"),
            Self::Control(fabric, name) => write!(f, "{SCHEME}{fabric}/control/{name}"),
            Self::Node(fabric, name) => write!(f, "{SCHEME}{fabric}/node/{name}"),
        }
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject() {
            Ok(subject) => write!(f, "Certificate({subject})"),
            Err(_) => f.write_str("Certificate(?)"),
        }
    }
}

impl fmt::Display for AuthorityHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AuthorityHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl netloom_cbor::Encode for Certificate {
    fn encode(&self, encoder: &mut netloom_cbor::Encoder) {
        encoder.bytes(&self.0);
    }
}

impl netloom_cbor::Decode for Certificate {
    fn decode(decoder: &mut netloom_cbor::Decoder<'_>) -> Result<Self, netloom_cbor::DecodeError> {
        let malformed = decoder.error("a certificate", netloom_cbor::Problem::Range);
        Self::new(decoder.bytes()?.to_vec()).map_err(|_| malformed)
    }
}

impl netloom_cbor::Encode for AuthorityHash {
    fn encode(&self, encoder: &mut netloom_cbor::Encoder) {
        encoder.bytes(&self.0);
    }
}

impl netloom_cbor::Decode for AuthorityHash {
    fn decode(decoder: &mut netloom_cbor::Decoder<'_>) -> Result<Self, netloom_cbor::DecodeError> {
        decoder.value().map(Self)
    }
}

#[cfg(test)]
mod tests;
