//! A fabric's own certificate authority: one key, one certificate, and what it issues.

use crate::certificate::{
    AuthorityHash, BACKDATE, Certificate, CertificateError, Subject, Validity, is_name,
};
use crate::fabric_id::FabricId;
use crate::key::{KeyError, PublicKey, StoredKey, TlsKey};
use crate::random;
use netloom_base::WallTime;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use std::net::IpAddr;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long an authority's certificate is valid: ten years.
pub const AUTHORITY_LIFETIME: Duration = DAY.saturating_mul(3653);
/// How long a node's or control's certificate is valid, unless told otherwise.
pub const LIFETIME: Duration = DAY;
/// Names and addresses that control's certificate may have beside its own.
pub const EXTRA_NAMES_MAX: usize = 32;

/// The authority of a fabric: an ECDSA key over P-256, and its certificate with the fabric's id.
#[derive(Debug)]
pub struct Authority {
    fabric: FabricId,
    key: TlsKey,
    certificate: Certificate,
}

/// Why an authority cannot be had from what was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The key is broken.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The certificate is broken.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The certificate is not that of an authority.
    #[error(
        "the certificate is not a fabric's authority's: take the one that was made with the key"
    )]
    NoAuthority,
    /// The certificate belongs to another key.
    #[error("key and certificate do not belong together: take both from the same copy")]
    Mismatch,
}

/// Why a certificate is not issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The name cannot stand in a certificate.
    #[error("`{0}` is no name: names are DNS labels of 1 to 63 of a-z, 0-9 and -")]
    Name(String),
    /// An additional name of control is no name of DNS, or there are too many.
    #[error("`{0}` is no name of DNS, or one too many: at most {EXTRA_NAMES_MAX} are allowed")]
    ExtraName(String),
}

/// What control is reached by beside its own name, for browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtraName {
    /// A name of DNS.
    Dns(String),
    /// An address.
    Address(IpAddr),
}

impl Authority {
    /// A new authority, with a key from the system's randomness.
    pub fn create(fabric: FabricId, now: WallTime) -> Self {
        let key = TlsKey::generate();
        let subject = Subject::Authority(fabric);
        let mut params = params(&subject, now, AUTHORITY_LIFETIME);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = authority_usages();
        params.subject_alt_names.push(uri(&subject));
        let made = params.self_signed(&key).expect("all of it is of a known form");
        let certificate = Certificate::new(made.der().to_vec()).expect("it was just made");
        Self { fabric, key, certificate }
    }

    /// The authority that was stored.
    pub fn restore(key: StoredKey, certificate: Certificate) -> Result<Self, RestoreError> {
        let key = TlsKey::from_stored(key)?;
        let Subject::Authority(fabric) = certificate.subject()? else {
            return Err(RestoreError::NoAuthority);
        };
        let info = certificate.parsed()?.subject_public_key_info();
        if info.as_ref() != key.subject_public_key_info() {
            return Err(RestoreError::Mismatch);
        }
        Ok(Self { fabric, key, certificate })
    }

    /// The fabric.
    pub fn fabric(&self) -> FabricId {
        self.fabric
    }

    /// The certificate, which everyone may have.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// What a token pins.
    pub fn hash(&self) -> AuthorityHash {
        self.certificate.hash()
    }

    /// The key, to be stored.
    pub fn stored_key(&self) -> &StoredKey {
        self.key.stored()
    }

    /// A certificate for a node's key. That the node has the secret to it, and may have the name,
    /// is for the caller to see to ([`crate::identity::verify_possession`], [`crate::redemption`]).
    pub fn issue_node(
        &self,
        name: &str,
        key: &PublicKey,
        now: WallTime,
        lifetime: Duration,
    ) -> Result<Certificate, IssueError> {
        check(name)?;
        let subject = Subject::Node(self.fabric, name.to_owned());
        self.issue(&subject, key, &[node_dns_name(self.fabric, name)], &[], now, lifetime)
    }

