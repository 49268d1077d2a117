//! One request and its answer, over a stream.

use super::ClientError;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};

/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// A request of control's API.
pub(super) fn request(
    method: Method,
    path: &str,
    host: &str,
    access: Option<&str>,
    body: Vec<u8>,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", host)
        .header("content-type", "application/json");
    if let Some(access) = access {
        request = request.header("authorization", format!("Bearer {access}"));
    }
    request.body(Full::new(Bytes::from(body))).expect("paths are escaped, tokens are ASCII")
}

/// Sends one request over a stream; gives the status and the body of the answer.
pub(super) async fn exchange<S>(
    stream: S,
    place: &str,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), ClientError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let broken = |error: hyper::Error| ClientError::Broken {
        place: place.to_owned(),
        text: error.to_string(),
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(broken)?;
    let status = response.status();
    let limited = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
    let body = limited.collect().await.map_err(|error| ClientError::Broken {
        place: place.to_owned(),
        text: error.to_string(),
    })?;
    driver.abort();
    Ok((status, body.to_bytes()))
}

/// What an answer says.
pub(super) fn answer<T: DeserializeOwned>(
    (status, body): (StatusCode, Bytes),
) -> Result<T, ClientError> {
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(ClientError::Answer);
    }
    let error = serde_json::from_slice(&body).unwrap_or_else(|_| {
        netloom_api::Error::new(String::from_utf8_lossy(&body).into_owned(), "")
    });
    // Who is only busy has not begun.
    if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
        return Err(ClientError::Failed(Box::new(error)));
    }
    Err(ClientError::Refused(Box::new(error)))
}
