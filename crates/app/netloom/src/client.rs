//! The client: one request at a time, over control's Unix socket or over HTTP on this host.

mod access;
mod connectivity;
mod error;
mod exchange;
mod nodes;
mod objects;
mod socket;

pub use error::ClientError;

use exchange::{answer, exchange, request};
use hyper::Method;
use netloom_api::{
    Applied, Apply, Connect, Disconnect, Join, Joined, MakeNetwork, MakeToken, Network, Plan,
    Proposed, Revision, Rollback, Status, Token, TokenMade,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Longest wait for what control only has to tell.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// Where control answers.
#[derive(Clone, Debug)]
enum Place {
    Unix(PathBuf),
    Tcp { authority: String, access: Option<String> },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(socket) => socket.display().fmt(f),
            Self::Tcp { authority, .. } => f.write_str(authority),
        }
    }
}

/// A client of control.
#[derive(Clone, Debug)]
pub struct Client {
    place: Place,
    absence: Option<String>,
    patience: Duration,
}

/// Folder of what runs on a host: `NETLOOM_RUN`, or `/run/netloom`.
pub fn default_run() -> PathBuf {
    std::env::var_os("NETLOOM_RUN").map_or_else(|| "/run/netloom".into(), PathBuf::from)
}

impl Client {
    /// Control on this host, by its Unix socket; whoever may open that is an admin.
    pub fn unix(socket: impl Into<PathBuf>) -> Self {
        Self { place: Place::Unix(socket.into()), absence: None, patience: SILENCE_MAX }
    }

    /// Control of a fabric on this host, as its admin.
    pub fn local(fabric: &str) -> Self {
        Self::unix(default_run().join(fabric).join("control.sock"))
    }

    /// Control over HTTP at `host:port`, with an access token.
    pub fn http(authority: impl Into<String>, access: Option<String>) -> Self {
        Self {
            place: Place::Tcp { authority: authority.into(), access },
            absence: None,
            patience: SILENCE_MAX,
        }
    }

    /// Why control does not answer here, where that is known before it is asked: requests fail with
    /// [`ClientError::Absent`] then, if it does not answer indeed.
    #[must_use]
    pub fn with_absence(mut self, why: Option<String>) -> Self {
        self.absence = why;
        self
    }

