//! What a host that joins asks control, over a connection of its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use netloom::api::{self, Joined};
use netloom::{Client, ClientError};
use netloom_pki::identity::prove_possession;
use netloom_pki::tls::{Trust, binding, client_config, control_server_name, explain};
use netloom_pki::{Clock, SigningSecret, Token};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Longest wait for a connection to control.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The API's name in the TLS handshake.
const ALPN: &[u8] = b"http/1.1";

/// Why a node has not joined, and whether control may have admitted it nevertheless.
pub(super) struct NotJoined {
    pub(super) error: anyhow::Error,
    pub(super) may_be_admitted: bool,
}

/// Asks each member of control that the token names, until one answers.
pub(super) fn ask(token: &Token, name: &str, secret: &SigningSecret) -> Result<Joined, NotJoined> {
    let (mut reasons, mut may_be_admitted) = (Vec::new(), false);
    for endpoint in &token.endpoints {
        match wait_for_any(ask_one(token, endpoint, name, secret)) {
            Ok(joined) => return Ok(joined),
            // It has answered: others would say the same.
            Err(AskError::Refused(error)) => {
                return Err(NotJoined { error: super::super::explained(error), may_be_admitted });
            }
            Err(AskError::Unreachable(why)) => reasons.push(format!("{endpoint}: {why}")),
            Err(AskError::Lost(why)) => {
                may_be_admitted = true;
                reasons.push(format!("{endpoint}: {why}"));
            }
        }
    }
    let error = anyhow::anyhow!(
        "control cannot be reached ({}); see that it is up and that this host has a way to it, or \
         make a token with another --endpoint",
        reasons.join("; ")
    );
    Err(NotJoined { error, may_be_admitted })
}

enum AskError {
    Unreachable(String),
    /// It was asked, and its answer did not come.
    Lost(String),
    Refused(ClientError),
}

fn wait_for_any<T>(work: impl Future<Output = Result<T, AskError>>) -> Result<T, AskError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| AskError::Unreachable(error.to_string()))?;
    runtime.block_on(work)
}

async fn ask_one(
    token: &Token,
    endpoint: &str,
    name: &str,
    secret: &SigningSecret,
) -> Result<Joined, AskError> {
    let unreachable = |why: String| AskError::Unreachable(why);
    let clock = Clock::system();
    clock.raise_floor(token.made());
    let config = client_config(&Trust::Hash(token.authority), None, &[ALPN], &clock)
        .map_err(|error| unreachable(error.to_string()))?;
    let connect = async {
        let stream = TcpStream::connect(endpoint).await?;
        let name = control_server_name(token.fabric);
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    };
    let stream = match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            let meaning = tls.and_then(explain);
            let why =
                meaning.map_or_else(|| error.to_string(), |meaning| format!("{error}; {meaning}"));
            return Err(unreachable(why));
        }
        Err(_) => return Err(unreachable(format!("no answer in {} s", CONNECT_TIMEOUT.as_secs()))),
    };
    let session = binding(stream.get_ref().1)
        .ok_or_else(|| unreachable("the connection cannot be told from others".to_owned()))?;
    let proof = prove_possession(secret, token.fabric, name, &session);
    let join = api::Join {
        node: name.to_owned(),
        fabric_id: token.fabric.to_string(),
        secret: BASE64.encode(token.secret.as_bytes()),
        key: BASE64.encode(secret.public().0),
        proof: BASE64.encode(proof),
    };
    Client::join_over(stream, endpoint, &join).await.map_err(|error| match error {
        refused @ ClientError::Refused(_) => AskError::Refused(refused),
        other => AskError::Lost(other.to_string()),
    })
}
