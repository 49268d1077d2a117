//! Requests to etcd's members: one after the other until one answers, with what is known after each failure.

use super::json::Refusal;
use super::{EtcdSettings, EtcdTls};
use crate::error::{Damage, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use ureq::Agent;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};

/// Longest answer: a transaction of ours, in base64, with room to spare.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Pause after all members have failed.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections kept for each member, as many as threads usually ask at a time.
const CONNECTIONS_KEPT_MAX: usize = 16;

/// What is known of a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Knowledge {
    /// It was not done, and will not be.
    NotDone,
    /// It is over; perhaps it was done.
    Over,
    /// It may have been done, and may be yet.
    Nothing,
}

/// A request that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: StoreError,
    pub(super) known: Knowledge,
}

/// etcd's members.
#[derive(Debug)]
pub(super) struct Gateway {
    agent: Agent,
    endpoints: Vec<String>,
    /// The one that answered last.
    current: AtomicUsize,
    patience: Duration,
}

impl Gateway {
    pub(super) fn new(settings: EtcdSettings) -> Result<Self, StoreError> {
        let place = settings.endpoints.join(", ");
        let refused =
            |cause: &str| StoreError::Refused { place: place.clone(), cause: cause.to_owned() };
        if settings.endpoints.is_empty() {
            return Err(refused("no endpoint is given; name the members of etcd"));
        }
        let is_tls = |endpoint: &String| endpoint.starts_with("https://");
        let is_plain = |endpoint: &String| endpoint.starts_with("http://");
        if let Some(wrong) = settings.endpoints.iter().find(|one| !is_tls(one) && !is_plain(one)) {
            return Err(refused(&format!("`{wrong}` does not begin with https:// or http://")));
        }
        if settings.tls.is_some() && settings.endpoints.iter().any(|one| !is_tls(one)) {
            return Err(refused("certificates are given, and an endpoint is not https://"));
        }
        if settings.tls.is_none() && settings.endpoints.iter().any(is_tls) {
            return Err(refused("an endpoint is https://, and no authority is given to trust"));
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // What the environment says of proxies is not meant for the members of a cluster.
            .proxy(None)
            .max_idle_connections_per_host(CONNECTIONS_KEPT_MAX)
            .max_idle_connections(CONNECTIONS_KEPT_MAX * settings.endpoints.len())
            .timeout_connect(Some(settings.connect_timeout))
            .timeout_global(Some(settings.request_timeout));
        if let Some(tls) = &settings.tls {
            let tls = tls_config(tls).map_err(|cause| refused(&cause))?;
            config = config.tls_config(tls);
        }
        let strip = |endpoint: &String| endpoint.trim_end_matches('/').to_owned();
        Ok(Self {
            agent: config.build().new_agent(),
            endpoints: settings.endpoints.iter().map(strip).collect(),
            current: AtomicUsize::new(0),
            patience: settings.patience,
        })
    }

    pub(super) fn place(&self) -> String {
        format!("etcd at {}", self.endpoints.join(", "))
    }

    /// A request that may be done twice: to one member after the other, until one answers.
    pub(super) fn call_repeatedly<R: DeserializeOwned>(
        &self,
        path: &str,
        request: &impl Serialize,
    ) -> Result<R, StoreError> {
        let body = self.body(request)?;
        let start = Instant::now();
        loop {
            let (mut refused, mut unavailable) = (None, None);
            for _ in 0..self.endpoints.len() {
                match self.call_current(path, &body).map_err(|failure| failure.error) {
                    Err(error @ StoreError::Unavailable { .. }) => unavailable = Some(error),
                    // Perhaps only this one.
                    Err(error @ StoreError::Refused { .. }) => refused = Some(error),
                    other => return other,
                }
            }
            match (unavailable, refused) {
                (Some(_), _) if start.elapsed() < self.patience => std::thread::sleep(PAUSE),
                // Where one refuses and another does not answer, the refusal says more.
                (_, Some(error)) | (Some(error), None) => return Err(error),
                (None, None) => return Err(self.unavailable("no member is known")),
            }
        }
    }

    /// A request that must not be done twice: to another member only if it is certain that it was not done.
    pub(super) fn call_once<R: DeserializeOwned>(
        &self,
        path: &str,
        request: &impl Serialize,
    ) -> Result<R, Failure> {
        let body = self.body(request);
        let body = body.map_err(|error| Failure { error, known: Knowledge::NotDone })?;
        let mut last = None;
        for _ in 0..self.endpoints.len() {
            match self.call_current(path, &body) {
                Err(failure @ Failure { known: Knowledge::NotDone, .. }) => last = Some(failure),
                other => return other,
            }
        }
        let none = || self.unavailable("no member is known");
        Err(last.unwrap_or_else(|| Failure { error: none(), known: Knowledge::NotDone }))
    }

    fn body(&self, request: &impl Serialize) -> Result<Vec<u8>, StoreError> {
        serde_json::to_vec(request)
            .map_err(|error| StoreError::Refused { place: self.place(), cause: error.to_string() })
    }

    fn unavailable(&self, cause: impl ToString) -> StoreError {
        StoreError::Unavailable { place: self.place(), cause: cause.to_string() }
    }

    /// Asks the member that answered last; if it fails, the next one is asked next.
    fn call_current<R: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<R, Failure> {
        let current = self.current.load(Ordering::Relaxed);
        let endpoint = &self.endpoints[current % self.endpoints.len()];
        let answer = self.call(endpoint, path, body);
        let is_its_own = |error: &StoreError| {
            matches!(error, StoreError::Unavailable { .. } | StoreError::Refused { .. })
        };
        if answer.as_ref().is_err_and(|failure| is_its_own(&failure.error)) {
            let next = current.wrapping_add(1);
            // Another thread may have found the next one already.
            let order = Ordering::Relaxed;
            let _ = self.current.compare_exchange(current, next, order, order);
        }
        answer
    }

    fn call<R: DeserializeOwned>(
        &self,
        endpoint: &str,
        path: &str,
        body: &[u8],
    ) -> Result<R, Failure> {
        let request = self.agent.post(format!("{endpoint}{path}"));
        let request = request.header("content-type", "application/json");
        let failed = |error| self.not_answered(endpoint, error);
        let answer = request.send(body).map_err(failed)?;
        let status = answer.status();
        let body = answer.into_body().into_with_config().limit(ANSWER_BYTES_MAX);
        let body = body.read_to_vec().map_err(failed)?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| Failure {
                error: self.unavailable(format!("{endpoint}: its answer is not etcd's: {error}")),
                known: Knowledge::Nothing,
            });
        }
        let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
        let words = [refusal.message, refusal.error].into_iter().find(|words| !words.is_empty());
        let words = words.unwrap_or_else(|| format!("HTTP status {}", status.as_u16()));
        Err(self.refused(endpoint, refusal.code, words))
    }

    /// There is no answer.
    fn not_answered(&self, endpoint: &str, error: ureq::Error) -> Failure {
        let known = match &error {
            ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect)
            | ureq::Error::Tls(_)
            | ureq::Error::Rustls(_)
            | ureq::Error::BadUri(_) => Knowledge::NotDone,
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                Knowledge::NotDone
            }
            _ => Knowledge::Nothing,
        };
        let error = if is_of_tls(&error) {
            let place = format!("etcd at {endpoint}");
            StoreError::Refused { place, cause: error.to_string() }
        } else {
            self.unavailable(format!("{endpoint}: {error}"))
        };
        Failure { error, known }
    }

    /// The answer is a refusal. Codes are gRPC's.
    fn refused(&self, endpoint: &str, code: u32, words: String) -> Failure {
        let place = format!("etcd at {endpoint}");
        let is_full = words.contains("database space exceeded");
        let (error, known) = match code {
            // etcd says so also after it has done what was asked.
            8 if is_full => (StoreError::Full { place, cause: words }, Knowledge::Over),
            // Invalid, not permitted, not known, not authenticated.
            3 | 7 | 12 | 16 => (StoreError::Refused { place, cause: words }, Knowledge::NotDone),
            15 => {
                let damage = Damage::File(words);
                (StoreError::Damaged { place, damage }, Knowledge::Nothing)
            }
            // A leader that has gone, a timeout, too many requests, and what is new.
            _ => (self.unavailable(format!("{endpoint}: {words}")), Knowledge::Nothing),
        };
        Failure { error, known }
    }
}

/// Certificates that one end does not accept. Where it is the other end, the connection says so when it is read.
fn is_of_tls(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::BadUri(_) => true,
        ureq::Error::Io(error) => error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
        _ => false,
    }
}

fn tls_config(tls: &EtcdTls) -> Result<TlsConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let authorities = certificates(&tls.authorities, "the authorities' certificates")?;
    let mut config = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(RootCerts::Specific(Arc::new(authorities)));
    if let Some((chain, key)) = &tls.client {
        let chain = certificates(chain, "our certificate")?;
        let key = PrivateKey::from_pem(key).map_err(|error| format!("our key: {error}"))?;
        config = config.client_cert(Some(ClientCert::new_with_certs(&chain, key)));
    }
    Ok(config.build())
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<Certificate<'static>>, String> {
    let mut certificates = Vec::new();
    for item in ureq::tls::parse_pem(pem) {
        match item.map_err(|error| format!("{what}: {error}"))? {
            ureq::tls::PemItem::Certificate(certificate) => certificates.push(certificate),
            _ => return Err(format!("{what}: the PEM has something else than certificates")),
        }
    }
    if certificates.is_empty() {
        return Err(format!("{what}: the PEM has none"));
    }
    Ok(certificates)
}
