//! Names to addresses by the system's resolver, in the order in which they are tried.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};

/// Most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// A version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// Why a name has no address to try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The system's resolver gave none.
    #[error("cannot resolve {host}: {source}; ask the resolver itself: `netloom lookup {host}`")]
    Lookup {
        /// The name.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// It has addresses, but none of the family that was asked for.
    #[error("{host} has no {family} address; leave the family open, or `netloom lookup {host}`")]
    Family {
        /// The name.
        host: String,
        /// The family.
        family: Family,
    },
}

/// The addresses of a host, families taking turns, the one that the system prefers first
/// (RFC 8305 §4); at least one.
pub(crate) fn resolve(
    host: &str,
    port: u16,
    family: Option<Family>,
) -> Result<Vec<SocketAddr>, ResolveError> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let found: Vec<SocketAddr> = (bare, port)
        .to_socket_addrs()
        .map_err(|source| ResolveError::Lookup { host: host.to_owned(), source })?
        .collect();
    let fits =
        |address: &SocketAddr| family.is_none_or(|family| Family::of(address.ip()) == family);
    let ordered = interleave(found.into_iter().filter(fits).collect());
    if ordered.is_empty() {
        let host = host.to_owned();
        return Err(match family {
            Some(family) => ResolveError::Family { host, family },
            None => ResolveError::Lookup { host, source: io::ErrorKind::NotFound.into() },
        });
    }
    Ok(ordered)
}

fn interleave(mut found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    found.dedup();
    let Some(preferred) = found.first().map(|first| first.is_ipv6()) else { return found };
    let (first, second): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| address.is_ipv6() == preferred);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    while ordered.len() < ADDRESSES_MAX {
        let before = ordered.len();
        ordered.extend(first.next().into_iter().chain(second.next()));
        if ordered.len() == before {
            break;
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_the_preferred_one_begins() {
        let all: Vec<SocketAddr> = ["[fd00::1]:1", "[fd00::2]:1", "[fd00::3]:1", "10.0.0.1:1"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let ordered = interleave(all.clone());
        assert_eq!(ordered, [all[0], all[3], all[1], all[2]]);
    }

    #[test]
    fn an_address_is_its_own_name_even_in_brackets() {
        let found = resolve("[::1]", 80, None).unwrap();
        assert_eq!(found, ["[::1]:80".parse().unwrap()]);
        let error = resolve("127.0.0.1", 80, Some(Family::V6)).unwrap_err();
        assert!(error.to_string().contains("no IPv6 address"), "{error}");
    }

    #[test]
    fn a_name_that_does_not_exist_names_the_next_step() {
        let error = resolve("nothing.invalid", 80, None).unwrap_err();
        assert!(error.to_string().contains("netloom lookup nothing.invalid"), "{error}");
    }
}
