//! `netloom join TOKEN`: makes this host a node of a fabric.

mod ask;

pub(super) use super::membership::own_node;
use super::needed::{Needed, refuse_taken};
use super::place::{Host, Place};
use super::seat::Seat;
use super::started::Started;
use super::up::PORT;
use super::{membership, supervise, wait_for};
use crate::output;
use anyhow::{Context as _, bail};
use ask::{NotJoined, ask};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use netloom::api::{self, Joined};
use netloom_agent::joined::{CA, CERTIFICATE, IDENTITY, JOINED, JoinedFacts, write_secret};
use netloom_base::WallTime;
use netloom_pki::{SigningSecret, StoredKey, Token};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Longest wait until the node has heard from control.
const READY_TIMEOUT: Duration = Duration::from_secs(15);

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
    /// UDP port of the tunnels; 51820 unless said, or the one that it has already where it joins again.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Only join; something else starts the node, with `netloom node`.
    #[arg(long)]
    no_start: bool,
    /// Print who this host is now as JSON.
    #[arg(long)]
    json: bool,
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
    let own_port = before.as_ref().map(|before| before.listen_port);
    let port = arguments.port.or(own_port).unwrap_or(PORT);
    if own_port != Some(port) {
        // Before the token is used up.
        refuse_taken(&[Needed::by_tunnels(port)])?;
    }
    let joined = enrol(&place, &token, &name, port)?;
    let own = Own::of(&joined, before.is_some());
    let say = |text: &str| {
        if !arguments.json {
            output::print(text)
        }
    };
    let again = if own.again { " again" } else { "" };
    say(&format!("{name} has joined {}{again}\n", own.fabric));
    if let Some(member) = &joined.member {
        let authority = BASE64.decode(&joined.ca).context("control's authority makes no sense")?;
        netloom_control::keys::make_folder(&place.control())?;
        arguments.seat.settings(&name).write(&place.control())?;
        netloom_control::keys::take_part(&place.control(), &authority, member)?;
    }
    if !arguments.no_start {
        let started = start(&place, own.again)?;
        if own.is_member {
            started.wait_for_control()?;
        }
        started.wait_for_node()?;
        // Control has nothing to say to one that takes no part yet.
        if own.declared && !own.waiting {
            wait_until_heard(&place)?;
        }
        say(&own.shown());
    }
    if arguments.json {
        output::json(&own)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Who a host is that has joined: nothing of it is secret.
#[derive(Debug, serde::Serialize)]
struct Own {
    fabric: String,
    node: String,
    /// Where control answers.
    control: Vec<String>,
    /// Whether it had joined before.
    again: bool,
    /// Whether it waits for somebody's approval.
    waiting: bool,
    /// Whether the fabric's file declares the node.
    declared: bool,
    /// Whether it is a member of control now.
    is_member: bool,
}

impl Own {
    fn of(joined: &Joined, again: bool) -> Self {
        Self {
            fabric: joined.fabric.clone(),
            node: joined.node.clone(),
            control: joined.control.clone(),
            again,
            waiting: joined.waiting,
            declared: joined.declared,
            is_member: joined.member.is_some(),
        }
    }

    /// What is to be known of it, in words.
    fn shown(&self) -> String {
        let mut text = String::new();
        let name = &self.node;
        if self.is_member {
            text.push_str("this host is a member of control now\n");
        }
        if self.waiting {
            text.push_str(&format!("it waits for approval: netloom approve {name}\n"));
        } else if !self.declared {
            text.push_str(&format!(
                "the fabric's file has no node `{name}` yet: add it under `nodes:`, then netloom apply\n"
            ));
        }
        text.push_str("try: netloom status\n");
        text
    }
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    #[test]
    fn nobody_listens_on_port_0() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            join: super::Join,
        }
        let parse = |port| Line::try_parse_from(["join", "TOKEN", "--port", port]);
        assert_eq!(parse("51999").map(|line| line.join.port).ok(), Some(Some(51999)));
        assert!(parse("0").is_err());
    }
}
