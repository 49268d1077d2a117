//! Addresses and prefixes as they are written.

use super::{At, Decoder};
use crate::diagnostic::{Diagnostic, code};
use crate::special::Special;
use crate::tree::{Tree, Value};
use ipnet::IpNet;
use std::net::IpAddr;

impl Decoder {
    /// A prefix without host bits.
    pub fn cidr(&mut self, tree: &Tree) -> Option<At<IpNet>> {
        let text = self.text(tree, "a prefix such as 10.0.0.0/16 or fd00:10::/48 is needed")?;
        let Some(prefix) = prefix(text) else {
            let mut found = Diagnostic::error(
                code::BAD_ADDRESS,
                &tree.span,
                format!("`{text}` is not a prefix"),
                bad_prefix_cause(text),
                "write it as ADDRESS/LENGTH, such as 10.0.0.0/16 or fd00:10::/48",
            );
            let whole = text.parse::<IpAddr>().ok();
            let whole = whole.map(|ip| IpNet::from(ip.to_canonical()).to_string());
            let whole = whole.or_else(|| without_zone(text));
            let meant = || without_zeros(text).filter(|meant| prefix(meant).is_some());
            found.did_you_mean = whole.or_else(meant);
            self.push(found);
            return None;
        };
        if let Some(v4) = mapped_prefix(prefix) {
            self.mapped(tree, text, v4);
            return None;
        }
        if prefix != prefix.trunc() {
            self.host_bits(tree, text, prefix);
            return None;
        }
        Some(At { value: prefix, span: tree.span.clone() })
    }

    fn host_bits(&mut self, tree: &Tree, text: &str, prefix: IpNet) {
        let (solution, meant) = match prefix.prefix_len() {
            // Every address is hardly what an address in it means.
            0 => ("write the length of the range that is meant", classful(prefix)),
            _ => {
                let meant = mapped_with_its_own_length(prefix).unwrap_or(prefix).trunc();
                ("write the first address of the range, or a longer prefix", Some(meant))
            }
        };
        let found = Diagnostic::error(
            code::HOST_BITS,
            &tree.span,
            format!("`{text}` has bits set after its first {}", prefix.prefix_len()),
            "a prefix names a whole range, and its address is the first of it",
            solution,
        );
        self.push(found.meaning(meant.map(|meant| meant.to_string())));
    }

    /// An address that a flow can come from or go to.
    pub(super) fn end_of_flow(&mut self, tree: &Tree) -> Option<At<IpAddr>> {
        let address = self.address(tree)?;
        let Some(special) = Special::of(address.value) else { return Some(address) };
        self.error(
            code::SPECIAL_ADDRESS,
            &tree.span,
            format!("`{}` is no end of a flow", address.value),
            format!("it is {}", special.words()),
            special.solution(),
        );
        None
    }

    /// An IPv4 address that is written as one of IPv6.
    fn mapped(&mut self, tree: &Tree, text: &str, v4: Option<String>) {
        let found = Diagnostic::error(
            code::BAD_ADDRESS,
            &tree.span,
            format!("`{text}` is IPv4 written as IPv6"),
            "packets of IPv4 carry IPv4 addresses, so that nothing would ever match it",
            "write it as IPv4",
        );
        self.push(found.meaning(v4));
    }

    /// One prefix or a list of them.
    pub fn cidrs(&mut self, tree: &Tree) -> Vec<At<IpNet>> {
        self.items(tree).iter().filter_map(|item| self.cidr(item)).collect()
    }

    /// One prefix or a list of them, not empty: where addresses come from.
    pub fn some_cidrs(&mut self, tree: &Tree) -> Vec<At<IpNet>> {
        let before = self.errors();
        let cidrs = self.cidrs(tree);
        if cidrs.is_empty() && self.errors() == before && tree.value != Value::Broken {
            self.error(
                code::MISSING_KEY,
                &tree.span,
                "no prefix stands here",
                "addresses come from prefixes, so at least one is needed",
                "write `cidr: PREFIX`, with one prefix or a list",
            );
        }
        cidrs
    }

