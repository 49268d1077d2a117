//! `netloom join TOKEN`: makes this host a node of a fabric.

pub(super) use super::membership::own_node;
use super::place::{Host, Place};
use super::seat::Seat;
use super::started::Started;
use super::{membership, supervise, wait_for};
use crate::output;
use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use netloom::api::{self, Joined};
use netloom::{Client, ClientError};
use netloom_agent::joined::{CA, CERTIFICATE, IDENTITY, JOINED, JoinedFacts, write_secret};
use netloom_base::WallTime;
use netloom_pki::identity::prove_possession;
use netloom_pki::tls::{Trust, binding, client_config, control_server_name, explain};
use netloom_pki::{Clock, SigningSecret, StoredKey, Token};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Longest wait for a connection to control.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait until the node has heard from control.
const READY_TIMEOUT: Duration = Duration::from_secs(15);
/// The API's name in the TLS handshake.
const ALPN: &[u8] = b"http/1.1";

/// Makes this host a node of the fabric that the token is of.
#[derive(Debug, clap::Args)]
pub(crate) struct Join {
    #[command(flatten)]
    host: Host,
    /// The token, as `netloom token create` printed it; `-` reads it from standard input.
    token: String,
    /// The node's name in the fabric's file; else the token's, else this host's name.
    #[arg(long)]
    name: Option<String>,
    /// UDP port of the tunnels.
    #[arg(long, default_value_t = 51820)]
    port: u16,
    /// Only join; something else starts the node, with `netloom node`.
    #[arg(long)]
    no_start: bool,
    #[command(flatten, next_help_heading = "Where the token makes this host a member of control")]
    seat: Seat,
}

pub(crate) fn join(arguments: &Join) -> anyhow::Result<ExitCode> {
    let text = match arguments.token.as_str() {
        "-" => std::io::read_to_string(std::io::stdin()).context("cannot read the token")?,
        text => text.to_owned(),
    };
    let token = Token::parse(text.trim(), wall_now())?;
    let place = arguments.host.place(&token.fabric_name);
    let name = match arguments.name.clone().or_else(|| token.node.clone()) {
        Some(name) => name,
        None => host_name()?,
    };
    let before = membership::joined(&place);
    let joined = enrol(&place, &token, &name, arguments.port)?;
    let again = if before.is_some() { " again" } else { "" };
    output::print(&format!("{name} has joined {}{again}\n", joined.fabric));
    if let Some(member) = &joined.member {
        let authority = BASE64.decode(&joined.ca).context("control's authority makes no sense")?;
        netloom_control::keys::make_folder(&place.control())?;
        arguments.seat.settings(&name).write(&place.control())?;
        netloom_control::keys::take_part(&place.control(), &authority, member)?;
    }
    if arguments.no_start {
        return Ok(ExitCode::SUCCESS);
    }
    let started = start(&place, before.is_some())?;
    if joined.member.is_some() {
        started.wait_for_control()?;
        output::print("this host is a member of control now\n");
    }
    started.wait_for_node()?;
    // Control has nothing to say to one that takes no part yet.
    if joined.declared && !joined.waiting {
        wait_until_heard(&place)?;
    }
    if joined.waiting {
        output::print(&format!("it waits for approval: netloom approve {name}\n"));
    } else if !joined.declared {
        output::print(&format!(
            "the fabric's file has no node `{name}` yet: add it under `nodes:`, then netloom apply\n"
        ));
    }
    output::print("try: netloom status\n");
    Ok(ExitCode::SUCCESS)
}

/// Starts what this host has; an agent that runs already knows only what was said when it had joined
/// before.
fn start(place: &Place, again: bool) -> anyhow::Result<Started<'_>> {
    let started = Started::now(place);
    if !(again && supervise::restart_node(place)?) {
        supervise::start(place)?;
    }
    Ok(started)
}

