//! `describe-dhcp-options`: the domain and the resolvers of VPCs.

use super::{Aws, OWNER};
use crate::document::At;
use std::net::IpAddr;

/// Options that are known and mean nothing for a fabric.
const UNUSED: &str = "workloads are not configured by DHCP, and this option has no counterpart";

/// What a set of options says of names.
#[derive(Clone, Default)]
struct Names {
    domain: Option<String>,
    resolvers: Vec<IpAddr>,
}

impl Aws<'_, '_> {
    /// Gives networks the domain and the resolvers of their options.
    pub(super) fn dhcp_options(&mut self) {
        let mut known: Vec<(String, Names)> = Vec::new();
        for at in self.all("DhcpOptions") {
            self.desk.entries(at);
            let Some(id) = self.desk.take(at, "DhcpOptionsId", "known by its networks") else {
                self.desk.refuse_all(at, "it has no `DhcpOptionsId`");
                continue;
            };
            self.irrelevant(at, &[("OwnerId", OWNER)]);
            self.refuse(at, &[("Tags", "options have no tags of their own")]);
            let mut names = Names::default();
            for item in self.desk.items_of(at, "DhcpConfigurations") {
                self.option(item, &mut names);
            }
            known.push((id.to_owned(), names));
        }
        for at in self.all("Vpcs") {
            let Some(key) = at.get("DhcpOptionsId") else { continue };
            let Some(name) = self.referred(at, "VpcId") else { continue };
            let Some(network) = self.desk.draft.networks.get_mut(&name) else { continue };
            match known.iter().find(|(id, _)| Some(id.as_str()) == key.text()) {
                Some((_, names)) => {
                    network.domain.clone_from(&names.domain);
                    network.resolvers.clone_from(&names.resolvers);
                    self.desk.exact(key, "the network's `dns`");
                }
                None if key.text() == Some("default") => {
                    self.desk.exact(key, "no options: each subnet's own resolver answers");
                }
                None => {
                    let why = "its options are in no file: give `describe-dhcp-options` too, or write \
                               `dns: { domain, resolvers }`";
                    self.desk.refused(key, why);
                }
            }
        }
    }

    fn option(&mut self, at: At<'_>, names: &mut Names) {
        self.desk.entries(at);
        let key = at.text_of("Key").unwrap_or("");
        if !matches!(key, "domain-name" | "domain-name-servers") {
            self.desk.refuse_all(at, UNUSED);
            return;
        }
        self.desk.take(at, "Key", "part of the network's `dns`");
        for item in self.desk.items_of(at, "Values") {
            self.desk.entries(item);
            let Some(value) = item.get("Value") else { continue };
            let text = value.text().unwrap_or("");
            if key == "domain-name-servers" {
                match text.parse() {
                    Ok(address) => {
                        names.resolvers.push(address);
                        self.desk.exact(value, "asked for names that are not the network's");
                    }
                    Err(_) if text == "AmazonProvidedDNS" => {
                        self.desk.exact(value, "each subnet's own resolver");
                    }
                    Err(_) => self.desk.refuse_all(value, "no address of a resolver"),
                }
            } else if self.desk.domain(text) && names.domain.is_none() {
                names.domain = Some(text.to_owned());
                self.desk.exact(value, "names of the network end in it");
            } else {
                self.desk.refuse_all(value, "no domain, or a second one: a network has one");
            }
        }
    }
}
