//! The text of a file into what it says; everything that is wrong is told at once.

use crate::file::{File, Finding, Hook, HookKind, Key, Peer, Severity};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};

/// Largest file.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Most peers: as many as a node takes.
pub const PEERS_MAX: usize = 65_536;
/// Most prefixes of a peer, as a node takes them, and most values of any list.
const LIST_MAX: usize = 4_096;
/// Findings that are kept.
const FINDINGS_MAX: usize = 1_000;
/// Characters of a wrong value that are shown.
const SHOWN_CHARS_MAX: usize = 60;

/// Reads a file. What could not be read is left out, and among the findings.
pub fn parse(text: &str) -> (File, Vec<Finding>) {
    let mut parser = Parser::default();
    if text.len() > FILE_BYTES_MAX {
        let message = format!("the file is larger than {FILE_BYTES_MAX} bytes");
        parser.error(0, message, "a wg-quick file is small; is it the right one?");
        return (parser.file, parser.findings);
    }
    for (number, line) in (1..).zip(text.lines()) {
        parser.line(number, line);
    }
    parser.end();
    (parser.file, parser.findings)
}

#[derive(Default)]
struct Parser {
    file: File,
    findings: Vec<Finding>,
    section: Section,
    has_interface: bool,
    /// The comment that stands right before the next header, or right after the last one.
    comment: Option<String>,
    /// Whether nothing but comments has followed the header of a peer.
    at_header: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Section {
    #[default]
    Before,
    Interface,
    Peer,
    Unknown,
}

impl Parser {
    fn error(&mut self, line: u32, message: impl Into<String>, solution: impl Into<String>) {
        self.find(Severity::Error, line, message, solution);
    }

