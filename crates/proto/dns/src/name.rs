//! Domain names: labels as on the wire, compared without regard to case, in canonical order.

use crate::limits::{LABEL_BYTES_MAX, NAME_BYTES_MAX};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::str::FromStr;

/// A domain name, always absolute. Its letters' case is kept but means nothing (RFC 4343); the
/// order is the canonical one (RFC 4034 §6.1), in which a name comes just before those below it.
#[derive(Clone)]
pub struct Name {
    /// Labels with their lengths, and the root's zero at the end.
    wire: Vec<u8>,
}

/// Why a text is no domain name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// A label is empty.
    #[error("{0:?} is no domain name: a label is empty; labels are separated by single dots")]
    EmptyLabel(String),
    /// A label is too long.
    #[error("{0:?} is no domain name: a label has more than 63 bytes; shorten it")]
    LongLabel(String),
    /// The name is too long.
    #[error("{0:?} is no domain name: it has more than 253 bytes; shorten it")]
    LongName(String),
    /// A character that a name cannot carry as text.
    #[error(
        "{0:?} is no domain name: write it in ASCII without blanks; international names in their \
         xn-- form"
    )]
    Character(String),
}

impl Name {
    /// The root.
    pub fn root() -> Self {
        Self { wire: vec![0] }
    }

    /// A name from its wire form, of which the caller vouches for lengths and end.
    pub(crate) fn from_wire(wire: Vec<u8>) -> Self {
        debug_assert!(wire.len() <= NAME_BYTES_MAX && wire.last() == Some(&0));
        Self { wire }
    }

    /// The name under which an address is looked up (RFC 1035 §3.5, RFC 3596 §2.5).
    pub fn reverse(address: IpAddr) -> Self {
        let text = match address {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            IpAddr::V6(address) => {
                let mut text = String::new();
                for byte in address.octets().iter().rev() {
                    text.push_str(&format!("{:x}.{:x}.", byte & 0x0f, byte >> 4));
                }
                text + "ip6.arpa"
            }
        };
        text.parse().expect("digits and dots, within the limits")
    }

    /// The labels, from the leftmost.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.wire.as_slice();
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first()?;
            let (label, after) = after.split_at_checked(usize::from(*length))?;
            rest = after;
            (!label.is_empty()).then_some(label)
        })
    }

    /// Whether this name is `other` or below it.
    pub fn is_within(&self, other: &Self) -> bool {
        let Some(start) = self.wire.len().checked_sub(other.wire.len()) else { return false };
        self.label_starts().any(|label| label == start)
            && self.wire[start..].eq_ignore_ascii_case(&other.wire)
    }

    /// Bytes of the wire form.
    pub fn as_wire(&self) -> &[u8] {
        &self.wire
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.wire.len() == 1
    }

    /// Offsets of the labels in the wire form, the root's included.
    pub(crate) fn label_starts(&self) -> impl Iterator<Item = usize> {
        let mut next = Some(0);
        std::iter::from_fn(move || {
            let start = next?;
            let length = usize::from(*self.wire.get(start)?);
            next = (length > 0).then_some(start + 1 + length);
            Some(start)
        })
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// Reads a name as people write it; the dot at the end may be there or not.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let error = |kind: fn(String) -> NameError| kind(text.chars().take(300).collect());
        let bare = text.strip_suffix('.').unwrap_or(text);
        if text == "." {
            return Ok(Self::root());
        }
        let mut wire = Vec::with_capacity(bare.len() + 2);
        for label in bare.split('.') {
            if label.is_empty() {
                return Err(error(NameError::EmptyLabel));
            }
            if !label.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
                return Err(error(NameError::Character));
            }
            let length = u8::try_from(label.len()).ok();
            let Some(length) = length.filter(|length| usize::from(*length) <= LABEL_BYTES_MAX)
            else {
                return Err(error(NameError::LongLabel));
            };
            wire.push(length);
            wire.extend_from_slice(label.as_bytes());
        }
        wire.push(0);
        if wire.len() > NAME_BYTES_MAX {
            return Err(error(NameError::LongName));
        }
        Ok(Self { wire })
    }
}

impl fmt::Display for Name {
    /// Without the dot at the end; bytes that are no plain text as `\DDD` (RFC 1035 §5.1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for (place, label) in self.labels().enumerate() {
            if place > 0 {
                f.write_str(".")?;
            }
            for byte in label {
                match byte {
                    b'.' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
                    byte if byte.is_ascii_graphic() => write!(f, "{}", char::from(*byte))?,
                    byte => write!(f, "\\{byte:03}")?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

// === impl comparison ===

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        // Lengths are below 64, so lowering letters never touches them.
        self.wire.eq_ignore_ascii_case(&other.wire)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.wire.to_ascii_lowercase().hash(state);
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        let reversed = |name: &Self| -> Vec<Vec<u8>> {
            let mut labels: Vec<_> = name.labels().map(<[u8]>::to_ascii_lowercase).collect();
            labels.reverse();
            labels
        };
        reversed(self).cmp(&reversed(other))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_compared_by_labels_without_case() {
        assert_eq!(name("Web-1.App.Internal"), name("web-1.app.internal."));
        assert!(name("a.B.c").is_within(&name("b.C")));
        assert!(!name("ab.c").is_within(&name("b.c")));
        assert!(name("c").is_within(&Name::root()));
        assert!(!name("c").is_within(&name("b.c")));
    }

    #[test]
    fn the_order_is_canonical() {
        let order = ["example", "a.example", "yljkjljk.a.example", "Z.a.example", "z.example"];
        for pair in order.windows(2) {
            assert!(name(pair[0]) < name(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn addresses_have_reverse_names() {
        let of = |text: &str| Name::reverse(text.parse().unwrap()).to_string();
        assert_eq!(of("10.0.1.2"), "2.1.0.10.in-addr.arpa");
        assert_eq!(
            of("fd00:10::ab"),
            "b.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.d.f.ip6.arpa"
        );
    }

    #[test]
    fn what_is_no_name_says_why() {
        type Kind = fn(String) -> NameError;
        let cases: [(String, Kind); 4] = [
            ("a..b".into(), NameError::EmptyLabel),
            ("a b".into(), NameError::Character),
            ("a".repeat(64), NameError::LongLabel),
            (["a"; 128].join("."), NameError::LongName),
        ];
        for (text, kind) in cases {
            assert_eq!(text.parse::<Name>(), Err(kind(text)));
        }
    }
}
