//! Behaviours that AWS documents of its networks, each tried: on the engine, and with real packets.

pub mod attempt;
pub mod cases;
mod document;
mod run;

pub use document::{document, titles};
pub use run::{Seen, run};

/// One behaviour.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What AWS does, in own words.
    pub behaviour: &'static str,
    /// The page that documents it.
    pub page: &'static str,
    /// What Netloom does in its place and why, if it means to.
    pub differs: Option<&'static str>,
    /// What shows it.
    pub proof: Proof,
}

/// What shows a behaviour.
#[derive(Clone, Copy, Debug)]
pub enum Proof {
    /// Packets in the chapter's fabric: who calls whom and what becomes of it, as
    /// [`attempt::Attempt::parse`] reads it.
    Packets(&'static [&'static str]),
    /// Texts that the chapter's fabric gets beside its own, and the code that each is answered with:
    /// an error, which refuses it, or a warning.
    Refused(&'static [(&'static str, &'static str)]),
}

/// Behaviours about one thing, and the fabric in which they are tried.
#[derive(Clone, Copy, Debug)]
pub struct Chapter {
    /// What they are about.
    pub title: &'static str,
    /// The fabric's file.
    pub fabric: &'static str,
    /// The behaviours.
    pub cases: &'static [Case],
}

impl Case {
    /// Whether real packets show it.
    pub fn has_packets(&self) -> bool {
        matches!(self.proof, Proof::Packets(_))
    }
}
