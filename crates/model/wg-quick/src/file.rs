//! What a wg-quick file says, with the lines where it says it.

use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// A file, as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// `[Interface]`.
    pub interface: Interface,
    /// Every `[Peer]`, in order.
    pub peers: Vec<Peer>,
}

/// `[Interface]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// `PrivateKey`.
    pub private_key: Option<Key>,
    /// `Address`, host bits kept.
    pub addresses: Vec<IpNet>,
    /// `ListenPort`.
    pub listen_port: Option<u16>,
    /// Addresses of `DNS`.
    pub dns: Vec<IpAddr>,
    /// Search domains of `DNS`.
    pub search: Vec<String>,
    /// `MTU`.
    pub mtu_bytes: Option<u16>,
    /// `Table`, other than `auto`, and its line.
    pub table: Option<(u32, String)>,
    /// `FwMark`, other than `off`, and its line.
    pub mark: Option<(u32, String)>,
    /// Line of `SaveConfig = true`.
    pub save_config: Option<u32>,
    /// `PreUp`, `PostUp`, `PreDown`, `PostDown`, in order.
    pub hooks: Vec<Hook>,
}

/// A command that wg-quick would run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// When.
    pub kind: HookKind,
    /// Its line.
    pub line: u32,
    /// The command, as it stands.
    pub command: String,
}

/// When a command would be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookKind {
    /// Before the interface is up.
    PreUp,
    /// After it is.
    PostUp,
    /// Before it goes down.
    PreDown,
    /// After it has.
    PostDown,
}

/// `[Peer]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Line of its header.
    pub line: u32,
    /// Its name, from the comment at its header.
    pub name: Option<String>,
    /// `PublicKey`.
    pub public_key: Option<Key>,
    /// `PresharedKey`.
    pub preshared_key: Option<Key>,
    /// `AllowedIPs`, without host bits.
    pub allowed: Vec<IpNet>,
    /// `Endpoint`.
    pub endpoint: Option<String>,
    /// `PersistentKeepalive`, in seconds.
    pub keepalive_s: Option<u16>,
}

/// A key's value, which may be a place for one.
#[derive(Clone, PartialEq, Eq)]
pub enum Key {
    /// A key in base64.
    Known(String),
    /// What stands where a key is to be filled in, such as `<server-private-key>`.
    Placeholder {
        /// Its line.
        line: u32,
        /// The text.
        text: String,
    },
}

/// Something to be said about a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The line; 0 where it is about the whole file.
    pub line: u32,
    /// How bad it is.
    pub severity: Severity,
    /// What is found, and why it matters.
    pub message: String,
    /// What to do.
    pub solution: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// A line is left out, or means less than before.
    Warning,
    /// A line needs nothing, because Netloom does the same by itself.
    Note,
}

impl Finding {
    pub(crate) fn new(
        severity: Severity,
        line: u32,
        message: impl Into<String>,
        solution: impl Into<String>,
    ) -> Self {
        Self { line, severity, message: message.into(), solution: solution.into() }
    }
}

impl Key {
    /// The key, if it is one.
    pub fn known(&self) -> Option<&str> {
        match self {
            Self::Known(text) => Some(text),
            Self::Placeholder { .. } => None,
        }
    }
}

impl HookKind {
    /// Its key in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::PreUp => "PreUp",
            Self::PostUp => "PostUp",
            Self::PreDown => "PreDown",
            Self::PostDown => "PostDown",
        }
    }

    /// Whether it undoes what others did.
    pub fn is_down(self) -> bool {
        matches!(self, Self::PreDown | Self::PostDown)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(_) => f.write_str("Key(…)"),
            Self::Placeholder { text, .. } => write!(f, "Placeholder({text:?})"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        write!(f, "{word}: {}", self.message)?;
        if self.solution.is_empty() { Ok(()) } else { write!(f, "; {}", self.solution) }
    }
}
