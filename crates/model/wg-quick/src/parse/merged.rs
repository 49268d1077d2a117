//! Peers as WireGuard has them in the end: one for each key, and each prefix with the last that names it.

use super::Parser;
use crate::file::{Key, Peer, Severity};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;

impl Parser {
    /// Makes one of the sections of one key, and gives what several peers name to the last, as
    /// `wg setconf` does.
    pub(super) fn merge_peers(&mut self) {
        let mut peers: Vec<Peer> = Vec::new();
        let mut by_key: BTreeMap<String, usize> = BTreeMap::new();
        let mut owners: BTreeMap<IpNet, usize> = BTreeMap::new();
        // Lines of peers that have given a prefix away.
        let mut givers: BTreeSet<u32> = BTreeSet::new();
        for mut section in take(&mut self.file.peers) {
            let named = take(&mut section.allowed);
            let line = section.line;
            let key = section.public_key.as_ref().and_then(Key::known).map(str::to_owned);
            let place = match key.as_ref().and_then(|key| by_key.get(key)) {
                Some(&place) => {
                    let dropped = take(&mut peers[place].allowed);
                    let gone: Vec<_> = dropped.iter().filter(|one| !named.contains(one)).collect();
                    self.tell_second(line, peers[place].line, &gone);
                    for prefix in &dropped {
                        owners.remove(prefix);
                    }
                    peers[place].take_over(section);
                    place
                }
                None => {
                    by_key.extend(key.map(|key| (key, peers.len())));
                    peers.push(section);
                    peers.len() - 1
                }
            };
            for prefix in named {
                match owners.insert(prefix, place) {
                    Some(owner) if owner == place => continue,
                    Some(owner) => {
                        peers[owner].allowed.retain(|one| *one != prefix);
                        givers.insert(peers[owner].line);
                        self.tell_taken(line, peers[owner].line, prefix);
                    }
                    None => {}
                }
                peers[place].allowed.push(prefix);
            }
        }
        peers.retain(|peer| {
            // Of what could not be read, the error is told already.
            let is_left = !peer.allowed.is_empty() || !givers.contains(&peer.line);
            if !is_left {
                let message =
                    "left out: the peer of this line: later ones have all of its AllowedIPs";
                let solution = "give it an address of its own, such as AllowedIPs = 10.200.0.10/32";
                self.find(Severity::Warning, peer.line, message, solution);
            }
            is_left
        });
        self.file.peers = peers;
    }

    fn tell_second(&mut self, line: u32, first: u32, gone: &[&IpNet]) {
        let gone: Vec<String> = gone.iter().map(ToString::to_string).collect();
        let without = match gone.is_empty() {
            true => String::new(),
            false => format!(", without {}", gone.join(", ")),
        };
        let message = format!(
            "the PublicKey of this peer is that of line {first} too: WireGuard makes one peer of both, \
             with the AllowedIPs of the last{without}"
        );
        self.find(Severity::Warning, line, message, "keep one of the two sections");
    }

    fn tell_taken(&mut self, line: u32, first: u32, prefix: IpNet) {
        let message = format!(
            "{prefix} is in the AllowedIPs of the peer of line {first} too: WireGuard gives it to the \
             last one, which is this"
        );
        self.find(Severity::Warning, line, message, "name it at one of the two only");
    }
}

impl Peer {
    /// What a later section of the same key says.
    fn take_over(&mut self, later: Self) {
        let Self { line: _, name, public_key: _, preshared_key, allowed: _, endpoint, keepalive_s } =
            later;
        self.name = self.name.take().or(name);
        self.preshared_key = preshared_key.or_else(|| self.preshared_key.take());
        self.endpoint = endpoint.or_else(|| self.endpoint.take());
        self.keepalive_s = keepalive_s.or(self.keepalive_s);
    }
}
