//! A container engine's API, as far as attaching needs it.

use crate::http;
use serde::Deserialize;
use std::io;
use std::path::{Path, PathBuf};

/// Where engines answer, the first that exists is taken.
const SOCKETS: [&str; 3] = ["/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock"];

/// Why a container cannot be attached now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No engine is there.
    #[error("no container engine answers at {}: {source}; start Docker, or set DOCKER_HOST=unix://PATH", .socket.display())]
    Unreachable {
        /// Its socket.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The engine knows no such container.
    #[error(
        "the container engine knows no container `{name}`; start it with `docker run --name {name} …`"
    )]
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// The container does not run.
    #[error("container `{name}` is {state}; start it with `docker start {name}`")]
    NotRunning {
        /// Its name.
        name: String,
        /// The engine's word: created, exited, paused and so on.
        state: String,
    },
    /// The container is on a stack that is not its own.
    #[error(
        "container `{name}` uses the network of {of}; run it with a network of its own, `--network none` for example, or declare `attach: host`"
    )]
    SharedStack {
        /// Its name.
        name: String,
        /// Whose it is.
        of: String,
    },
    /// The engine's answer makes no sense.
    #[error("the container engine answered {code}: {text}")]
    Answer {
        /// HTTP status code.
        code: u16,
        /// What it said.
        text: String,
    },
}

impl EngineError {
    /// The command that mends it, or shows what is wrong.
    pub fn command(&self) -> String {
        match self {
            Self::Unreachable { .. } => "systemctl start docker".to_owned(),
            // Of which image it is to be made nobody knows here.
            Self::Unknown { .. } => "docker ps --all".to_owned(),
            Self::NotRunning { name, .. } => format!("docker start {name}"),
            Self::SharedStack { name, .. } => {
                format!("docker inspect --format '{{{{.HostConfig.NetworkMode}}}}' {name}")
            }
            Self::Answer { .. } => "docker info".to_owned(),
        }
    }
}

/// A running container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The engine's id, which a container made anew does not share.
    pub id: String,
    /// Its first process.
    pub pid: u32,
    /// File of its network namespace.
    pub netns: String,
    /// The file that it sees as `/etc/resolv.conf`, where the engine keeps one.
    pub resolv_conf: Option<PathBuf>,
}

/// An engine.
#[derive(Clone, Debug)]
pub struct Engine {
    socket: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    state: State,
    #[serde(default)]
    host_config: HostConfig,
    #[serde(default)]
    network_settings: NetworkSettings,
    #[serde(default)]
    resolv_conf_path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: String,
    running: bool,
    pid: u32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    network_mode: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    #[serde(default)]
    sandbox_key: String,
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

impl Engine {
    /// The engine that `DOCKER_HOST` names if it is given, else the first one at a usual place.
    pub fn find(docker_host: Option<&str>) -> Self {
        let named = docker_host.and_then(|host| host.strip_prefix("unix://")).map(PathBuf::from);
        let usual = || SOCKETS.iter().map(PathBuf::from).find(|path| path.exists());
        Self { socket: named.or_else(usual).unwrap_or_else(|| PathBuf::from(SOCKETS[0])) }
    }

    /// The engine that answers at `socket`.
    pub fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// The running container of this name or id.
    ///
    /// # Errors
    /// There is no engine, no such container, or nothing that can be attached.
    pub fn container(&self, name: &str) -> Result<Container, EngineError> {
        let target = format!("/containers/{name}/json");
        let (code, body) = http::get(&self.socket, &target)
            .map_err(|source| EngineError::Unreachable { socket: self.socket.clone(), source })?;
        interpret(name, code, &body)
    }
}

fn interpret(name: &str, code: u16, body: &[u8]) -> Result<Container, EngineError> {
    let text = || String::from_utf8_lossy(body).chars().take(200).collect::<String>();
    match code {
        200 => {}
        404 => return Err(EngineError::Unknown { name: name.to_owned() }),
        _ => {
            let message = serde_json::from_slice::<Message>(body).map(|found| found.message);
            return Err(EngineError::Answer { code, text: message.unwrap_or_else(|_| text()) });
        }
    }
    let found: Inspected = serde_json::from_slice(body)
        .map_err(|error| EngineError::Answer { code, text: format!("{error} in {}", text()) })?;
    if !found.state.running || found.state.pid == 0 {
        let state = found.state.status;
        return Err(EngineError::NotRunning { name: name.to_owned(), state });
    }
    let mode = found.host_config.network_mode;
    if mode == "host" || mode.starts_with("container:") {
        let of = if mode == "host" { "the host".to_owned() } else { mode.replace(':', " ") };
        return Err(EngineError::SharedStack { name: name.to_owned(), of });
    }
    let sandbox = found.network_settings.sandbox_key;
    let netns =
        if sandbox.is_empty() { format!("/proc/{}/ns/net", found.state.pid) } else { sandbox };
    let resolv_conf = Some(found.resolv_conf_path).filter(|path| !path.is_empty());
    Ok(Container {
        id: found.id,
        pid: found.state.pid,
        netns,
        resolv_conf: resolv_conf.map(PathBuf::from),
    })
}

#[cfg(test)]
mod tests;
