//! Secret keys: what they sign with, how they are stored, and that they are never shown.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData, SignatureAlgorithm, SigningKey};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::fmt;
use zeroize::Zeroizing;

/// A secret key as PKCS #8, to be stored where only its owner reads it (mode 0600). It is wiped
/// when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey(Zeroizing<Vec<u8>>);

/// Bytes that are no secret key of the kind that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored key is broken or of another kind: restore it from a copy, or make a new one")]
pub struct KeyError;

/// A key of control and of the authority: ECDSA over P-256, which browsers, webpki and rcgen all
/// take. Browsers take no Ed25519 certificate.
pub struct TlsKey {
    pair: EcdsaKeyPair,
    stored: StoredKey,
}

/// A key of a node, or the one that control signs states with: Ed25519.
pub struct SigningSecret {
    pair: Ed25519KeyPair,
    stored: StoredKey,
}

/// The public half of a [`SigningSecret`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

/// A signature that was not made over these bytes with the secret of this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not fit: what is signed was changed, or signed with another key")]
pub struct SignatureError;

impl StoredKey {
    /// A key that was stored.
    pub fn new(pkcs8: Vec<u8>) -> Self {
        Self(Zeroizing::new(pkcs8))
    }

    /// What is to be stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn for_tls(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.0.to_vec()).into()
    }
}

impl TlsKey {
    /// A new key, from the system's randomness.
    pub fn generate() -> Self {
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new());
        let pkcs8 = pkcs8.expect("keys of a known kind can be made");
        let stored = StoredKey::new(pkcs8.as_ref().to_vec());
        Self::from_stored(stored).expect("a key that was just made")
    }

    /// A key that was stored.
    pub fn from_stored(stored: StoredKey) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, stored.as_bytes());
        pair.map(|pair| Self { pair, stored }).map_err(|_| KeyError)
    }

    /// What is to be stored.
    pub fn stored(&self) -> &StoredKey {
        &self.stored
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let signature = self.pair.sign(&SystemRandom::new(), bytes);
        signature.expect("a sound key signs").as_ref().to_vec()
    }
}

impl SigningSecret {
    /// A new key, from the system's randomness.
    pub fn generate() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        let pkcs8 = pkcs8.expect("keys of a known kind can be made");
        let stored = StoredKey::new(pkcs8.as_ref().to_vec());
        Self::from_stored(stored).expect("a key that was just made")
    }

    /// A key that was stored.
    pub fn from_stored(stored: StoredKey) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(stored.as_bytes());
        pair.map(|pair| Self { pair, stored }).map_err(|_| KeyError)
    }

    /// What is to be stored.
    pub fn stored(&self) -> &StoredKey {
        &self.stored
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let bytes = self.pair.public_key().as_ref();
        PublicKey(bytes.try_into().expect("Ed25519 keys have 32 bytes"))
    }

    /// The signature over bytes, which begin with what tells them from everything else that is
    /// signed with the same key.
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        let signature = self.pair.sign(bytes);
        signature.as_ref().try_into().expect("Ed25519 signatures have 64 bytes")
    }
}

impl PublicKey {
    /// That a signature was made over these bytes with this key's secret.
    pub fn verify(&self, bytes: &[u8], signature: &[u8; 64]) -> Result<(), SignatureError> {
        let algorithm = &aws_lc_rs::signature::ED25519;
        let key = aws_lc_rs::signature::UnparsedPublicKey::new(algorithm, self.0);
        key.verify(bytes, signature).map_err(|_| SignatureError)
    }
}

// === impl certificates ===

impl PublicKeyData for TlsKey {
    fn der_bytes(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for TlsKey {
    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(Self::sign(self, bytes))
    }
}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

// === impl formatting ===

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredKey(..)")
    }
}

impl fmt::Debug for TlsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsKey(..)")
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningSecret(of {})", self.public())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl netloom_cbor::Encode for PublicKey {
    fn encode(&self, encoder: &mut netloom_cbor::Encoder) {
        encoder.bytes(&self.0);
    }
}

impl netloom_cbor::Decode for PublicKey {
    fn decode(decoder: &mut netloom_cbor::Decoder<'_>) -> Result<Self, netloom_cbor::DecodeError> {
        decoder.value().map(Self)
    }
}
