//! What a node signs with its Ed25519 key: its X25519 keys in each network, and that the key is its own.

use crate::fabric_id::FabricId;
use crate::key::{PublicKey, SignatureError, SigningSecret};
use std::collections::{BTreeMap, BTreeSet};

/// Tells the statement about a node's keys from everything else that it signs.
const KEYS_CONTEXT: &[u8] = b"netloom node keys v1\0";
/// Tells the proof of possession from everything else that a node signs.
const POSSESSION_CONTEXT: &[u8] = b"netloom key possession v1\0";
/// Networks of a node.
pub const NETWORKS_MAX: usize = 64;
/// Ciphers of a node.
pub const CIPHERS_MAX: usize = 16;

netloom_cbor::record! {
    /// The X25519 keys of a node. What is signed is the context `netloom node keys v1` with a zero
    /// byte, the fabric's id (16 bytes), and this record in CBOR.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct NodeKeys {
        /// The node's name.
        1 => pub node: String [max 63],
        /// Greater than that of all statements before it: milliseconds since 1970, usually. Who
        /// knows a newer statement does not take an older one.
        2 => pub generation: u64,
        /// The key of each network, by its name.
        3 => pub keys: BTreeMap<String, [u8; 32]> [max NETWORKS_MAX],
        /// Ciphers that its processor has instructions for, so that nobody in between talks its
        /// peers out of them. Only for who asks for them: others would verify something else.
        4 => pub ciphers: Option<BTreeSet<String>> [max CIPHERS_MAX],
    }
}

/// Signs a node's keys.
pub fn sign_keys(secret: &SigningSecret, fabric: FabricId, keys: &NodeKeys) -> [u8; 64] {
    secret.sign(&keys_statement(fabric, keys))
}

/// That a node's keys were signed with its key.
pub fn verify_keys(
    key: &PublicKey,
    fabric: FabricId,
    keys: &NodeKeys,
    signature: &[u8; 64],
) -> Result<(), SignatureError> {
    key.verify(&keys_statement(fabric, keys), signature)
}

fn keys_statement(fabric: FabricId, keys: &NodeKeys) -> Vec<u8> {
    [KEYS_CONTEXT, &fabric.0, &netloom_cbor::to_bytes(keys)].concat()
}

/// Proves to control, before a certificate is issued, that a node has the secret to its key.
/// `session` ties the proof to one connection: bytes that both ends of it derive from its secrets
/// ([`crate::tls::binding`]), so that nobody can pass the proof on.
pub fn prove_possession(
    secret: &SigningSecret,
    fabric: FabricId,
    name: &str,
    session: &[u8; 32],
) -> [u8; 64] {
    secret.sign(&possession_statement(fabric, name, session, &secret.public()))
}

/// That whoever speaks over a connection has the secret to a key.
pub fn verify_possession(
    key: &PublicKey,
    fabric: FabricId,
    name: &str,
    session: &[u8; 32],
    proof: &[u8; 64],
) -> Result<(), SignatureError> {
    key.verify(&possession_statement(fabric, name, session, key), proof)
}

/// The context with its zero byte, the fabric's id (16 bytes), the session's binding (32 bytes),
/// the key (32 bytes), and the name to the end.
fn possession_statement(
    fabric: FabricId,
    name: &str,
    session: &[u8; 32],
    key: &PublicKey,
) -> Vec<u8> {
    [POSSESSION_CONTEXT, &fabric.0, session, &key.0, name.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> NodeKeys {
        let keys = [("app", [1; 32]), ("db", [2; 32])];
        let keys = keys.map(|(network, key)| (network.to_owned(), key)).into();
        NodeKeys { node: "a".into(), generation: 7, keys, ciphers: None }
    }

    #[test]
    fn keys_are_those_that_were_signed_or_refused() {
        let (secret, fabric) = (SigningSecret::generate(), FabricId([3; 16]));
        let signature = sign_keys(&secret, fabric, &keys());
        let verify =
            |key: &PublicKey, fabric, keys: &NodeKeys| verify_keys(key, fabric, keys, &signature);
        assert_eq!(verify(&secret.public(), fabric, &keys()), Ok(()));
        assert_eq!(verify(&secret.public(), FabricId([4; 16]), &keys()), Err(SignatureError));
        let other = SigningSecret::generate().public();
        assert_eq!(verify(&other, fabric, &keys()), Err(SignatureError));
        let changes: [fn(&mut NodeKeys); 5] = [
            |keys| keys.ciphers = Some(BTreeSet::new()),
            |keys| keys.node = "b".into(),
            |keys| keys.generation += 1,
            |keys| keys.keys.retain(|network, _| network != "db"),
            |keys| keys.keys.values_mut().for_each(|key| key[31] ^= 1),
        ];
        for change in changes {
            let mut changed = keys();
            change(&mut changed);
            assert_eq!(verify(&secret.public(), fabric, &changed), Err(SignatureError));
        }
        let read: NodeKeys = netloom_cbor::from_bytes(&netloom_cbor::to_bytes(&keys())).unwrap();
        assert_eq!(verify(&secret.public(), fabric, &read), Ok(()));
    }

    #[test]
    fn what_is_signed_is_as_it_is_laid_down() {
        let statement = keys_statement(FabricId([3; 16]), &keys());
        let (context, rest) = statement.split_at(21);
        assert_eq!(context, b"netloom node keys v1\0");
        assert_eq!(rest[..16], [3; 16]);
        // {1: "a", 2: 7, 3: {"db": h'02…', "app": h'01…'}}
        assert_eq!(rest[16..28], [0xa3, 1, 0x61, b'a', 2, 7, 3, 0xa2, 0x62, b'd', b'b', 0x58]);
        assert_eq!(statement.len(), 21 + 16 + 8 + 3 + 34 + 4 + 34);
    }

    #[test]
    fn a_proof_is_for_one_key_name_fabric_and_connection() {
        let (secret, fabric, session) = (SigningSecret::generate(), FabricId([3; 16]), [5; 32]);
        let proof = prove_possession(&secret, fabric, "a", &session);
        let key = secret.public();
        assert_eq!(verify_possession(&key, fabric, "a", &session, &proof), Ok(()));
        let other = SigningSecret::generate().public();
        for (key, fabric, name, session) in [
            (key, fabric, "b", session),
            (key, FabricId([4; 16]), "a", session),
            (key, fabric, "a", [6; 32]),
            (other, fabric, "a", session),
        ] {
            let result = verify_possession(&key, fabric, name, &session, &proof);
            assert_eq!(result, Err(SignatureError), "{name}");
        }
    }
}