    /// How long what control only has to tell is waited for; 15 s unless this is said. What is then not answered fails
    /// with [`ClientError::Silent`]. Changes are waited for as long as they take.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How the fabric is.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get("/v1/status").await
    }

    /// What would change.
    pub async fn plan(&self, plan: &Plan) -> Result<Proposed, ClientError> {
        self.post("/v1/plan", plan).await
    }

    /// Changes it.
    pub async fn apply(&self, apply: &Apply) -> Result<Applied, ClientError> {
        self.post("/v1/apply", apply).await
    }

    /// Goes back to a revision.
    pub async fn rollback(&self, rollback: &Rollback) -> Result<Applied, ClientError> {
        self.post("/v1/rollback", rollback).await
    }

    /// The newest revisions, newest first.
    pub async fn history(&self, count: usize) -> Result<Vec<Revision>, ClientError> {
        self.get(&format!("/v1/revisions?count={count}")).await
    }

    /// A revision with its files.
    pub async fn revision(&self, number: u64) -> Result<Revision, ClientError> {
        self.get(&format!("/v1/revisions/{number}")).await
    }

    /// The networks.
    pub async fn networks(&self) -> Result<Vec<Network>, ClientError> {
        self.get("/v1/networks").await
    }

    /// A network.
    pub async fn network(&self, name: &str) -> Result<Network, ClientError> {
        self.get(&format!("/v1/networks/{}", escaped(name))).await
    }

    /// Makes a network.
    pub async fn make_network(&self, wanted: &MakeNetwork) -> Result<Applied, ClientError> {
        self.post("/v1/networks", wanted).await
    }

    /// Removes a network that was made through the API.
    pub async fn remove_network(
        &self,
        name: &str,
        wanted: &Disconnect,
    ) -> Result<Applied, ClientError> {
        self.post(&format!("/v1/networks/{}/remove", escaped(name)), wanted).await
    }

    /// Brings a container or a foreign namespace into a network.
    pub async fn connect(&self, network: &str, wanted: &Connect) -> Result<Applied, ClientError> {
        self.post(&format!("/v1/networks/{}/connect", escaped(network)), wanted).await
    }

    /// Takes it out again.
    pub async fn disconnect(
        &self,
        network: &str,
        wanted: &Disconnect,
    ) -> Result<Applied, ClientError> {
        self.post(&format!("/v1/networks/{}/disconnect", escaped(network)), wanted).await
    }

    /// Makes a join token.
    pub async fn make_token(&self, wanted: &MakeToken) -> Result<TokenMade, ClientError> {
        self.post("/v1/tokens", wanted).await
    }

    /// The join tokens that can still be used.
    pub async fn tokens(&self) -> Result<Vec<Token>, ClientError> {
        self.get("/v1/tokens").await
    }

    /// Makes a join token useless.
    pub async fn revoke_token(&self, id: &str) -> Result<Vec<Token>, ClientError> {
        self.post(&format!("/v1/tokens/{}/revoke", escaped(id)), &()).await
    }

    /// Asks to be admitted, over a connection that the caller has made and trusts.
    pub async fn join_over<S>(stream: S, place: &str, join: &Join) -> Result<Joined, ClientError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let body = serde_json::to_vec(join).map_err(ClientError::Answer)?;
        let request = request(Method::POST, "/v1/join", place, None, body);
        answer(exchange(stream, place, request).await?)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let asked = self.send(Method::GET, path, Vec::new());
        let silent = |_| Err(ClientError::Silent { place: self.place.to_string() });
        tokio::time::timeout(self.patience, asked).await.unwrap_or_else(silent)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(ClientError::Answer)?;
        self.send(Method::POST, path, body).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, ClientError> {
        let unreachable = |place: String| {
            |source| match self.absence.clone() {
                Some(why) => ClientError::Absent(why),
                None => ClientError::Unreachable { place, source },
            }
        };
        let answered = match &self.place {
            Place::Unix(socket) => {
                let place = socket.display().to_string();
                let stream = socket::connect(socket).map_err(unreachable(place.clone()))?;
                let request = request(method, path, "localhost", None, body);
                exchange(stream, &place, request).await?
            }
            Place::Tcp { authority, access } => {
                let stream =
                    TcpStream::connect(authority).await.map_err(unreachable(authority.clone()))?;
                let request = request(method, path, authority, access.as_deref(), body);
                exchange(stream, authority, request).await?
            }
        };
        answer(answered)
    }
}

/// A name as one segment of a path (RFC 3986 §2.1).
fn escaped(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes()
        .map(
            |byte| {
                if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::StatusCode;
    use hyper::body::Bytes;

    #[test]
    fn names_stay_one_segment() {
        assert_eq!(escaped("web-1"), "web-1");
        assert_eq!(escaped("a/b?c"), "a%2Fb%3Fc");
    }

    #[test]
    fn refusals_carry_what_control_says() {
        let body = Bytes::from_static(br#"{"message":"no","solution":"ask"}"#);
        match answer::<Status>((StatusCode::CONFLICT, body)) {
            Err(ClientError::Refused(error)) => assert_eq!(error.solution, "ask"),
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            answer::<Status>((StatusCode::FORBIDDEN, Bytes::from_static(b"plain"))),
            Err(ClientError::Refused(error)) if error.message == "plain"
        ));
    }

    #[test]
    fn what_control_has_failed_at_may_have_been_done() {
        let body = || Bytes::from_static(br#"{"message":"unknown","solution":"look"}"#);
        for status in [StatusCode::BAD_GATEWAY, StatusCode::INTERNAL_SERVER_ERROR] {
            let failed = answer::<Status>((status, body())).unwrap_err();
            assert!(matches!(failed, ClientError::Failed(_)), "{status}");
            assert_eq!(failed.to_string(), "unknown; look");
        }
        let busy = answer::<Status>((StatusCode::SERVICE_UNAVAILABLE, body()));
        assert!(matches!(busy, Err(ClientError::Refused(_))), "nothing was begun");
    }

    #[test]
    fn who_takes_calls_and_says_nothing_is_not_waited_for_without_end() {
        let path = std::env::temp_dir().join(format!("netloom-silent-{}", std::process::id()));
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let client = Client::unix(&path).with_patience(Duration::from_millis(20));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let failed = runtime.block_on(client.status()).unwrap_err();
        assert!(matches!(failed, ClientError::Silent { .. }), "{failed}");
        assert!(failed.to_string().contains("says nothing"), "{failed}");
        drop(listener);
        std::fs::remove_file(path).unwrap();
    }
}