    fn find(
        &mut self,
        severity: Severity,
        line: u32,
        message: impl Into<String>,
        solution: impl Into<String>,
    ) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding::new(severity, line, message, solution));
        }
    }

    fn line(&mut self, number: u32, line: &str) {
        let (content, comment) = match line.split_once('#') {
            Some((content, comment)) => (content.trim(), Some(comment)),
            None => (line.trim(), None),
        };
        if let Some(comment) = comment.map(|text| text.trim_start_matches('#').trim())
            && content.is_empty()
        {
            self.comment(comment);
            return;
        }
        if content.is_empty() {
            // A blank line parts a comment from what follows it.
            self.comment = None;
        } else if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
        {
            self.header(number, name.trim());
        } else if let Some((key, value)) = content.split_once('=') {
            self.at_header = false;
            self.comment = None;
            self.entry(number, key.trim(), value.trim());
        } else {
            let message =
                format!("`{}` is neither a section nor a key with a value", shown(content));
            self.error(number, message, "write it as `Key = value`, or begin the line with `#`");
        }
    }

    fn comment(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.at_header
            && let Some(peer) = self.file.peers.last_mut()
            && peer.name.is_none()
        {
            peer.name = Some(text.to_owned());
        } else {
            self.comment = Some(text.to_owned());
        }
    }

    fn header(&mut self, number: u32, name: &str) {
        let comment = self.comment.take();
        self.at_header = false;
        if name.eq_ignore_ascii_case("interface") {
            if self.has_interface {
                self.error(number, "there is a second [Interface]", "a file is for one interface");
            }
            self.has_interface = true;
            self.section = Section::Interface;
        } else if name.eq_ignore_ascii_case("peer") {
            if self.file.peers.len() >= PEERS_MAX {
                self.section = Section::Unknown;
                let message = format!("there are more than {PEERS_MAX} peers");
                self.error(number, message, "split the file");
                return;
            }
            self.section = Section::Peer;
            self.at_header = true;
            self.file.peers.push(Peer { line: number, name: comment, ..Peer::default() });
        } else {
            self.section = Section::Unknown;
            let message = format!("[{}] is not a section of wg-quick", shown(name));
            self.error(number, message, "the sections are [Interface] and [Peer]");
        }
    }

    fn entry(&mut self, line: u32, key: &str, value: &str) {
        let known = match self.section {
            Section::Interface => self.of_interface(line, &key.to_ascii_lowercase(), value),
            Section::Peer => self.of_peer(line, &key.to_ascii_lowercase(), value),
            // Told with the header.
            Section::Unknown => true,
            Section::Before => {
                self.error(line, "a key stands before any section", "begin with [Interface]");
                true
            }
        };
        if !known {
            let section = if self.section == Section::Peer { "[Peer]" } else { "[Interface]" };
            let message = format!("`{}` is not a key of {section}", shown(key));
            self.error(line, message, "see wg-quick(8) and wg(8) for the keys, or comment it out");
        }
    }

    fn of_interface(&mut self, line: u32, key: &str, value: &str) -> bool {
        match key {
            "privatekey" => {
                let key = self.key(line, value);
                self.once(line, |file| &mut file.interface.private_key, key);
            }
            "address" => {
                let found = self.list(line, value, "an address such as 10.200.0.1/24", with_length);
                self.file.interface.addresses.extend(found);
            }
            "listenport" => {
                let port = self.parsed(line, value, "a port from 1 to 65535", port);
                self.once(line, |file| &mut file.interface.listen_port, port);
            }
            "dns" => {
                let found = self.list(line, value, "an address or a domain", |text| {
                    Some(text.parse::<IpAddr>().map_err(|_| text.to_owned()))
                });
                for one in found {
                    match one {
                        Ok(address) => self.file.interface.dns.push(address),
                        Err(domain) => self.file.interface.search.push(domain),
                    }
                }
            }
            "mtu" => {
                let mtu = self.parsed(line, value, "a number of bytes from 576 to 65535", |text| {
                    text.parse().ok().filter(|mtu| *mtu >= 576)
                });
                self.once(line, |file| &mut file.interface.mtu_bytes, mtu);
            }
            "table" if value.eq_ignore_ascii_case("auto") => {}
            "table" => self.file.interface.table = Some((line, value.to_owned())),
            "fwmark" if ["off", "0", "0x0"].contains(&value) => {}
            "fwmark" => self.file.interface.mark = Some((line, value.to_owned())),
            "saveconfig" => match value.to_ascii_lowercase().as_str() {
                "true" => self.file.interface.save_config = Some(line),
                "false" => {}
                _ => self.malformed(line, value, "`true` or `false`"),
            },
            "preup" => self.hook(HookKind::PreUp, line, value),
            "postup" => self.hook(HookKind::PostUp, line, value),
            "predown" => self.hook(HookKind::PreDown, line, value),
            "postdown" => self.hook(HookKind::PostDown, line, value),
            _ => return false,
        }
        true
    }

    fn of_peer(&mut self, line: u32, key: &str, value: &str) -> bool {
        match key {
            "publickey" => {
                let key = self.key(line, value);
                self.once_in_peer(line, |peer| &mut peer.public_key, key);
            }
            "presharedkey" => {
                let key = self.key(line, value);
                self.once_in_peer(line, |peer| &mut peer.preshared_key, key);
            }
            "allowedips" => {
                let form = "a prefix such as 10.200.0.10/32";
                let found = self.list(line, value, form, |text| Some(with_length(text)?.trunc()));
                if let Some(peer) = self.file.peers.last_mut() {
                    peer.allowed.extend(found);
                    peer.allowed.truncate(LIST_MAX);
                }
            }
            "endpoint" => {
                let form = "an endpoint such as vpn.example.org:51820 or [2001:db8::5]:51820";
                let endpoint = self.parsed(line, value, form, endpoint);
                self.once_in_peer(line, |peer| &mut peer.endpoint, endpoint);
            }
            "persistentkeepalive" => {
                if !["off", "0"].contains(&value.to_ascii_lowercase().as_str()) {
                    let form = "seconds from 1 to 65535, or `off`";
                    let seconds = self.parsed(line, value, form, |text| text.parse().ok());
                    self.once_in_peer(line, |peer| &mut peer.keepalive_s, seconds);
                }
            }
            _ => return false,
        }
        true
    }

    fn hook(&mut self, kind: HookKind, line: u32, command: &str) {
        if self.file.interface.hooks.len() < LIST_MAX {
            self.file.interface.hooks.push(Hook { kind, line, command: command.to_owned() });
        } else {
            self.error(line, format!("there are more than {LIST_MAX} commands"), "remove some");
        }
    }

    /// Sets what may stand there once.
    fn once<T>(
        &mut self,
        line: u32,
        place: impl FnOnce(&mut File) -> &mut Option<T>,
        value: Option<T>,
    ) {
        let Some(value) = value else { return };
        if place(&mut self.file).replace(value).is_some() {
            self.error(line, "the key stands there twice", "keep one of the two lines");
        }
    }

    fn once_in_peer<T>(
        &mut self,
        line: u32,
        place: impl FnOnce(&mut Peer) -> &mut Option<T>,
        value: Option<T>,
    ) {
        let (Some(value), Some(peer)) = (value, self.file.peers.last_mut()) else { return };
        if place(peer).replace(value).is_some() {
            self.error(line, "the key stands there twice", "keep one of the two lines");
        }
    }

    fn parsed<T>(
        &mut self,
        line: u32,
        text: &str,
        form: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = parse(text);
        if value.is_none() {
            self.malformed(line, text, form);
        }
        value
    }

    fn list<T>(
        &mut self,
        line: u32,
        text: &str,
        form: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Vec<T> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty()).take(LIST_MAX);
        parts.filter_map(|part| self.parsed(line, part, form, &parse)).collect()
    }

    fn malformed(&mut self, line: u32, text: &str, form: &str) {
        self.error(line, format!("`{}` is not understood", shown(text)), format!("write {form}"));
    }

    /// A key, or what stands in its place. A wrong key is not shown: it may be almost a right one.
    fn key(&mut self, line: u32, text: &str) -> Option<Key> {
        if is_key(text) {
            return Some(Key::Known(text.to_owned()));
        }
        if is_placeholder(text) {
            return Some(Key::Placeholder { line, text: text.to_owned() });
        }
        let message = "the value is not a key: 43 characters of base64 and `=`";
        self.error(line, message, "write it as `wg genkey`, `wg pubkey` or `wg genpsk` prints it");
        None
    }

    fn end(&mut self) {
        if !self.has_interface {
            let message = "there is no [Interface]";
            self.error(0, message, "a wg-quick file has one; is it the right file?");
        }
        for place in 0..self.file.peers.len() {
            let peer = &self.file.peers[place];
            let line = peer.line;
            let (lacks_key, lacks_prefixes) = (peer.public_key.is_none(), peer.allowed.is_empty());
            let said = self.findings.iter().any(|found| found.line > line);
            if lacks_key && !said {
                let message = "the peer has no PublicKey, so nothing can be said to it";
                self.error(line, message, "add the key that `wg pubkey` prints on the peer");
            }
            if lacks_prefixes && !said {
                let message =
                    "the peer has no AllowedIPs, so nothing is sent to it or taken from it";
                self.error(line, message, "add its address, such as AllowedIPs = 10.200.0.10/32");
            }
        }
    }
}