    /// An address.
    pub fn address(&mut self, tree: &Tree) -> Option<At<IpAddr>> {
        let text = self.text(tree, "an address such as 10.0.1.20 or fd00:10::20 is needed")?;
        match text.parse::<IpAddr>() {
            Ok(value) if mapped_prefix(value.into()).is_some() => {
                self.mapped(tree, text, Some(value.to_canonical().to_string()));
                None
            }
            Ok(value) => Some(At { value, span: tree.span.clone() }),
            Err(_) => {
                let found = Diagnostic::error(
                    code::BAD_ADDRESS,
                    &tree.span,
                    format!("`{text}` is not an address"),
                    match without_zeros(text) {
                        Some(_) => ZEROS,
                        None => {
                            "an address is four numbers up to 255 with dots, or IPv6 groups with colons"
                        }
                    },
                    "write it without prefix length, zone or port",
                );
                let bare = text.split(['/', '%']).next().unwrap_or_default();
                let bare = without_zeros(bare).unwrap_or_else(|| bare.to_owned());
                let bare = bare.parse::<IpAddr>().ok();
                self.push(found.meaning(bare.map(|bare| bare.to_string())));
                None
            }
        }
    }
}

/// The addresses of IPv6 that stand for those of IPv4 (RFC 4291 §2.5.5.2) begin with so many bits.
const MAPPED_BITS: u8 = 96;

/// If `prefix` is a part of those addresses, what it stands for, as far as that is a prefix.
fn mapped_prefix(prefix: IpNet) -> Option<Option<String>> {
    let IpNet::V6(v6) = prefix else { return None };
    let v4 = v6.addr().to_ipv4_mapped()?;
    let length = v6.prefix_len().checked_sub(MAPPED_BITS)?;
    Some(IpNet::new(v4.into(), length).ok().map(|v4| v4.to_string()))
}

/// `::ffff:10.0.0.0/8`: an address of IPv4 written as IPv6, with the length that it has as IPv4.
fn mapped_with_its_own_length(prefix: IpNet) -> Option<IpNet> {
    let IpNet::V6(v6) = prefix else { return None };
    IpNet::new(v6.addr().to_ipv4_mapped()?.into(), v6.prefix_len()).ok()
}

/// The range that an IPv4 address with zeros at its end is the first of: `10.0.0.0/8`.
fn classful(prefix: IpNet) -> Option<IpNet> {
    let IpNet::V4(v4) = prefix else { return None };
    let zeros = u8::try_from(v4.addr().to_bits().trailing_zeros()).unwrap_or(32);
    IpNet::new(v4.addr().into(), 32 - zeros / 8 * 8).ok()
}

/// What a text means without the zone of its address.
fn without_zone(text: &str) -> Option<String> {
    let (address, rest) = text.split_once('%')?;
    let length = rest.split_once('/').map_or("128", |(_, length)| length);
    let prefix: IpNet = format!("{address}/{length}").parse().ok()?;
    Some(prefix.trunc().to_string())
}

/// Why numbers of IPv4 do not begin with a zero.
const ZEROS: &str =
    "some programs read a number that begins with 0 as octal: `010` is 8 to them, and 10 to others";

/// A prefix: an address as everybody reads it, and a length.
fn prefix(text: &str) -> Option<IpNet> {
    let (address, _) = text.split_once('/')?;
    address.parse::<IpAddr>().ok()?;
    text.parse().ok()
}

/// What a text with an address of IPv4 is without the zeros that its numbers begin with, if any do.
fn without_zeros(text: &str) -> Option<String> {
    let (address, length) = text.find('/').map_or((text, ""), |at| text.split_at(at));
    let bare = |number: &str| match number.trim_start_matches('0') {
        "" if !number.is_empty() => "0".to_owned(),
        bare => bare.to_owned(),
    };
    let numbers: Vec<String> = address.split('.').map(bare).collect();
    let meant = numbers.join(".");
    let is_meant = numbers.len() == 4 && meant != address && meant.parse::<IpAddr>().is_ok();
    is_meant.then(|| format!("{meant}{length}"))
}

fn bad_prefix_cause(text: &str) -> String {
    match text.split_once('/') {
        _ if without_zeros(text).is_some() => ZEROS.to_owned(),
        _ if without_zone(text).is_some() => {
            "a zone (`%…`) names a link of one host, and means nothing elsewhere".to_owned()
        }
        None if text.parse::<IpAddr>().is_ok() => "the prefix length is missing".to_owned(),
        None => "it is neither an address nor has it a length".to_owned(),
        Some((address, length)) => match address.parse::<IpAddr>() {
            Err(_) => format!("`{address}` is not an address"),
            Ok(IpAddr::V4(_)) => format!("`{length}` is not a length from 0 to 32"),
            Ok(IpAddr::V6(_)) => format!("`{length}` is not a length from 0 to 128"),
        },
    }
}
