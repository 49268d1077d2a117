//! A host that knows nothing of Netloom: it runs wg-quick and wireguard-go with what was exported for
//! it, or with the file that it had before.

mod fabric;
mod probes;
mod stock;

use crate::ground::{Ground, Host, wait_until};
use crate::say;
use fabric::{FABRIC, Variant};
use probes::From;
use serde_json::Value;
use std::path::{Path, PathBuf};
use stock::Interface;

type Step = Result<(), String>;

/// Two nodes and a stock peer: export, connect, be denied, change policy and keys, import.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {}

pub(crate) fn run(netloom: &Path, _: &Options) -> anyhow::Result<bool> {
    say::progress("making three hosts");
    let ground = Ground::make(netloom, 3)?;
    let scene = Scene {
        hosts: &ground.hosts,
        file: ground.folder.join("shop.yaml"),
        folder: ground.folder.clone(),
        netloom: netloom.to_owned(),
    };
    let good = scene.play();
    for host in &ground.hosts[..2] {
        // What is left of them goes with the ground.
        let _ = host.succeed(&["stop"]);
    }
    Ok(good)
}

struct Scene<'a> {
    hosts: &'a [Host],
    file: PathBuf,
    folder: PathBuf,
    netloom: PathBuf,
}

impl Scene<'_> {
    fn play(&self) -> bool {
        let mut phone = None;
        let mut steps = || -> bool {
            self.step("up and join", || self.up())
                && self.step("export makes a key pair", || {
                    phone = Some(self.export_and_connect()?);
                    Ok(())
                })
                && self.step("the peer connects and is let in", || self.allowed())
                && self.step("policy denies it the rest", || self.denied())
                && self.step("names, list, test and stats", || self.asked())
                && self.step("an apply takes its way away", || self.policy_changes())
                && self.step("a preshared key", || self.preshared_key(phone.as_ref()))
                && self.step("a wg-quick file is taken over", || self.taken_over())
        };
        let good = steps();
        drop(phone);
        good
    }

    fn step(&self, name: &str, step: impl FnOnce() -> Step) -> bool {
        say::progress(name);
        say::step(name, step())
    }

    fn control(&self) -> &Host {
        &self.hosts[0]
    }

    fn write(&self, variant: &Variant) -> Result<String, String> {
        std::fs::write(&self.file, fabric::text(variant)).map_err(|error| error.to_string())?;
        Ok(self.file.to_string_lossy().into_owned())
    }

    fn apply(&self, variant: &Variant) -> Result<String, String> {
        let file = self.write(variant)?;
        self.control().succeed(&["apply", &file])
    }

    fn up(&self) -> Step {
        let file = self.write(&Variant::default())?;
        self.control().succeed(&["up", &file])?;
        let token = self.control().succeed(&["token", "create", "--node", "beta"])?;
        self.hosts[1].succeed(&["join", token.trim()])?;
        wait_until("both nodes are up to date", || {
            let status = self.control().status()?;
            for name in ["alpha", "beta"] {
                let node = &status["nodes"][name];
                if node["state"] != "connected" || node["current"] != true {
                    return Err(format!("{name}: {node}"));
                }
            }
            Ok(())
        })
        .map(drop)
    }

    /// What a user does for a new phone: export, add the key to the file, apply, connect.
    fn export_and_connect(&self) -> Result<Interface<'_>, String> {
        let output = self.control().output(&["vpn", "export", "phone", "--qr"])?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            return Err(told);
        }
        // A QR code is drawn in half blocks.
        if !printed.contains('▀') {
            return Err(format!("no QR code: {printed}"));
        }
        let text: String = printed
            .lines()
            .take_while(|line| !line.contains('█'))
            .fold(String::new(), |text, line| text + line + "\n");
        let key = told.split('"').nth(1).ok_or_else(|| format!("no public key: {told}"))?;
        self.apply(&Variant { key: Some(key.to_owned()), ..Variant::default() })?;
        Interface::up(&self.hosts[2], &self.folder, "phone", &text)
    }

    // === steps ===

    /// To both nodes, by both families, and from there back; and to what is behind the peer.
    fn allowed(&self) -> Step {
        for ipv6 in [false, true] {
            for workload in ["web-1", "web-2"] {
                let to = self.address(workload, ipv6)?;
                self.expect(From::Peer, &to, None, true)?;
                self.expect(From::Peer, &to, Some(80), true)?;
            }
            let phone = self.address("phone", ipv6)?;
            self.expect(From::Workload(0, "web-1"), &phone, None, true)?;
            self.expect(From::Workload(1, "web-2"), &phone, None, true)?;
        }
        stock::add_address(&self.hosts[2], fabric::BEHIND_ADDRESS)?;
        self.expect(From::Workload(0, "web-1"), fabric::BEHIND_ADDRESS, None, true)?;
        self.expect(From::Workload(1, "web-2"), fabric::BEHIND_ADDRESS, None, true)
    }

    fn denied(&self) -> Step {
        for ipv6 in [false, true] {
            for workload in ["shut-1", "shut-2"] {
                let to = self.address(workload, ipv6)?;
                self.expect(From::Peer, &to, None, false)?;
                self.expect(From::Peer, &to, Some(80), false)?;
            }
            // The peer's own group lets it call port 80 alone, and be called by `web` alone.
            self.expect(From::Peer, &self.address("web-1", ipv6)?, Some(81), false)?;
            let phone = self.address("phone", ipv6)?;
            self.expect(From::Workload(0, "shut-1"), &phone, None, false)?;
            self.expect(From::Workload(1, "shut-2"), &phone, None, false)?;
        }
        self.expect(From::Workload(1, "shut-2"), fabric::BEHIND_ADDRESS, None, false)
    }

    fn asked(&self) -> Step {
        let json = |words: &[&str]| -> Result<Value, String> {
            let text = self.control().succeed(words)?;
            serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
        };
        wait_until("control knows of the session", || {
            let listed = json(&["vpn", "list", "--json"])?;
            match listed[0]["report"]["has_session"].as_bool() {
                Some(true) => Ok(()),
                _ => Err(listed.to_string()),
            }
        })?;
        let tested = json(&["vpn", "test", "phone", "--json"])?;
        let steps = tested[0]["steps"].as_array().cloned().unwrap_or_default();
        if steps.len() != 3 || steps.iter().any(|step| step["good"] != true) {
            return Err(tested.to_string());
        }
        let stats = json(&["vpn", "stats", "--json"])?;
        let phone = &stats["networks"]["app"]["stock_peers"]["phone"];
        let received = phone["rx_bytes"].as_u64().unwrap_or(0);
        let batches = stats["tunnels"]["batches"]["from_port"]["packets"].as_u64().unwrap_or(0);
        if received == 0 || batches == 0 {
            return Err(stats.to_string());
        }
        say::figure("bytes received of the peer", received);
        let server = "10.1.1.2";
        let mut command = self.hosts[2].command(&self.netloom);
        command.args(["lookup", "web-2.app.internal", "--server", server]);
        let output = command.output().map_err(|error| error.to_string())?;
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        if answer.contains(&self.address("web-2", false)?) { Ok(()) } else { Err(answer) }
    }

    fn variant(&self) -> Result<Variant, String> {
        let text = std::fs::read_to_string(&self.file).map_err(|error| error.to_string())?;
        let key = text.split("public_key: \"").nth(1).and_then(|rest| rest.split('"').next());
        Ok(Variant { key: key.map(str::to_owned), ..Variant::default() })
    }

    fn policy_changes(&self) -> Step {
        let variant = self.variant()?;
        self.apply(&Variant { cut_off: true, ..variant.clone() })?;
        let to = self.address("web-2", false)?;
        self.expect(From::Peer, &to, Some(80), false)?;
        self.apply(&variant)?;
        self.expect(From::Peer, &to, Some(80), true)
    }

    fn preshared_key(&self, phone: Option<&Interface<'_>>) -> Step {
        let phone = phone.ok_or("there is no interface")?;
        let file = self.folder.join("phone.psk");
        let variant =
            Variant { preshared_key_file: Some(file.display().to_string()), ..self.variant()? };
        let path = self.write(&variant)?;
        // A file that is not there: the node refuses, and what was in force stays.
        let refused = self.control().fail(&["apply", &path])?;
        if !refused.contains("phone.psk") {
            return Err(refused);
        }
        let to = self.address("web-2", false)?;
        self.expect(From::Peer, &to, Some(80), true)?;
        std::fs::write(&file, stock::wg(&["genpsk"], "")?).map_err(|error| error.to_string())?;
        self.control().succeed(&["apply", &path])?;
        let text = self.control().succeed(&["vpn", "export", "phone"])?;
        let key = text.lines().find_map(|line| line.strip_prefix("PresharedKey = "));
        phone.set_preshared_key(key.ok_or("no preshared key in the export")?)?;
        self.expect(From::Peer, &to, Some(80), true)
    }

    /// A server's file and the file of its client, which goes on unchanged.
    fn taken_over(&self) -> Step {
        let (server, client) = stock::old_pair()?;
        let file = self.folder.join("wg7.conf");
        std::fs::write(&file, &server).map_err(|error| error.to_string())?;
        let (file, keys) = (file.display().to_string(), self.folder.join("keys"));
        let keys = keys.display().to_string();
        let words = ["vpn", "setup", "wireguard", "--config", &file, "--key-folder", &keys];
        self.control().succeed(&words)?;
        let refused = self.control().fail(&words)?;
        if !refused.contains("already") {
            return Err(refused);
        }
        let _interface = Interface::up(&self.hosts[2], &self.folder, "old", &client)?;
        self.expect(From::Peer, "10.200.0.1", None, true)?;
        let secret = server.lines().find_map(|line| line.strip_prefix("PrivateKey = "));
        let secret = secret.ok_or("the file has no private key")?;
        let store = self.control().state().join(FABRIC).join("control");
        if holds(&store, secret.as_bytes()).map_err(|error| error.to_string())? {
            return Err("control keeps the private key".to_owned());
        }
        Ok(())
    }
}

/// Whether a file below a folder holds some bytes.
fn holds(folder: &Path, bytes: &[u8]) -> std::io::Result<bool> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let found = if path.is_dir() {
            holds(&path, bytes)?
        } else {
            std::fs::read(&path)?.windows(bytes.len()).any(|window| window == bytes)
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}