/// Joins with a token, and keeps what the node needs. A node that has joined already with the same
/// key asks again, which does no harm.
pub(super) fn enrol(
    place: &Place,
    token: &Token,
    name: &str,
    listen_port: u16,
) -> anyhow::Result<Joined> {
    membership::refuse_other_node(place, &token.fabric.to_string(), name)?;
    place.make()?;
    let folder = place.node();
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join(IDENTITY);
    let is_new = !path.exists();
    let secret = if !is_new {
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        SigningSecret::from_stored(StoredKey::new(bytes))?
    } else {
        let secret = SigningSecret::generate();
        write_secret(&path, secret.stored().as_bytes())?;
        secret
    };
    let joined = match ask(token, name, &secret) {
        Ok(joined) => joined,
        Err(NotJoined { error, may_be_admitted }) => {
            // Whoever may have been admitted asks again with the same key.
            if is_new && !may_be_admitted {
                let _ = std::fs::remove_file(&path);
                place.unmake();
            }
            return Err(error);
        }
    };
    let file = |what: &str, text: &str| {
        BASE64.decode(text).with_context(|| format!("control's {what} makes no sense"))
    };
    write_secret(&folder.join(CA), &file("authority", &joined.ca)?)?;
    write_secret(&folder.join(CERTIFICATE), &file("certificate", &joined.certificate)?)?;
    let facts = JoinedFacts {
        fabric: joined.fabric.clone(),
        fabric_id: token.fabric.to_string(),
        node: joined.node.clone(),
        control: if joined.control.is_empty() {
            token.endpoints.clone()
        } else {
            joined.control.clone()
        },
        signing_key: joined.signing_key.clone(),
        listen_port,
    };
    // Last, since it says that all is there.
    write_secret(&folder.join(JOINED), &serde_json::to_vec_pretty(&facts)?)?;
    Ok(joined)
}

/// Why a node has not joined, and whether control may have admitted it nevertheless.
struct NotJoined {
    error: anyhow::Error,
    may_be_admitted: bool,
}

/// Asks each member of control that the token names, until one answers.
fn ask(token: &Token, name: &str, secret: &SigningSecret) -> Result<Joined, NotJoined> {
    let (mut reasons, mut may_be_admitted) = (Vec::new(), false);
    for endpoint in &token.endpoints {
        match wait_for_any(ask_one(token, endpoint, name, secret)) {
            Ok(joined) => return Ok(joined),
            // It has answered: others would say the same.
            Err(AskError::Refused(error)) => {
                return Err(NotJoined { error: super::explained(error), may_be_admitted });
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

/// Waits until the agent answers and has heard from control, or says why it has not.
pub(super) fn wait_until_heard(place: &Place) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY_TIMEOUT;
    loop {
        let status = super::status::of_agent(place);
        let control = status.as_ref().ok().and_then(|status| status.control.clone());
        if control.as_deref().is_some_and(|control| control.starts_with("connected")) {
            return Ok(());
        }
        if Instant::now() > deadline {
            let why = control.unwrap_or_else(|| {
                let log = std::fs::read_to_string(place.log("node")).unwrap_or_default();
                let end: Vec<&str> = log.lines().rev().take(3).collect();
                format!(
                    "the agent does not answer: {}",
                    end.into_iter().rev().collect::<Vec<_>>().join(" ")
                )
            });
            bail!("the node has joined, and does not hear from control: {why}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// This host's name, up to the first dot.
pub(super) fn host_name() -> anyhow::Result<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .context("cannot read this host's name; give one with --name")?;
    Ok(text.trim().split('.').next().unwrap_or_default().to_lowercase())
}

pub(super) fn wall_now() -> WallTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    WallTime(u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX))
}

/// Asks control on this host for a token, and joins with it.
pub(super) fn join_own_control(place: &Place, name: &str, port: u16) -> anyhow::Result<()> {
    if place.node().join(JOINED).exists() {
        return Ok(());
    }
    let wanted = api::MakeToken {
        node: Some(name.to_owned()),
        lifetime_s: Some(600),
        ..api::MakeToken::default()
    };
    let made = wait_for(place.client().make_token(&wanted))?;
    let token = Token::parse(&made.token, wall_now())?;
    enrol(place, &token, name, port)?;
    Ok(())
}
