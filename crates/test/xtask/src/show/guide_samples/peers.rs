//! Stock WireGuard peers where the samples' peers would be: outside, with the keys that the samples have declared.

use super::super::imports::quiet;
use super::super::user::User;
use anyhow::Context as _;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// How long they run, in seconds: longer than the calls to them.
const LIFETIME_S: &str = "12";
/// What a peer says when it has a session.
const SESSION: &str = "session\n";

/// The program that is a peer.
pub(super) struct Program(PathBuf);

/// A peer that runs.
pub(super) struct Peer {
    child: Child,
    output: BufReader<ChildStdout>,
    pub(super) has_session: bool,
}

impl Program {
    /// Where the user can run it.
    pub(super) fn new(programs: &Path, folder: &Path) -> anyhow::Result<Self> {
        let own = folder.join("wireguard-peer");
        std::fs::copy(programs.join("wireguard-peer"), &own).context("cannot copy the peer")?;
        Ok(Self(own))
    }

    /// The public key of the peer with this number.
    pub(super) fn public_key(&self, number: usize) -> anyhow::Result<String> {
        let number = number.to_string();
        let words = ["--public-key", "--key", &number];
        let output = Command::new(&self.0).args(words).output().context("cannot run the peer")?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// The peer with this number, on the lab's internet; waits until it has a session with its node, or gives up.
    pub(super) fn start(
        &self,
        user: &User,
        number: usize,
        (address, echo): (&str, &str),
    ) -> anyhow::Result<Peer> {
        let netloom = user.binary.to_string_lossy().into_owned();
        let listed =
            quiet(user, &["lab", "exec", "alpha", "--", &netloom, "vpn", "list", "--json"])?;
        let listed: Vec<Value> = serde_json::from_slice(&listed.stdout).unwrap_or_default();
        let found = listed.iter().find(|one| one["addresses"][0] == address);
        let found = found.with_context(|| format!("the node has no peer {address}"))?;
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
        let (node_key, endpoint) = (text("node_key"), text("endpoint"));
        let (program, key) = (self.0.to_string_lossy().into_owned(), number.to_string());
        let mut words = vec!["lab", "exec", "internet", "--", &program, "--key", &key];
        words.extend(["--node-key", &node_key, "--endpoint", &endpoint, "--address", address]);
        words.extend(["--echo", echo, "--seconds", LIFETIME_S]);
        let mut child =
            user.command(&words).stdout(Stdio::piped()).spawn().context("cannot start the peer")?;
        let mut output = BufReader::new(child.stdout.take().context("the peer has no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        Ok(Peer { child, output, has_session: line == SESSION })
    }
}

impl Peer {
    /// What else it has seen, once it has ended.
    pub(super) fn seen(mut self) -> anyhow::Result<String> {
        let mut text = String::new();
        self.output.read_to_string(&mut text)?;
        self.child.wait()?;
        Ok(text)
    }
}