    /// A certificate for a key of control, on the host `name`.
    pub fn issue_control(
        &self,
        name: &str,
        key: &TlsKey,
        extra: &[ExtraName],
        now: WallTime,
        lifetime: Duration,
    ) -> Result<Certificate, IssueError> {
        check(name)?;
        let subject = Subject::Control(self.fabric, name.to_owned());
        let names = [control_dns_name(self.fabric)];
        self.issue(&subject, key, &names, extra, now, lifetime)
    }

    /// A signature of the authority's key over a statement that is no certificate.
    pub(crate) fn sign(&self, statement: &[u8]) -> Vec<u8> {
        self.key.sign(statement)
    }

    fn issue(
        &self,
        subject: &Subject,
        key: &impl PublicKeyData,
        names: &[String],
        extra: &[ExtraName],
        now: WallTime,
        lifetime: Duration,
    ) -> Result<Certificate, IssueError> {
        let mut params = params(subject, now, lifetime);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        params.subject_alt_names.push(uri(subject));
        for name in names {
            params.subject_alt_names.push(SanType::DnsName(dns(name)?));
        }
        if let Some(name) = extra.get(EXTRA_NAMES_MAX) {
            return Err(IssueError::ExtraName(format!("{name:?}")));
        }
        for name in extra {
            params.subject_alt_names.push(match name {
                ExtraName::Dns(name) => SanType::DnsName(dns(name)?),
                ExtraName::Address(address) => SanType::IpAddress(*address),
            });
        }
        let made = params.signed_by(key, &self.issuer()).expect("all of it is of a known form");
        Ok(Certificate::new(made.der().to_vec()).expect("it was just made"))
    }

    fn issuer(&self) -> Issuer<'_, &TlsKey> {
        let mut params = CertificateParams::default();
        params.distinguished_name = distinguished_name(&Subject::Authority(self.fabric));
        params.key_usages = authority_usages();
        Issuer::new(params, &self.key)
    }
}

/// The name that control's certificate has for those who connect to it, whatever its address.
pub fn control_dns_name(fabric: FabricId) -> String {
    format!("control.{fabric}.netloom.internal")
}

/// The name that a node's certificate has for those who connect to it.
pub fn node_dns_name(fabric: FabricId, node: &str) -> String {
    format!("{node}.node.{fabric}.netloom.internal")
}

fn check(name: &str) -> Result<(), IssueError> {
    if is_name(name) { Ok(()) } else { Err(IssueError::Name(name.to_owned())) }
}

fn dns(name: &str) -> Result<rcgen::string::Ia5String, IssueError> {
    let refused = || IssueError::ExtraName(name.to_owned());
    rustls::pki_types::DnsName::try_from(name).map_err(|_| refused())?;
    name.try_into().map_err(|_| refused())
}

fn uri(subject: &Subject) -> SanType {
    let name = subject.to_string();
    SanType::URI(name.try_into().expect("ids and names are ASCII"))
}

fn authority_usages() -> Vec<KeyUsagePurpose> {
    vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign]
}

/// What people see where a program shows certificates. It says nothing that the URI does not say.
/// A common name has at most 64 letters (RFC 5280 A.1); no node can be called like the authority.
fn distinguished_name(subject: &Subject) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, format!("Netloom fabric {}", subject.fabric()));
    let common = match subject {
        Subject::Authority(_) => "Netloom authority",
        Subject::Control(_, name) | Subject::Node(_, name) => name,
    };
    name.push(DnType::CommonName, common);
    name
}

/// What all certificates have in common.
fn params(subject: &Subject, now: WallTime, lifetime: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    let Validity { start, end } = Validity::made_at(now, lifetime);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_nanos(start.0);
    params.not_after = epoch + Duration::from_nanos(end.0);
    let mut serial: [u8; 16] = random::bytes();
    // A positive number of a fixed length.
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = distinguished_name(subject);
    params
}

impl Validity {
    /// What is made at `now` is valid [`BACKDATE`] before, in whole seconds.
    fn made_at(now: WallTime, lifetime: Duration) -> Self {
        let second = |nanoseconds: u64| WallTime::from_secs(nanoseconds / 1_000_000_000);
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Self {
            start: second(now.0.saturating_sub(nanoseconds(BACKDATE))),
            end: second(now.0.saturating_add(nanoseconds(lifetime))),
        }
    }
}
