//! A local static key and what follows from it: which initiations are for it, and who sent them.

use crate::crypto::{HASH_BYTES, Mac, hash};
use crate::drop_reason::DropReason;
use crate::key::{PrivateKey, PublicKey};
use crate::message::{Initiation, Macs};
use crate::noise;
use std::fmt;

const LABEL_MAC1: &[u8] = b"mac1----";
const LABEL_COOKIE: &[u8] = b"cookie--";

/// What mac1 and cookies to one public key are made with (paper §5.4.4, §5.4.7).
pub(crate) struct MacKeys {
    pub(crate) mac1: Mac,
    pub(crate) cookie: [u8; HASH_BYTES],
}

impl MacKeys {
    pub(crate) fn of(public: &PublicKey) -> Self {
        let mac1 = Mac::new(&hash(&[LABEL_MAC1, public.as_bytes()]));
        Self { mac1, cookie: hash(&[LABEL_COOKIE, public.as_bytes()]) }
    }
}

/// One local static key. Shared by the tunnels that use it.
pub struct Identity {
    pub(crate) private: PrivateKey,
    pub(crate) public: PublicKey,
    pub(crate) macs: MacKeys,
}

/// An initiation with its sender's static key: whom to ask whether the rest verifies.
pub struct OpenedInitiation {
    /// Who claims to have sent it; proved only by [`crate::Tunnel::handle_initiation`].
    pub remote: PublicKey,
    pub(crate) opening: noise::Opening,
    pub(crate) sender: u32,
}

impl Identity {
    /// The identity of a private key.
    pub fn new(private: PrivateKey) -> Self {
        let public = private.public();
        Self { private, public, macs: MacKeys::of(&public) }
    }

    /// The public key that peers know this identity by.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Whether this identity's private key is `private`.
    pub fn is_of(&self, private: &PrivateKey) -> bool {
        self.private == *private
    }

    /// Whether a handshake message is meant for this identity: whether its mac1 verifies.
    pub fn is_addressed(&self, macs: &Macs<'_>) -> bool {
        self.macs.mac1.verify(&[macs.body], macs.mac1)
    }

    /// Decrypts who sent an initiation: one Diffie-Hellman exchange, so admit it first
    /// ([`crate::Gate::admit`]).
    ///
    /// # Errors
    /// [`DropReason::BadHandshake`].
    pub fn open(&self, initiation: &Initiation<'_>) -> Result<OpenedInitiation, DropReason> {
        let (opening, remote) =
            noise::open(&self.private, &self.public, initiation).ok_or(DropReason::BadHandshake)?;
        Ok(OpenedInitiation { remote, opening, sender: initiation.sender() })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("public", &self.public).finish_non_exhaustive()
    }
}

impl fmt::Debug for OpenedInitiation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedInitiation").field("remote", &self.remote).finish_non_exhaustive()
    }
}
