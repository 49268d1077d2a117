//! What a set of resources is told by: LtHash16, a sum to which each resource adds its own lanes.
//!
//! The digest of a set follows from that of another set and what differs, whatever the order
//! (Bellare, Micciancio 1997; Lewi, Kim, Maykov, Weis, *Securing Update Propagation with
//! Homomorphic Hashing*, 2019). 1024 lanes of 16 bits withstand the search for another set with the
//! same sum at about 200 bits; what is sent is BLAKE3 of the lanes.

use std::fmt;

/// Lanes of a sum.
const LANES: usize = 1024;
/// Tells the expansion of a resource from all other uses of BLAKE3.
const ELEMENT_CONTEXT: &str = "netloom 2026 control protocol: element of a resource set";

/// The name of a set's content: BLAKE3 of its lanes, each two bytes, little-endian.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// The sum over a set, to which resources are added and from which they are taken away.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Lanes(Box<[u16; LANES]>);

impl Digest {
    /// That of the set without resources.
    pub fn of_nothing() -> Self {
        Lanes::default().digest()
    }
}

impl Lanes {
    pub(crate) fn add(&mut self, kind: u16, name: &str, version: &[u8; 32]) {
        self.each(kind, name, version, u16::wrapping_add);
    }

    pub(crate) fn take_away(&mut self, kind: u16, name: &str, version: &[u8; 32]) {
        self.each(kind, name, version, u16::wrapping_sub);
    }

    pub(crate) fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        let bytes: Vec<u8> = self.0.iter().flat_map(|lane| lane.to_le_bytes()).collect();
        Digest(*hasher.update(&bytes).finalize().as_bytes())
    }

    /// The lanes of a resource: two bytes each, little-endian, of BLAKE3's extendable output over
    /// kind (2 bytes, big-endian), length of the name (2 bytes, big-endian), name and version.
    fn each(
        &mut self,
        kind: u16,
        name: &str,
        version: &[u8; 32],
        change: impl Fn(u16, u16) -> u16,
    ) {
        let length = u16::try_from(name.len()).expect("names are limited");
        let mut hasher = blake3::Hasher::new_derive_key(ELEMENT_CONTEXT);
        hasher.update(&kind.to_be_bytes()).update(&length.to_be_bytes());
        hasher.update(name.as_bytes()).update(version);
        let mut bytes = [0; 2 * LANES];
        hasher.finalize_xof().fill(&mut bytes);
        for (lane, pair) in self.0.iter_mut().zip(bytes.chunks_exact(2)) {
            *lane = change(*lane, u16::from_le_bytes([pair[0], pair[1]]));
        }
    }
}

impl Default for Lanes {
    fn default() -> Self {
        Self(Box::new([0; LANES]))
    }
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lanes({:?})", self.digest())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..6].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl netloom_cbor::Encode for Digest {
    fn encode(&self, encoder: &mut netloom_cbor::Encoder) {
        encoder.bytes(&self.0);
    }
}

impl netloom_cbor::Decode for Digest {
    fn decode(decoder: &mut netloom_cbor::Decoder<'_>) -> Result<Self, netloom_cbor::DecodeError> {
        decoder.value().map(Self)
    }
}
