//! `netloom access`: access tokens of people and programs; `netloom dashboard`: the page's address.

use super::daemons::Settings;
use super::nodes::lifetime;
use super::place::{Host, Place};
use super::time::utc;
use super::wait_for;
use crate::output;
use anyhow::Context as _;
use netloom::api::{self, MakeAccess};
use std::process::ExitCode;

/// How long the token in the dashboard's address is valid: a day.
const DASHBOARD_LIFETIME_S: u64 = 24 * 3600;

/// What is done with access tokens.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum AccessCommand {
    /// Make one: shown once; control keeps its hash only.
    Create(Create),
    /// List those that are valid.
    Ls(Ls),
    /// Make one invalid, at once.
    Revoke(Revoke),
}

/// How an access token is made.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    #[command(flatten)]
    host: Host,
    /// Whom or what it is for.
    #[arg(long)]
    name: String,
    /// What it allows: to look, to change what is declared too, or all.
    #[arg(long, value_enum)]
    role: Role,
    /// How long it is valid: 30m, 24h, 30d.
    #[arg(long, default_value = "30d", value_parser = lifetime, value_name = "TIME")]
    expires: u64,
    /// Make others of the same name invalid.
    #[arg(long)]
    replace: bool,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Role {
    /// Look, and plan.
    Viewer,
    /// Apply and go back too.
    Operator,
    /// Admit nodes and give access too.
    Admin,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// Lists access tokens.
#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    host: Host,
    /// Print them as JSON.
    #[arg(long)]
    json: bool,
}

/// Revokes an access token.
#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    host: Host,
    /// Its number, as `netloom access ls` shows it.
    id: String,
    /// Print those that are left as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the dashboard's address, with a token that is valid for a day.
#[derive(Debug, clap::Args)]
pub(crate) struct Dashboard {
    #[command(flatten)]
    host: Host,
    /// What the page may do.
    #[arg(long, value_enum, default_value = "viewer")]
    role: Role,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn access(command: &AccessCommand) -> anyhow::Result<ExitCode> {
    match command {
        AccessCommand::Create(create) => {
            let wanted = MakeAccess {
                name: create.name.clone(),
                role: create.role.word().to_owned(),
                lifetime_s: Some(create.expires),
                replace: create.replace,
            };
            let made = wait_for(create.host.chosen()?.client().make_access(&wanted))?;
            if create.json {
                output::print(&format!("{}\n", serde_json::to_string_pretty(&made)?));
                return Ok(ExitCode::SUCCESS);
            }
            output::print(&format!("{}\n", made.token));
            output::error(&format!(
                "valid until {}, as {}; to end it: netloom access revoke {}\n",
                utc(made.expires_s * 1000),
                made.role,
                made.id
            ));
        }
        AccessCommand::Ls(ls) => {
            list(&wait_for(ls.host.chosen()?.client().accesses())?, ls.json)?;
        }
        AccessCommand::Revoke(revoke) => {
            let client = revoke.host.chosen()?.client();
            list(&wait_for(client.revoke_access(&revoke.id))?, revoke.json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(accesses: &[api::Access], json: bool) -> anyhow::Result<()> {
    if json {
        output::print(&format!("{}\n", serde_json::to_string_pretty(accesses)?));
        return Ok(());
    }
    let row = |access: &api::Access| {
        let until = format!("until {}", utc(access.expires_s * 1000));
        vec![access.id.clone(), access.role.clone(), until, access.name.clone()]
    };
    let rows: Vec<Vec<String>> = accesses.iter().map(row).collect();
    output::print(&output::table(&rows));
    Ok(())
}

pub(crate) fn dashboard(arguments: &Dashboard) -> anyhow::Result<ExitCode> {
    let place = arguments.host.chosen()?;
    // Pages that are open keep their tokens; this one goes with its day.
    let wanted = MakeAccess {
        name: "netloom dashboard".to_owned(),
        role: arguments.role.word().to_owned(),
        lifetime_s: Some(DASHBOARD_LIFETIME_S),
        replace: false,
    };
    let address = address(&place, &wanted)?.context(
        "control has no dashboard: netloom up --dashboard 127.0.0.1:7767 FILE gives it one",
    )?;
    if arguments.json {
        output::print(&format!("{:#}\n", serde_json::json!({ "address": address })));
    } else {
        output::print(&format!("{address}\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The dashboard's address as `up` prints it. What an earlier `up` has printed is valid no more.
pub(super) fn address_of_up(place: &Place) -> anyhow::Result<Option<String>> {
    let wanted = MakeAccess {
        name: "netloom up".to_owned(),
        role: Role::Viewer.word().to_owned(),
        lifetime_s: Some(DASHBOARD_LIFETIME_S),
        replace: true,
    };
    address(place, &wanted)
}

/// The address with a new token: behind `#`, where a browser sends it to nobody.
fn address(place: &Place, wanted: &MakeAccess) -> anyhow::Result<Option<String>> {
    let Some(listens) = Settings::read(&place.control())?.dashboard else { return Ok(None) };
    let made = wait_for(place.client().make_access(wanted))?;
    Ok(Some(format!("http://{listens}/#token={}", made.token)))
}
