//! How a workload is run, on the wire.

use super::{LIST_MAX, TEXT_BYTES_MAX};
use netloom_model::fabric::{Attach, Serve, ServeKind, StockPeer};
use std::collections::BTreeMap;
use std::time::Duration;

netloom_cbor::code! {
    /// What a built-in server speaks.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum ServeKindForm {
        /// HTTP/1.1.
        0 => Http,
        /// TCP.
        1 => Tcp,
        /// UDP.
        2 => Udp,
    }
}

netloom_cbor::choice! {
    /// How a workload is run.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) enum AttachForm {
        /// A container.
        0 => Container {
            /// Its name.
            1 => name: String [max TEXT_BYTES_MAX],
        },
        /// A process.
        1 => Process {
            /// Program and arguments.
            1 => run: Vec<String> [max LIST_MAX],
            /// Environment.
            2 => environment: BTreeMap<String, String> [max LIST_MAX],
        },
        /// The node's own stack.
        2 => Host {},
        /// A namespace of others.
        3 => Netns {
            /// Its file.
            1 => path: String [max TEXT_BYTES_MAX],
        },
        /// Built-in servers.
        4 => Serve {
            /// What each speaks, and on which port.
            1 => servers: Vec<(ServeKindForm, u16)> [max LIST_MAX],
        },
        /// A stock WireGuard peer.
        5 => Wireguard {
            /// Its X25519 key.
            1 => public_key: Option<[u8; 32]>,
            /// Where its node calls it.
            2 => endpoint: Option<String> [max TEXT_BYTES_MAX],
            /// How often its node sends something.
            3 => keepalive_s: Option<u16>,
            /// File on its node with the preshared key.
            4 => preshared_key_file: Option<String> [max TEXT_BYTES_MAX],
        },
        /// A further interface of another workload.
        6 => Interface {
            /// The workload.
            1 => of: String [max super::NAME_BYTES_MAX],
        },
    }
}

impl From<&Attach> for AttachForm {
    fn from(attach: &Attach) -> Self {
        match attach {
            Attach::Container { name } => Self::Container { name: name.clone() },
            Attach::Process { run, environment } => {
                Self::Process { run: run.clone(), environment: environment.clone() }
            }
            Attach::Host => Self::Host {},
            Attach::Netns { path } => Self::Netns { path: path.clone() },
            Attach::Serve(servers) => {
                let form = |serve: &Serve| {
                    let kind = match serve.kind {
                        ServeKind::Http => ServeKindForm::Http,
                        ServeKind::Tcp => ServeKindForm::Tcp,
                        ServeKind::Udp => ServeKindForm::Udp,
                    };
                    (kind, serve.port)
                };
                Self::Serve { servers: servers.iter().map(form).collect() }
            }
            Attach::Interface { of } => Self::Interface { of: of.clone() },
            Attach::Wireguard(peer) => {
                let seconds = |time: Duration| u16::try_from(time.as_secs()).unwrap_or(u16::MAX);
                Self::Wireguard {
                    public_key: peer.public_key,
                    endpoint: peer.endpoint.clone(),
                    keepalive_s: peer.keepalive.map(seconds),
                    preshared_key_file: peer.preshared_key_file.clone(),
                }
            }
        }
    }
}

impl From<AttachForm> for Attach {
    fn from(form: AttachForm) -> Self {
        match form {
            AttachForm::Container { name } => Self::Container { name },
            AttachForm::Process { run, environment } => Self::Process { run, environment },
            AttachForm::Host {} => Self::Host,
            AttachForm::Netns { path } => Self::Netns { path },
            AttachForm::Serve { servers } => {
                let serve = |(kind, port)| Serve {
                    kind: match kind {
                        ServeKindForm::Http => ServeKind::Http,
                        ServeKindForm::Tcp => ServeKind::Tcp,
                        ServeKindForm::Udp => ServeKind::Udp,
                    },
                    port,
                };
                Self::Serve(servers.into_iter().map(serve).collect())
            }
            AttachForm::Interface { of } => Self::Interface { of },
            AttachForm::Wireguard { public_key, endpoint, keepalive_s, preshared_key_file } => {
                let keepalive = keepalive_s.map(|seconds| Duration::from_secs(seconds.into()));
                Self::Wireguard(StockPeer { public_key, endpoint, keepalive, preshared_key_file })
            }
        }
    }
}