/// Whether a text has the form of a key.
fn is_key(text: &str) -> bool {
    let body = text.strip_suffix('=').unwrap_or_default();
    let base64 = |character: char| character.is_ascii_alphanumeric() || "+/".contains(character);
    // The last character carries four bits of the key and two that are zero.
    body.len() == 43
        && body.chars().all(base64)
        && body.ends_with(|c| "AEIMQUYcgkosw048".contains(c))
}

/// Whether a text only holds the place of a key: in brackets of any kind, or in words.
fn is_placeholder(text: &str) -> bool {
    let bracketed = [('<', '>'), ('{', '}'), ('[', ']'), ('$', '}')]
        .iter()
        .any(|(open, close)| text.starts_with(*open) && text.ends_with(*close));
    let words = text.len() < 43
        && text.contains(['_', '-', ' '])
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_- ".contains(c));
    bracketed || words || text.is_empty()
}

/// An address with its length; that of the whole address where none is given.
fn with_length(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0)
}

fn endpoint(text: &str) -> Option<String> {
    let (host, number) = text.rsplit_once(':')?;
    port(number)?;
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let sound = match v6 {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.parse::<Ipv4Addr>().is_ok() || is_domain(host),
    };
    sound.then(|| text.to_owned())
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

fn shown(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    visible.take(SHOWN_CHARS_MAX).collect()
}
