//! `netloom nodes`, `approve`, `revoke`, `remove`, and `netloom token`.

use super::place::Host;
use super::time::utc;
use super::wait_for;
use crate::output;
use netloom::api::{self, MakeToken};
use std::process::ExitCode;

/// Lists the nodes that are declared or have joined.
#[derive(Debug, clap::Args)]
pub(crate) struct Nodes {
    #[command(flatten)]
    host: Host,
    /// Print them as JSON.
    #[arg(long)]
    json: bool,
}

/// A node by its name.
#[derive(Debug, clap::Args)]
pub(crate) struct NodeName {
    #[command(flatten)]
    host: Host,
    /// The node.
    node: String,
    /// Print the nodes that there are then as JSON.
    #[arg(long)]
    json: bool,
}

/// What is done with join tokens.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum TokenCommand {
    /// Make one: shown once, and kept nowhere.
    Create(Create),
    /// List those that can still be used.
    Ls(Ls),
    /// Make one useless.
    Revoke(Revoke),
}

/// How a token is made.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    #[command(flatten)]
    host: Host,
    /// Only the node with this name may use it.
    #[arg(long)]
    node: Option<String>,
    /// Only nodes that the fabric's file declares with this tag may use it; may be given several times.
    #[arg(long = "tag")]
    tags: Vec<String>,
    /// It may be used more than once.
    #[arg(long)]
    reusable: bool,
    /// How long it is valid: 30m, 24h, 7d.
    #[arg(long, default_value = "24h", value_parser = lifetime, value_name = "TIME")]
    expires: u64,
    /// Nodes that use it wait for `netloom approve`.
    #[arg(long)]
    needs_approval: bool,
    /// Where nodes reach control, if not where this host thinks: HOST:PORT.
    #[arg(long = "endpoint", value_name = "HOST:PORT")]
    endpoints: Vec<String>,
    /// Make the node a member of control, with the keys of the fabric's CA; needs a store in etcd.
    #[arg(long, requires = "node", conflicts_with = "reusable")]
    control: bool,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

/// Lists tokens.
#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    host: Host,
    /// Print them as JSON.
    #[arg(long)]
    json: bool,
}

/// Revokes a token.
#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    host: Host,
    /// Its number, as `netloom token ls` shows it.
    id: String,
    /// Print those that are left as JSON.
    #[arg(long)]
    json: bool,
}

/// Seconds of `30m`, `24h`, `7d`, `90s`.
pub(super) fn lifetime(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no time such as 30m, 24h or 7d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number = &text[..text.len() - unit.len_utf8()];
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(factor).filter(|seconds| *seconds > 0).ok_or_else(wrong)
}

pub(crate) fn token(command: &TokenCommand) -> anyhow::Result<ExitCode> {
    match command {
        TokenCommand::Create(create) => {
            let wanted = MakeToken {
                node: create.node.clone(),
                tags: create.tags.iter().cloned().collect(),
                reusable: create.reusable,
                lifetime_s: Some(create.expires),
                needs_approval: create.needs_approval,
                endpoints: create.endpoints.clone(),
                control: create.control,
            };
            let client = create.host.chosen()?.client();
            let made = wait_for(client.make_token(&wanted))?;
            if let Some(node) = &create.node {
                output::error(&undeclared(&wait_for(client.status())?, node));
            }
            if create.json {
                output::print(&format!("{}\n", serde_json::to_string_pretty(&made)?));
                return Ok(ExitCode::SUCCESS);
            }
            output::print(&format!("{}\n", made.token));
            let name = create.node.as_deref().unwrap_or("NAME");
            output::error(&format!(
                "valid until {}; on the node: netloom join TOKEN --name {name}\n",
                utc(made.expires_s * 1000)
            ));
        }
        TokenCommand::Ls(ls) => {
            let tokens = wait_for(ls.host.chosen()?.client().tokens())?;
            list_tokens(&tokens, ls.json)?;
        }
        TokenCommand::Revoke(revoke) => {
            let client = revoke.host.chosen()?.client();
            list_tokens(&wait_for(client.revoke_token(&revoke.id))?, revoke.json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is to be known where a token's node is none that is declared: it may join before it is.
fn undeclared(status: &api::Status, node: &str) -> String {
    if status.nodes.get(node).is_some_and(|node| node.state != "undeclared") {
        return String::new();
    }
    format!(
        "warning: the fabric's file has no node `{node}`; add it under `nodes:`, then netloom apply, or it \
         takes no part when it has joined\n"
    )
}

fn list_tokens(tokens: &[api::Token], json: bool) -> anyhow::Result<()> {
    if json {
        output::print(&format!("{}\n", serde_json::to_string_pretty(tokens)?));
        return Ok(());
    }
    let row = |token: &api::Token| {
        let kind = if token.reusable { "reusable" } else { "one-off" };
        let node = token.node.clone().unwrap_or_else(|| "any node".to_owned());
        let tags = token.tags.iter().cloned().collect::<Vec<_>>().join(",");
        let until = format!("until {}", utc(token.expires_s * 1000));
        vec![token.id.clone(), node, kind.to_owned(), format!("used {}", token.used), until, tags]
    };
    let rows: Vec<Vec<String>> = tokens.iter().map(row).collect();
    output::print(&output::table(&rows));
    Ok(())
}

pub(crate) fn list(arguments: &Nodes) -> anyhow::Result<ExitCode> {
    show(&wait_for(arguments.host.chosen()?.client().status())?, arguments.json)
}

pub(crate) fn approve(arguments: &NodeName) -> anyhow::Result<ExitCode> {
    let client = arguments.host.chosen()?.client();
    show(&wait_for(client.approve(&arguments.node))?, arguments.json)
}

pub(crate) fn revoke(arguments: &NodeName) -> anyhow::Result<ExitCode> {
    let client = arguments.host.chosen()?.client();
    show(&wait_for(client.revoke(&arguments.node))?, arguments.json)
}

pub(crate) fn remove(arguments: &NodeName) -> anyhow::Result<ExitCode> {
    let client = arguments.host.chosen()?.client();
    show(&wait_for(client.remove(&arguments.node))?, arguments.json)
}

fn show(status: &api::Status, as_json: bool) -> anyhow::Result<ExitCode> {
    if as_json {
        output::json(&status.nodes)?;
    } else {
        output::print(&super::status::nodes(status));
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::{api, lifetime, undeclared};

    #[test]
    fn a_token_for_a_node_that_is_not_declared_is_warned_of() {
        let node = |state: &str| api::Node { state: state.to_owned(), ..api::Node::default() };
        let nodes = [("alpha", node("not joined")), ("beta", node("undeclared"))];
        let nodes = nodes.map(|(name, node)| (name.to_owned(), node)).into();
        let status = api::Status { nodes, ..api::Status::default() };
        assert_eq!(undeclared(&status, "alpha"), "");
        for name in ["beta", "alhpa"] {
            let words = undeclared(&status, name);
            assert!(words.contains(&format!("no node `{name}`")), "{words}");
        }
    }

    #[test]
    fn lifetimes_have_units() {
        assert_eq!(lifetime("90s"), Ok(90));
        assert_eq!(lifetime("24h"), Ok(86_400));
        assert_eq!(lifetime("7d"), Ok(604_800));
        for wrong in ["", "h", "24", "0h", "1w", "99999999999999999999d", "-1h", "é"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }
}
