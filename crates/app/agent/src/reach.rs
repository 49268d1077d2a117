//! Whether control can be reached, tried without a session: nothing is said, and nothing changed.

use crate::joined::{JOINED, JoinedFacts};
use crate::link::tls::{ALPN_API, Identity, connect};
use anyhow::Context as _;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a member of control may take for each step.
const STEP_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How far one came with a member of control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It has proved that it is this fabric's control, and took the node's certificate.
    Secure,
    /// Something listens there, and this went wrong with it.
    Open(String),
    /// Nothing answers, for this reason.
    Shut(String),
}

/// What a node that has joined can say of control without its agent.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Who the node is.
    pub facts: JoinedFacts,
    /// From when until when its certificate is valid, in milliseconds since 1970.
    pub certificate_ms: Option<(u64, u64)>,
    /// Each member of control, and how far one came.
    pub members: Vec<(String, Reach)>,
}

/// Tries every member of control that the node in `folder` knows.
///
/// # Errors
/// The folder is not that of a node that has joined, or not for this user.
pub fn try_control(folder: &Path) -> anyhow::Result<Tried> {
    let path = folder.join(JOINED);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let facts: JoinedFacts = serde_json::from_str(&text)
        .with_context(|| format!("{} is damaged: join again", path.display()))?;
    let identity = Identity::read(folder, &facts)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let mut members = Vec::new();
    for member in &facts.control {
        let reach = runtime.block_on(try_member(&identity, member));
        members.push((member.clone(), reach));
    }
    let ms = |time: netloom_base::WallTime| time.0 / 1_000_000;
    let certificate_ms = identity.validity().map(|found| (ms(found.start), ms(found.end)));
    Ok(Tried { facts, certificate_ms, members })
}

async fn try_member(identity: &Identity, member: &str) -> Reach {
    match tokio::time::timeout(STEP_TIMEOUT, TcpStream::connect(member)).await {
        Err(_) => {
            return Reach::Shut("no answer: a firewall may drop it, or no host has it".into());
        }
        Ok(Err(error)) => return Reach::Shut(error.to_string()),
        Ok(Ok(_)) => {}
    }
    match tokio::time::timeout(STEP_TIMEOUT, connect(identity, member, 0, ALPN_API)).await {
        // Who hangs may be control all the same.
        Err(_) => Reach::Shut("it listens and says nothing: it hangs, or is very busy".to_owned()),
        Ok(Err(why)) => Reach::Open(why),
        Ok(Ok(_)) => Reach::Secure,
    }
}
