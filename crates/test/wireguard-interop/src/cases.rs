//! What is tried with each peer, in each role.

mod cookies;
mod rekeying;
mod roaming;
mod secrets;
mod talking;

use crate::stock::Implementation;
use crate::world::World;
use crate::{Family, Side};
use std::fmt;

/// Whose preshared keys there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Psk {
    /// The same at both ends: must work.
    Same,
    /// Different ones: must not.
    Different,
    /// Only at our end: must not.
    OnlyOurs,
    /// Only at the other end: must not.
    OnlyTheirs,
}

/// How an end moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// A translator before it gives it another address and port.
    Rebinding,
    /// Its host loses its address and gets another one.
    Host,
    /// It opens another UDP port.
    Port,
}

/// One case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// One handshake, started by the right end; pings both ways, of both families.
    Handshake(Family),
    /// Data with a checksum, both ways at once: outer family, inner family.
    Transfer(Family, Family),
    /// Preshared keys.
    Psk(Psk),
    /// A new handshake while data flows, made by having the initiator forget its session.
    RekeyForced,
    /// A new handshake by age, after 120 s of pings, none of which may be lost.
    RekeyByAge,
    /// An end moves while data flows: who, how, outer family.
    Roaming(Side, Move, Family),
    /// A tunnel without traffic is opened and held open by its initiator.
    Keepalive,
    /// The end that is called does not know the one that calls, and says nothing.
    Stranger,
    /// The end that is called is flooded with initiations, and asks for a cookie.
    Cookie,
}

/// What a case has done, to be added up.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// In words.
    pub words: String,
    /// Bytes that were compared.
    pub bytes: u64,
    /// Handshakes after the first one.
    pub rekeys: u64,
    /// Moves that were followed.
    pub moves: u64,
    /// Cookies that were asked for under a flood.
    pub cookies: u64,
}

impl Case {
    /// All of them; those that take minutes only if wanted.
    pub fn all(full: bool) -> Vec<Self> {
        // What waits for timers comes first, so that all else is done meanwhile.
        let mut all = if full { vec![Self::RekeyByAge] } else { Vec::new() };
        all.extend(Family::BOTH.map(|family| Self::Roaming(Side::Theirs, Move::Host, family)));
        all.extend([Self::Cookie, Self::Keepalive, Self::Stranger]);
        let psk = [Psk::Different, Psk::OnlyOurs, Psk::OnlyTheirs, Psk::Same];
        all.extend(psk.map(Self::Psk));
        all.extend(Family::BOTH.map(Self::Handshake));
        for outer in Family::BOTH {
            all.extend(Family::BOTH.map(|inner| Self::Transfer(outer, inner)));
        }
        all.push(Self::RekeyForced);
        for family in Family::BOTH {
            let moves = [Move::Rebinding, Move::Host].map(|how| (Side::Ours, how));
            let theirs = [Move::Rebinding, Move::Port].map(|how| (Side::Theirs, how));
            let moves = moves.into_iter().chain([(Side::Ours, Move::Port)]);
            let both = moves.chain(theirs);
            all.extend(both.map(|(side, how)| Self::Roaming(side, how, family)));
        }
        all
    }

    /// Whether it is one of those that show most in a minute.
    pub fn is_short(self) -> bool {
        match self {
            Self::Handshake(_) | Self::Transfer(..) | Self::RekeyForced | Self::Cookie => true,
            Self::Psk(psk) => matches!(psk, Psk::Same | Psk::Different),
            Self::Roaming(_, how, family) => how != Move::Host && family == Family::Ipv4,
            Self::RekeyByAge | Self::Keepalive | Self::Stranger => false,
        }
    }

    /// Why it is left out with this implementation at the other end (`None`: one of ours), where
    /// `initiator` starts.
    pub fn exclusion(
        self,
        theirs: Option<Implementation>,
        initiator: Side,
    ) -> Option<&'static str> {
        match (self, theirs?, initiator) {
            (Self::Roaming(Side::Theirs, Move::Port, _), Implementation::Gotatun, _) => Some(
                "gotatun 0.10.2 at times stops reading its device when its port changes under load",
            ),
            (Self::Cookie, Implementation::Gotatun, Side::Ours) => Some(
                "gotatun 0.10.2 counts initiations by their source, so a flood costs nobody else a cookie",
            ),
            _ => None,
        }
    }

    /// Tries it in a new world.
    ///
    /// # Errors
    /// What does not hold.
    pub fn run(self, world: &mut World, initiator: Side) -> anyhow::Result<Evidence> {
        match self {
            Self::Handshake(outer) => talking::handshake(world, initiator, outer),
            Self::Transfer(outer, inner) => talking::transfer(world, initiator, outer, inner),
            Self::Keepalive => talking::keepalive(world, initiator),
            Self::Psk(psk) => secrets::psk(world, initiator, psk),
            Self::Stranger => secrets::stranger(world, initiator),
            Self::Cookie => cookies::flooded(world, initiator),
            Self::RekeyForced => rekeying::forced(world, initiator),
            Self::RekeyByAge => rekeying::by_age(world, initiator),
            Self::Roaming(side, Move::Rebinding, outer) => {
                roaming::rebinding(world, initiator, side, outer)
            }
            Self::Roaming(side, how, outer) => roaming::moving(world, initiator, side, how, outer),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Handshake(outer) => format!("handshake over {outer}"),
            Self::Transfer(outer, inner) => format!("transfer of {inner} over {outer}"),
            Self::Psk(Psk::Same) => "psk: the same".to_owned(),
            Self::Psk(Psk::Different) => "psk: different, refused".to_owned(),
            Self::Psk(Psk::OnlyOurs) => "psk: only ours, refused".to_owned(),
            Self::Psk(Psk::OnlyTheirs) => "psk: only theirs, refused".to_owned(),
            Self::RekeyForced => "rekey: session forgotten".to_owned(),
            Self::RekeyByAge => "rekey: after 120 s".to_owned(),
            Self::Roaming(side, Move::Rebinding, outer) => {
                format!("roaming: {side} rebound, {outer}")
            }
            Self::Roaming(side, Move::Host, outer) => {
                format!("roaming: {side} readdressed, {outer}")
            }
            Self::Roaming(side, Move::Port, outer) => format!("roaming: {side} new port, {outer}"),
            Self::Keepalive => "keepalive without traffic".to_owned(),
            Self::Stranger => "stranger, refused".to_owned(),
            Self::Cookie => "cookie under a flood".to_owned(),
        };
        f.pad(&text)
    }
}
