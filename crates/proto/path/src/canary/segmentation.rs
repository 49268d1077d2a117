//! What a verdict is: how datagrams are sent.

use std::fmt;

/// How datagrams to a peer are put together for the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segmentation {
    /// In pieces of equal parts; the last may be shorter.
    #[default]
    Pieces,
    /// In pieces of equal parts only.
    EqualPieces,
    /// Each by itself.
    Apart,
}

impl fmt::Display for Segmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pieces => "pieces",
            Self::EqualPieces => "equal pieces",
            Self::Apart => "apart",
        })
    }
}
