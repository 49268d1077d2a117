//! Why a request to control was not done.

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Control does not answer.
    #[error("control does not answer at {place}: {source}")]
    Unreachable {
        /// Where it should.
        place: String,
        /// Why.
        source: std::io::Error,
    },
    /// Control takes calls and does not answer them.
    #[error("control at {place} takes calls and says nothing: it hangs, or is very busy")]
    Silent {
        /// Where.
        place: String,
    },
    /// Control is not here, as who made the client knows.
    #[error("{0}")]
    Absent(String),
    /// The connection broke, or what came is not HTTP.
    #[error("the connection to control at {place} broke: {text}")]
    Broken {
        /// Where.
        place: String,
        /// How.
        text: String,
    },
    /// Control refuses, and has done nothing.
    #[error("{}", .0.message)]
    Refused(Box<netloom_api::Error>),
    /// Control has failed at it, or cannot tell how it ended: it may have been done.
    #[error("{}", told(.0))]
    Failed(Box<netloom_api::Error>),
    /// What was answered is not what was expected.
    #[error("control's answer makes no sense ({0}); update this program, or control")]
    Answer(serde_json::Error),
}

/// An error with what to do about it.
fn told(error: &netloom_api::Error) -> String {
    if error.solution.is_empty() {
        return error.message.clone();
    }
    format!("{}; {}", error.message, error.solution)
}
