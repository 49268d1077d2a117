//! What nodes ask that have joined: that their keys be known, that their certificates be renewed.

use super::{Admission, wall_now};
use crate::office::OfficeError;
use crate::record::Standing;
use crate::session::NodeDesk;
use netloom_cbor::Bytes;
use netloom_pki::authority::LIFETIME;
use netloom_pki::identity::verify_keys;
use netloom_pki::{NodeKeys, PublicKey};
use netloom_resource::call::{Answer, Call};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// What a node says of its keys and where it can be called.
struct SaidKeys {
    keys: BTreeMap<String, [u8; 32]>,
    listen_port: u16,
    addresses: Vec<IpAddr>,
    generation: u64,
    signature: [u8; 64],
}

impl Admission {
    fn keep_keys(
        &self,
        node: &str,
        from: Option<SocketAddr>,
        said: &SaidKeys,
    ) -> Result<(), OfficeError> {
        let SaidKeys { keys, listen_port, addresses, generation, signature } = said;
        let (listen_port, generation) = (*listen_port, *generation);
        let fabric = self.authority.fabric();
        self.office.change_node(node, |record| {
            let statement = NodeKeys { node: node.to_owned(), generation, keys: keys.clone() };
            let own = PublicKey(record.identity);
            let signed = verify_keys(&own, fabric, &statement, signature).is_ok();
            if !signed || generation < record.generation {
                return;
            }
            record.public_keys.clone_from(keys);
            record.generation = generation;
            let local = addresses.first().copied().or_else(|| from.map(|from| from.ip()));
            let local = local.map(|address| address.to_canonical());
            record.local_endpoint = local.map(|address| SocketAddr::new(address, listen_port));
            record.endpoint =
                from.map(|from| SocketAddr::new(from.ip().to_canonical(), listen_port));
        })?;
        Ok(())
    }
}

impl NodeDesk for Admission {
    fn answer(&self, node: &str, from: Option<SocketAddr>, call: Call) -> Answer {
        match call {
            Call::Keys { public_keys, listen_port, addresses, generation, signature } => {
                let keys = public_keys;
                let said = SaidKeys { keys, listen_port, addresses, generation, signature };
                match self.keep_keys(node, from, &said) {
                    Ok(()) => Answer::Done {},
                    Err(error) => Answer::Refused {
                        cause: error.to_string(),
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
                    self.authority.issue_node(node, &key, wall_now(), LIFETIME).ok()
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
