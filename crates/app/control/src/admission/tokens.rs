//! Join tokens: made, listed, revoked.

use super::{
    Admission, AdmissionError, control_name, hex, order, read_token, token_name, waiting_name,
    wall_now,
};
use crate::office::{Office, OfficeError, now_ms, put};
use netloom_api::{MakeToken, Token as ShownToken, TokenMade};
use netloom_cbor::to_bytes;
use netloom_pki::{Token, TokenOrder, TokenRecord};
use std::collections::BTreeMap;

impl Admission {
    pub(crate) fn make_token(
        &self,
        office: &Office,
        wanted: &MakeToken,
    ) -> Result<TokenMade, AdmissionError> {
        if wanted.control {
            self.shared_store()?;
            if wanted.node.is_none() || wanted.reusable {
                let text = "a token that makes a member of control gives away the keys of the CA, so it \
                            is for one node and one use; name the node with --node";
                return Err(AdmissionError::Invalid(text.to_owned()));
            }
        }
        let lifetime = order::lifetime(wanted)?;
        let endpoints = if wanted.endpoints.is_empty() {
            self.endpoints(&office.world())
        } else {
            wanted.endpoints.clone()
        };
        let order = TokenOrder {
            fabric: self.authority().fabric(),
            fabric_name: office.world().identity.name.clone(),
            endpoints,
            authority: self.authority().hash(),
            lifetime,
            node: wanted.node.clone(),
            tags: wanted.tags.clone(),
        };
        let token = Token::new(order, wall_now());
        let record = TokenRecord::of(&token, wanted.reusable);
        let name = token_name(&record.id);
        let (waits, makes_member) = (waiting_name(&record.id), control_name(&record.id));
        office.update(|_, _| {
            let mut changes = vec![put(name.clone(), to_bytes(&record))];
            if wanted.needs_approval {
                changes.push(put(waits.clone(), Vec::new()));
            }
            if wanted.control {
                changes.push(put(makes_member.clone(), Vec::new()));
            }
            Ok::<_, AdmissionError>(changes)
        })?;
        Ok(TokenMade {
            id: hex(&record.id),
            token: token.to_text().to_string(),
            expires_s: token.expiry,
        })
    }

    pub(crate) fn tokens(&self, office: &Office) -> Result<Vec<ShownToken>, AdmissionError> {
        let snapshot = office.store().snapshot().map_err(OfficeError::from)?;
        let records: BTreeMap<String, TokenRecord> =
            crate::read::records(&snapshot, "token/").map_err(OfficeError::from)?;
        let now_s = now_ms() / 1000;
        let usable = records.into_values().filter(|token| {
            !token.is_revoked && token.expiry > now_s && (token.is_reusable || token.uses == 0)
        });
        Ok(usable
            .map(|token| ShownToken {
                id: hex(&token.id),
                node: token.node,
                tags: token.tags.unwrap_or_default(),
                reusable: token.is_reusable,
                used: token.uses,
                expires_s: token.expiry,
            })
            .collect())
    }

    pub(crate) fn revoke_token(&self, office: &Office, id: &str) -> Result<(), AdmissionError> {
        let name = format!("token/{id}");
        office.update(|_, snapshot| {
            let Some(mut record) = read_token(snapshot, &name)? else {
                let text = format!("there is no token {id}; `netloom token ls` lists them");
                return Err(AdmissionError::Order(text));
            };
            record.is_revoked = true;
            Ok(vec![put(name.clone(), to_bytes(&record))])
        })?;
        Ok(())
    }
}
