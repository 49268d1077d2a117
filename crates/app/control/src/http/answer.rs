//! Failures as the API tells them, and work that blocks.

use crate::access::AccessError;
use crate::admission::AdmissionError;
use crate::office::OfficeError;
use crate::proposal::Refused;
use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use netloom_api::{Error, Finding};
use netloom_model::api_place::ApiPlaces;
use netloom_model::load::API_FILE;
use netloom_model::{Diagnostic, Severity, diagnostic};
use netloom_plan::promises::Broken;
use netloom_store::CommitError;
use serde::de::DeserializeOwned;

/// A request that is not done.
#[derive(Debug)]
pub(crate) struct Failure {
    code: StatusCode,
    error: Error,
}

impl Failure {
    pub(crate) fn new(
        code: StatusCode,
        message: impl Into<String>,
        solution: impl Into<String>,
    ) -> Self {
        Self { code, error: Error::new(message, solution) }
    }

    /// The same, of something that was tried after `what` had come true: who is refused may believe that nothing is in
    /// force, and that is not so.
    pub(crate) fn after(mut self, what: &str) -> Self {
        self.code = StatusCode::INTERNAL_SERVER_ERROR;
        self.error.message = format!("{what}: {}", self.error.message);
        self
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.code, Json(self.error)).into_response();
        if self.code == StatusCode::UNAUTHORIZED {
            // RFC 6750 §3: how to show who one is.
            let how = HeaderValue::from_static("Bearer realm=\"netloom\"");
            response.headers_mut().insert("www-authenticate", how);
        }
        response
    }
}

/// The body of a request. One that makes no sense is answered as any other failure is.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(refused) => {
                let solution = "GET /v1/openapi.json says what is expected";
                Err(Failure::new(refused.status(), refused.body_text(), solution))
            }
        }
    }
}

impl From<OfficeError> for Failure {
    fn from(error: OfficeError) -> Self {
        let text = error.to_string();
        // Our errors say what to do behind a semicolon.
        let (message, solution) = text.split_once("; ").unwrap_or((&text, ""));
        match &error {
            OfficeError::Refused(refused) => refusal(refused),
            OfficeError::Moved { .. } | OfficeError::BeforeAll | OfficeError::Revoked { .. } => {
                Self::new(StatusCode::CONFLICT, message, solution)
            }
            OfficeError::NoRevision { .. } | OfficeError::NoNode { .. } => {
                Self::new(StatusCode::NOT_FOUND, message, solution)
            }
            OfficeError::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, message, solution),
            OfficeError::Commit(CommitError::Unknown { .. }) => Self::new(
                StatusCode::BAD_GATEWAY,
                text.clone(),
                "look at `netloom history` before trying again",
            ),
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, message, solution),
        }
    }
}

impl From<AdmissionError> for Failure {
    fn from(error: AdmissionError) -> Self {
        let text = error.to_string();
        let (message, solution) = text.split_once("; ").unwrap_or((&text, ""));
        match error {
            AdmissionError::Office(error) => error.into(),
            AdmissionError::Invalid(_) | AdmissionError::Order(_) => {
                Self::new(StatusCode::BAD_REQUEST, message, solution)
            }
            _ => Self::new(StatusCode::FORBIDDEN, message, solution),
        }
    }
}

impl From<AccessError> for Failure {
    fn from(error: AccessError) -> Self {
        let text = error.to_string();
        let (message, solution) = text.split_once("; ").unwrap_or((&text, ""));
        match error {
            AccessError::Office(error) => error.into(),
            AccessError::Unknown(_) => Self::new(StatusCode::NOT_FOUND, message, solution),
            AccessError::TooMany => Self::new(StatusCode::CONFLICT, message, solution),
            AccessError::Random => Self::new(StatusCode::SERVICE_UNAVAILABLE, message, solution),
            _ => Self::new(StatusCode::BAD_REQUEST, message, solution),
        }
    }
}

fn refusal(refused: &Refused) -> Failure {
    let mut error = Error::new("what is declared is refused", "mend it, then try again");
    match refused {
        Refused::Errors { findings, sources } => {
            let api = ApiPlaces::of(findings, sources.get(API_FILE).map(String::as_str));
            error.findings = findings.iter().map(|found| finding(found, &api)).collect();
            error.rendered = diagnostic::render(findings, sources);
        }
        Refused::BrokenTests(broken) => {
            "tests of the file do not hold: nothing was changed".clone_into(&mut error.message);
            "change the policy, or the tests".clone_into(&mut error.solution);
            for test in broken {
                error.findings.push(self::broken(test));
                error.rendered.push_str(&format!("{}\n", test.text));
            }
        }
        Refused::OtherFabric { found, own } => {
            error.message = format!("this is the file of fabric `{found}`, not of `{own}`");
            "name the right file, or the control of that fabric".clone_into(&mut error.solution);
        }
    }
    Failure { code: StatusCode::UNPROCESSABLE_ENTITY, error }
}

/// A test that does not hold.
pub(crate) fn broken(test: &Broken) -> Finding {
    Finding {
        severity: "error".to_owned(),
        file: test.span.file.to_string(),
        line: test.span.line,
        column: test.span.column,
        message: test.text.clone(),
        ..Finding::default()
    }
}

/// A finding; what is meant of the API's document is said by object and field.
pub(crate) fn finding(found: &Diagnostic, api: &ApiPlaces) -> Finding {
    let place = api.find(&found.span);
    Finding {
        code: Some(found.code.0.to_owned()),
        severity: match found.severity {
            Severity::Error => "error".to_owned(),
            Severity::Warning => "warning".to_owned(),
        },
        file: found.span.file.to_string(),
        line: found.span.line,
        column: found.span.column,
        object: place.map(|place| format!("{}/{}", place.section, place.name)),
        field: place.map(|place| place.field.clone()).filter(|field| !field.is_empty()),
        message: api.reworded(&found.message),
        cause: api.reworded(&found.cause),
        solution: api.reworded(&found.solution),
        did_you_mean: found.did_you_mean.clone(),
    }
}

/// Runs work that blocks where it holds nobody up.
pub(crate) async fn blocking<T: Send + 'static, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Failure>
where
    E: Send + 'static,
    Failure: From<E>,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(Failure::from),
        Err(_) => Err(Failure::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "control failed while it worked on this",
            "look at control's log, and tell the developers",
        )),
    }
}
