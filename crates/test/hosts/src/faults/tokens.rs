//! Tokens that must not admit, and nodes that say that they are others.

use super::fabric::{Trial, expect, text};
use crate::ground::wait_until;
use netloom_base::WallTime;
use netloom_pki::{Secret, Token};
use std::time::Duration;

/// Damaged, bound to another node, expired, forged, taken back, and of another fabric.
pub(super) fn bad(trial: &Trial) -> Result<(), String> {
    let (host, other) = (&trial.hosts[1], &trial.hosts[2]);
    let token = trial.token(&["--node", "beta"])?;
    expect(&host.fail(&["join", &token, "--name", "gamma"])?, "not for `gamma`")?;
    let copied_badly = format!("{}AAAAA", &token[..token.len() - 5]);
    expect(&host.fail(&["join", &copied_badly])?, "copied badly")?;
    let forged = edited(&token, |token| token.secret = Secret::from([7; 32]))?;
    expect(&host.fail(&["join", &forged])?, "was not made here")?;
    let misplaced = edited(&token, |token| token.fabric.0[0] ^= 1)?;
    expect(&host.fail(&["join", &misplaced])?, "the token is of this fabric")?;
    let short = trial.token(&["--node", "beta", "--expires", "1s"])?;
    std::thread::sleep(Duration::from_secs(2));
    expect(&host.fail(&["join", &short])?, "expired")?;
    // A host whose clock does not know that is told by control.
    let prolonged = edited(&short, |token| token.expiry += 86_400)?;
    expect(&host.fail(&["join", &prolonged])?, "expired")?;
    let made = trial.hosts[0].succeed(&["token", "create", "--node", "beta", "--json"])?;
    let made: serde_json::Value = serde_json::from_str(&made).map_err(|error| error.to_string())?;
    let field = |name: &str| made[name].as_str().ok_or_else(|| format!("no {name}"));
    trial.hosts[0].succeed(&["token", "revoke", field("id")?])?;
    expect(&host.fail(&["join", field("token")?])?, "taken back")?;
    // Another fabric's token that leads to this one's control.
    let endpoint = read(&token)?.endpoints.first().cloned().ok_or("no endpoint")?;
    let file = trial.write_other()?;
    other.succeed(&["up", &file, "--name", "gamma", "--wait", "10"])?;
    let foreign = other.succeed(&["token", "create", "--endpoint", &endpoint])?;
    expect(
        &host.fail(&["join", foreign.trim(), "--name", "beta"])?,
        "the token is of this fabric",
    )?;
    other.succeed(&["down", "--yes"])?;
    match trial.hosts[0].status()?["nodes"]["beta"]["state"].as_str() {
        Some("not joined") => Ok(()),
        state => Err(format!("beta is {state:?}")),
    }
}

/// A token that is used twice, and a node that takes another one's name: when it joins, and later.
pub(super) fn others(trial: &Trial) -> Result<(), String> {
    let (host, other) = (&trial.hosts[1], &trial.hosts[2]);
    let token = trial.token(&[])?;
    host.succeed(&["join", &token, "--name", "beta"])?;
    trial.is_in_state("beta", "connected")?;
    expect(&other.fail(&["join", &token, "--name", "gamma"])?, "used by node `beta` already")?;
    let reusable = trial.token(&["--reusable"])?;
    expect(&other.fail(&["join", &reusable, "--name", "alpha"])?, "joined with another key")?;
    host.succeed(&["stop"])?;
    let facts = host.state().join(super::fabric::FABRIC).join("node").join("joined.json");
    let own = std::fs::read_to_string(&facts).map_err(|error| error.to_string())?;
    let lie = own.replace("\"beta\"", "\"gamma\"");
    std::fs::write(&facts, &lie).map_err(|error| error.to_string())?;
    // Whether it says that it runs is its own affair: it is not let in.
    host.output(&["start"])?;
    wait_until("the node is told that it is found out", || {
        expect(&host.succeed(&["status"])?, "has proven \"beta\"")
    })?;
    for node in ["beta", "gamma"] {
        let state = trial.hosts[0].status()?["nodes"][node]["state"].clone();
        if state == "connected" {
            return Err(format!("{node} is taken for connected"));
        }
    }
    host.succeed(&["stop"])?;
    std::fs::write(&facts, own).map_err(|error| error.to_string())?;
    host.succeed(&["start"])?;
    trial.is_in_state("beta", "connected")?;
    trial.hosts[0].succeed(&["remove", "beta"])?;
    host.succeed(&["down", "--yes"]).map(drop)
}

fn read(token: &str) -> Result<Token, String> {
    // Its own time does not matter here.
    Token::parse(token, WallTime(0)).map_err(|error| text(error.into()))
}

fn edited(token: &str, edit: impl FnOnce(&mut Token)) -> Result<String, String> {
    let mut token = read(token)?;
    edit(&mut token);
    Ok(token.to_text().to_string())
}
