//! The text of a file into what it says; everything that is wrong is told at once.

mod keys;
mod merged;
mod values;

use crate::file::{File, Finding, Hook, HookKind, Key, Peer, Severity};
use std::collections::BTreeSet;
use values::{is_key, is_placeholder, shown};

/// Largest file.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Most peers: as many as a node takes.
pub const PEERS_MAX: usize = 65_536;
/// Most prefixes of a peer, as a node takes them, and most values of any list.
const LIST_MAX: usize = 4_096;
/// Findings that are kept.
const FINDINGS_MAX: usize = 1_000;

/// Reads a file. What could not be read is left out, and among the findings.
pub fn parse(text: &str) -> (File, Vec<Finding>) {
    let mut parser = Parser::default();
    if text.len() > FILE_BYTES_MAX {
        let message = format!("the file is larger than {FILE_BYTES_MAX} bytes");
        parser.error(0, message, "a wg-quick file is small; is it the right one?");
        return (parser.file, parser.findings);
    }
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in (1..).zip(text.lines()) {
        parser.line(number, line);
    }
    parser.end();
    parser.merge_peers();
    parser.tell_of_more();
    (parser.file, parser.findings)
}

#[derive(Default)]
struct Parser {
    file: File,
    findings: Vec<Finding>,
    /// How many errors, and how many others, there were beyond those.
    not_kept: (usize, usize),
    section: Section,
    has_interface: bool,
    /// The comment that stands right before the next header, or right after the last one.
    comment: Option<String>,
    /// Whether nothing but comments has followed the header of a peer.
    at_header: bool,
    /// Lines of peers that have a PublicKey, and of those that have AllowedIPs, be they understood or not.
    with_key: BTreeSet<u32>,
    with_prefixes: BTreeSet<u32>,
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
        } else {
            let (errors, others) = &mut self.not_kept;
            *(if severity == Severity::Error { errors } else { others }) += 1;
        }
    }

    /// Tells how many findings are not kept. With an error among them this is one, so that the file is not used.
    fn tell_of_more(&mut self) {
        let (errors, others) = self.not_kept;
        let severity = if errors > 0 { Severity::Error } else { Severity::Warning };
        if errors + others > 0 {
            let all = errors + others;
            let message = format!("{all} more findings are not told, {errors} of them errors");
            let solution = "mend what is told, and read the file again";
            self.findings.push(Finding::new(severity, 0, message, solution));
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
            let lacks_key = !self.with_key.contains(&line);
            let lacks_prefixes = peer.allowed.is_empty() && !self.with_prefixes.contains(&line);
            if lacks_key {
                let message = "the peer has no PublicKey, so nothing can be said to it";
                self.error(line, message, "add the key that `wg pubkey` prints on the peer");
            }
            if lacks_prefixes {
                let message =
                    "the peer has no AllowedIPs, so nothing is sent to it or taken from it";
                self.error(line, message, "add its address, such as AllowedIPs = 10.200.0.10/32");
            }
        }
    }
}
