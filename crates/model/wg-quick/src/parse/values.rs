//! Single values of a file: keys and places for keys, prefixes, ports, endpoints.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};

/// Characters of a wrong value that are shown.
const SHOWN_CHARS_MAX: usize = 60;

/// Whether a text has the form of a key.
pub(super) fn is_key(text: &str) -> bool {
    let body = text.strip_suffix('=').unwrap_or_default();
    let base64 = |character: char| character.is_ascii_alphanumeric() || "+/".contains(character);
    // The last character carries four bits of the key and two that are zero.
    body.len() == 43
        && body.chars().all(base64)
        && body.ends_with(|c| "AEIMQUYcgkosw048".contains(c))
}

/// Whether a text only holds the place of a key: in brackets of any kind, or in words.
pub(super) fn is_placeholder(text: &str) -> bool {
    let bracketed = [('<', '>'), ('{', '}'), ('[', ']'), ('$', '}')]
        .iter()
        .any(|(open, close)| text.starts_with(*open) && text.ends_with(*close));
    let words = text.len() < 43
        && text.contains(['_', '-', ' '])
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_- ".contains(c));
    bracketed || words || text.is_empty()
}

/// An address with its length; that of the whole address where none is given.
pub(super) fn with_length(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

pub(super) fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0)
}

pub(super) fn endpoint(text: &str) -> Option<String> {
    let (host, number) = text.rsplit_once(':')?;
    port(number)?;
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let sound = match v6 {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.parse::<Ipv4Addr>().is_ok() || is_domain(host),
    };
    sound.then(|| text.to_owned())
}

/// A mark of packets; 0 is none.
pub(super) fn mark(text: &str) -> Option<u32> {
    if text.eq_ignore_ascii_case("off") {
        return Some(0);
    }
    let plain = |digits: &str| digits.chars().all(|c| c.is_ascii_hexdigit());
    match text.strip_prefix("0x") {
        Some(digits) if plain(digits) => u32::from_str_radix(digits, 16).ok(),
        Some(_) => None,
        None => text.parse().ok().filter(|_| plain(text)),
    }
}

/// A list as wg-quick takes those that are its own: a blank parts two values as a comma does.
pub(super) fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(",")
}

/// A domain that names are looked for in; after `~`, as systemd-resolved writes one that names are only
/// sent for.
pub(super) fn is_search_domain(text: &str) -> bool {
    let domain = text.strip_prefix('~').unwrap_or(text);
    domain == "." || is_domain(&domain.replace('_', "-"))
}

fn is_domain(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253
        && host.trim_end_matches('.').split('.').all(label)
        && host.chars().any(|c| c.is_ascii_alphabetic())
}

pub(super) fn shown(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    visible.take(SHOWN_CHARS_MAX).collect()
}
