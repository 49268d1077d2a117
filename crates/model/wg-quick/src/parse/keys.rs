//! The keys of both sections, each with what its value may be.

use super::values::{endpoint, is_search_domain, mark, port, with_length, words};
use super::{LIST_MAX, Parser};
use crate::file::HookKind;
use std::net::IpAddr;

impl Parser {
    pub(super) fn of_interface(&mut self, line: u32, key: &str, value: &str) -> bool {
        match key {
            "privatekey" => {
                let key = self.key(line, value);
                self.once(line, |file| &mut file.interface.private_key, key);
            }
            "address" => {
                let value = &words(value);
                let found = self.list(line, value, "an address such as 10.200.0.1/24", with_length);
                self.file.interface.addresses.extend(found);
            }
            // The kernel chooses one, and so it does without the line.
            "listenport" if value == "0" => {}
            "listenport" => {
                let port = self.parsed(line, value, "a port from 1 to 65535", port);
                self.once(line, |file| &mut file.interface.listen_port, port);
            }
            "dns" => {
                let found = self.list(line, &words(value), "an address or a domain", |text| {
                    match text.parse::<IpAddr>() {
                        Ok(address) => Some(Ok(address)),
                        Err(_) => is_search_domain(text).then(|| Err(text.to_owned())),
                    }
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
            "fwmark" => match self.parsed(line, value, "a number up to 0xffffffff, or `off`", mark)
            {
                None | Some(0) => {}
                Some(_) => self.file.interface.mark = Some((line, value.to_owned())),
            },
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

    pub(super) fn of_peer(&mut self, line: u32, key: &str, value: &str) -> bool {
        let header = self.file.peers.last().map(|peer| peer.line);
        match key {
            "publickey" => {
                self.with_key.extend(header);
                let key = self.key(line, value);
                self.once_in_peer(line, |peer| &mut peer.public_key, key);
            }
            "presharedkey" => {
                let key = self.key(line, value);
                self.once_in_peer(line, |peer| &mut peer.preshared_key, key);
            }
            "allowedips" => {
                let form = "a prefix such as 10.200.0.10/32";
                if !value.is_empty() {
                    self.with_prefixes.extend(header);
                }
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
}
