//! What nodes ask that have joined: that their keys be known, that their certificates be renewed.

use super::{Admission, wall_now};
use crate::record::{NodeRecord, Standing};
use crate::session::NodeDesk;
use netloom_cbor::Bytes;
use netloom_pki::authority::LIFETIME;
use netloom_pki::identity::verify_keys;
use netloom_pki::{NodeKeys, PublicKey};
use netloom_resource::call::{Answer, Call};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// What a node says of its keys and where it can be called.
#[derive(Debug)]
pub(super) struct SaidKeys {
    keys: BTreeMap<String, [u8; 32]>,
    listen_port: u16,
    addresses: Vec<IpAddr>,
    generation: u64,
    signature: [u8; 64],
    ciphers: Option<BTreeSet<String>>,
}

impl Admission {
    fn keep_keys(
        &self,
        node: &str,
        from: Option<SocketAddr>,
        said: SaidKeys,
    ) -> Result<(), String> {
        self.batch.join(node, (said, from), |gathered| {
            let changed = |name: &String, record: &mut NodeRecord| {
                if let Some((said, from)) = gathered.get(name) {
                    self.take_keys(name, record, said, *from);
                }
            };
            let names = gathered.keys();
            self.office.change_nodes(names, changed).map(drop).map_err(|error| error.to_string())
        })
    }

    /// Takes keys into a node's record, if the node has signed them and they are not older.
    fn take_keys(
        &self,
        node: &str,
        record: &mut NodeRecord,
        said: &SaidKeys,
        from: Option<SocketAddr>,
    ) {
        let SaidKeys { keys, listen_port, addresses, generation, signature, ciphers } = said;
        let statement = NodeKeys {
            node: node.to_owned(),
            generation: *generation,
            keys: keys.clone(),
            ciphers: ciphers.clone(),
        };
        let own = PublicKey(record.identity);
        let fabric = self.authority().fabric();
        let signed = verify_keys(&own, fabric, &statement, signature).is_ok();
        if !signed || *generation < record.generation {
            return;
        }
        record.public_keys.clone_from(keys);
        record.generation = *generation;
        record.ciphers.clone_from(ciphers);
        let at = |address: IpAddr| SocketAddr::new(address.to_canonical(), *listen_port);
        let local = addresses.first().copied().or_else(|| from.map(|from| from.ip()));
        record.local_endpoint = local.map(at);
        record.endpoint = from.map(|from| at(from.ip()));
    }
}

impl NodeDesk for Admission {
    fn answer(&self, node: &str, from: Option<SocketAddr>, call: Call) -> Answer {
        match call {
            Call::Keys {
                public_keys: keys,
                listen_port,
                addresses,
                generation,
                signature,
                ciphers,
            } => {
                let said =
                    SaidKeys { keys, listen_port, addresses, generation, signature, ciphers };
                match self.keep_keys(node, from, said) {
                    Ok(()) => Answer::Done {},
                    Err(error) => Answer::Refused {
                        cause: error,
                        solution: "look at control's log".to_owned(),
                    },
                }
            }
            Call::Renew {} => {
                let world = self.office.world();
                let record = world.nodes.get(node);
                let member = record.filter(|record| record.standing != Standing::Revoked);
                let issued = member.and_then(|record| {
                    let key = PublicKey(record.identity);
                    self.authority().issue_node(node, &key, wall_now(), LIFETIME).ok()
                });
                match issued {
                    Some(certificate) => {
                        Answer::Certificate { certificate: Bytes(certificate.as_bytes().to_vec()) }
                    }
                    None => Answer::Refused {
                        cause: format!("node `{node}` is not admitted (any more)"),
                        solution: "join again with a new token".to_owned(),
                    },
                }
            }
        }
    }
}
