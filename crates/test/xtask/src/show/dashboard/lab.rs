//! The part in a lab: an ordinary user brings the example up, and the host's browser opens its dashboard.

use super::browser::{Browser, Page};
use super::{SOON, came, matrix, picture, strangers};
use crate::cargo::root;
use crate::clone::Scratch;
use crate::output;
use crate::show::Report;
use crate::show::user::User;
use anyhow::{Context as _, ensure};
use std::path::Path;
use std::process::{Command, Stdio};

/// What the example has.
const NODES: usize = 4;
const WORKLOADS: usize = 8;
const PAIRS: usize = 6;
/// A machine that comes, and a workload on it.
const NODE: &str = "\nnodes:\n  delta: { region: eu-north, zone: eu-north-1a }";
const WORKLOAD: &str = "\nworkloads:\n  web-3: { node: delta, subnet: edge, labels: { app: web }, \
                        security_groups: [web], attach: { serve: { http: 80 } } }";

/// The lab, from its beginning to its end.
pub(super) fn shown(binary: &Path, seconds_max: f64) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let scratch = Scratch::new(None)?;
    let user = User::new(&scratch.0, binary, &root()?.join("examples/quickstart.yaml"))?;
    report.figure("user id", user.id.map_or_else(|| "own".to_owned(), |id| id.to_string()));
    let lab = Lab(&user);
    let up = user.run(&["lab", "up", &user.example.to_string_lossy()])?;
    ensure!(up.status.success(), "the lab did not come up");
    let printed = String::from_utf8_lossy(&up.stdout).into_owned();
    let address = address(&printed).context("`lab up` prints no address of the dashboard")?;
    output::progress("opening the lab's dashboard in chromium, outside of the lab");
    // No other namespace is entered: this is the host's own browser.
    let mut browser = Browser::start(Command::new("env"), &scratch.0.join("profile"))?;
    let page = browser.open()?;
    browser.look(&page, (1280, 860), "light")?;
    browser.go(&page, &address)?;
    let drawn = browser.wait(&page, &is(".node.good", NODES), SOON)?;
    came(&mut report, "seconds to the drawn fabric", drawn, seconds_max);
    drawn_whole(&mut browser, &page, NODES, WORKLOADS, &mut report)?;
    // The tests on packets have opened them.
    counted(&mut browser, &page, ("tunnels open", ".tunnel.up", PAIRS), &mut report)?;
    changed(&mut browser, &page, &user, &mut report)?;
    matrix::shown(&mut browser, &page, &user, &mut report)?;
    let again = address_of_status(&user)?;
    report.require("lab status prints it too", again == address, again == address, "true");
    picture(&mut browser, &page, "dashboard-lab.png", &mut report)?;
    strangers::quiet(&browser, &page, &address, &mut report);
    drop(browser);
    drop(lab);
    Ok(report)
}

/// A lab that is up, ended with this.
struct Lab<'a>(&'a User);

impl Drop for Lab<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.run(&["lab", "down"]) {
            output::error(&format!("warning: {error:#}\n"));
        }
    }
}

fn address(printed: &str) -> Option<String> {
    printed.lines().find_map(|line| Some(line.strip_prefix("dashboard")?.trim().to_owned()))
}

fn address_of_status(user: &User) -> anyhow::Result<String> {
    let status = user.run(&["lab", "status"])?;
    address(&String::from_utf8_lossy(&status.stdout)).context("`lab status` prints no address")
}

/// That so many are in the picture.
fn is(what: &str, count: usize) -> String {
    format!("document.querySelectorAll('#picture {what}').length === {count}")
}

/// Nodes, the tunnel of each pair of them, and workloads that run.
fn drawn_whole(
    browser: &mut Browser,
    page: &Page,
    nodes: usize,
    workloads: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    for what in [
        ("nodes drawn", ".node.good", nodes),
        ("workloads drawn", ".node .workload.good", workloads),
        ("tunnels drawn", ".tunnel", nodes * (nodes - 1) / 2),
    ] {
        counted(browser, page, what, report)?;
    }
    Ok(())
}

/// Waits until so many are in the picture, under a name in the report.
fn counted(
    browser: &mut Browser,
    page: &Page,
    (name, what, wanted): (&str, &str, usize),
    report: &mut Report,
) -> anyhow::Result<()> {
    let came = browser.wait(page, &is(what, wanted), SOON)?.is_some();
    let count = format!("document.querySelectorAll('#picture {what}').length");
    let found = browser.ask(page, &count)?;
    report.require(name, &found, came, wanted.to_string());
    Ok(())
}

/// A machine comes while the page is open.
fn changed(
    browser: &mut Browser,
    page: &Page,
    user: &User,
    report: &mut Report,
) -> anyhow::Result<()> {
    // It would be gone after a reload.
    browser.ask(page, "window.mark = performance.timeOrigin, 0")?;
    let text = std::fs::read_to_string(&user.example)?;
    let changed = text.replacen("\nnodes:", NODE, 1).replacen("\nworkloads:", WORKLOAD, 1);
    ensure!(
        changed.len() == text.len() + NODE.len() + WORKLOAD.len() - "\nnodes:\nworkloads:".len()
    );
    std::fs::write(&user.example, changed)?;
    output::progress("netloom lab apply, with one machine more");
    let mut apply = user.command(&["lab", "apply", &user.example.to_string_lossy()]);
    let mut apply = apply.stdout(Stdio::null()).spawn().context("cannot run netloom")?;
    let revision = "document.getElementById('revision').textContent === 'revision 2'";
    let new = browser.wait(page, revision, SOON)?;
    came(report, "seconds from apply to the new revision", new, 3.0);
    let fifth = browser.wait(page, &is(".node.good", NODES + 1), SOON)?;
    came(report, "seconds until the new machine is there", fifth, 10.0);
    let ended = apply.wait().context("cannot wait for netloom")?;
    report.require("lab apply", ended, ended.success(), "exit status: 0");
    drawn_whole(browser, page, NODES + 1, WORKLOADS + 1, report)?;
    let kept = browser.ask(page, "window.mark === performance.timeOrigin")? == true;
    report.require("same page all the time", kept, kept, "true");
    Ok(())
}
