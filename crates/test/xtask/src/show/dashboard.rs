//! The show `dashboard`: a browser draws a lab, and a fabric on hosts, and sees them change while it watches.

mod browser;
mod hosts;
mod lab;
mod matrix;
mod screenshot;
mod strangers;
mod wrong;

use super::{Report, Show, words};
use crate::cargo::{build_release, target};
use crate::clone::Scratch;
use crate::{output, packages};
use anyhow::{Context as _, ensure};
use browser::{Browser, Page};
use clap::Parser as _;
use hosts::Hosts;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const SHOW: Show = Show {
    name: "dashboard",
    about: "a browser draws a user's lab and a fabric on hosts, live, and sees them change (chromium)",
    run,
};

/// Brings up a lab as an ordinary user, then a fabric on hosts in namespaces, and opens their dashboards
/// in headless Chromium.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Longest time from opening the page to the drawn fabric, in seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds_max: f64,
    /// Only the lab, which needs no root.
    #[arg(long)]
    lab: bool,
    /// Use this executable instead of building one.
    #[arg(long, value_name = "FILE")]
    netloom: Option<PathBuf>,
}

const HOSTS: usize = 3;
/// Longest wait for what must come soon.
const SOON: Duration = Duration::from_secs(20);
/// Silence of control beyond this is shown as a lost connection; with some room.
const LOST: Duration = Duration::from_secs(30);

const FABRIC: &str = "\
version: 1
fabric: show
regions: { north: {}, south: {} }
networks: { app: { cidr: [10.1.0.0/16, \"fd00:1::/48\"], dns: { domain: app.internal } } }
subnets: { web: { network: app, cidr: [10.1.1.0/24, \"fd00:1:0:1::/64\"] } }
nodes: { alpha: { region: north, roles: [control] }, beta: { region: north }, gamma: { region: south } }
security_groups:
  web:
    ingress: [{ protocol: tcp, ports: 80, from: all }, { protocol: icmp, from: all }]
    egress: [{ to: all }]
workloads:
  web-1: { node: alpha, subnet: web, security_groups: [web], attach: { serve: { http: 80 } } }
  web-2: { node: beta, subnet: web, security_groups: [web], attach: { serve: { http: 80 } } }
  web-3: { node: gamma, subnet: web, security_groups: [web], attach: { serve: { http: 80 } } }
";
const MORE: &str = "  api-1: { node: gamma, subnet: web, security_groups: [web], \
                    attach: { serve: { http: 8080 } } }
";

fn run(options: &[String]) -> anyhow::Result<Report> {
    let options = Options::parse_from(words(SHOW.name, options));
    ensure!(
        options.lab || packages::is_root(),
        "hosts in namespaces need root: run it with sudo, or only the lab with --lab"
    );
    packages::require("chromium")?;
    let binary = match options.netloom {
        Some(binary) => binary.canonicalize().context("cannot find the executable")?,
        None => build_release(&["netloom-cli"])?.join("netloom"),
    };
    let mut report = Report::default();
    report.absorb("lab", lab::shown(&binary, options.seconds_max)?);
    if !options.lab {
        packages::require("ip")?;
        report.absorb("hosts", on_hosts(binary, options.seconds_max)?);
    }
    Ok(report)
}

fn on_hosts(binary: PathBuf, seconds_max: f64) -> anyhow::Result<Report> {
    let scratch = Scratch::new(None)?;
    let file = scratch.0.join("show.yaml");
    std::fs::write(&file, FABRIC)?;
    let hosts = Hosts::new(HOSTS, &scratch.0, binary)?;
    let address = begin(&hosts, &file)?;
    output::progress("opening the dashboard in chromium");
    let mut browser = Browser::start(hosts.on(1), &scratch.0.join("profile"))?;
    let page = browser.open()?;
    let mut report = Report::default();
    watched(&mut browser, &page, &hosts, &address, (&file, seconds_max), &mut report)?;
    strangers::quiet(&browser, &page, &address, &mut report);
    strangers::elsewhere(&mut browser, &address, &mut report)?;
    cut_off(&mut browser, &page, &hosts, &mut report)?;
    Ok(report)
}

/// The fabric on all hosts; gives the dashboard's address.
fn begin(hosts: &Hosts, file: &Path) -> anyhow::Result<String> {
    let path = file.to_string_lossy();
    output::progress("netloom up");
    let printed = hosts.netloom(1, &["up", &path, "--wait", "10"])?;
    for (host, node) in [(2, "beta"), (3, "gamma")] {
        output::progress(&format!("netloom join, as {node}"));
        let token = hosts.netloom(1, &["token", "create", "--node", node])?;
        hosts.netloom(host, &["join", token.trim()])?;
    }
    let line = printed.lines().find_map(|line| line.strip_prefix("dashboard"));
    Ok(line.context("`netloom up` prints no address of the dashboard")?.trim().to_owned())
}

/// Opens the page, plans in it, applies elsewhere, and watches it follow.
fn watched(
    browser: &mut Browser,
    page: &Page,
    hosts: &Hosts,
    address: &str,
    (file, seconds_max): (&Path, f64),
    report: &mut Report,
) -> anyhow::Result<()> {
    browser.look(page, (1280, 860), "light")?;
    browser.go(page, address)?;
    let count = |what: &str| format!("document.querySelectorAll('#picture {what}').length");
    let drawn = browser.wait(page, &format!("{} === {HOSTS}", count(".node.good")), SOON)?;
    came(report, "seconds to the drawn fabric", drawn, seconds_max);
    for (name, what, wanted) in [
        ("nodes drawn", ".node", HOSTS),
        ("workloads drawn", ".node .workload.good", 3),
        ("tunnels drawn", ".tunnel", 3),
    ] {
        browser.wait(page, &format!("{} === {wanted}", count(what)), SOON)?;
        let found = browser.ask(page, &count(what))?;
        report.require(name, &found, found == wanted, wanted.to_string());
    }
    // It would be gone after a reload.
    browser.ask(page, "window.mark = performance.timeOrigin, 0")?;
    let changed = format!("{FABRIC}{}", MORE);
    plan(browser, page, &changed, report)?;
    output::progress("netloom apply");
    std::fs::write(file, changed)?;
    let path = file.to_string_lossy();
    let apply = hosts.start(1, &["apply", &path, "-m", "an API in the south"])?;
    let revision = "document.getElementById('revision').textContent === 'revision 2'";
    let new = browser.wait(page, revision, SOON)?;
    came(report, "seconds from apply to the new revision", new, 3.0);
    let fourth = format!("{} === 4", count(".node .workload.good"));
    came(report, "seconds until its workload runs", browser.wait(page, &fourth, SOON)?, 10.0);
    apply.end()?;
    traffic(browser, page, hosts, report)?;
    wrong::told(browser, page, hosts, report)?;
    let kept = browser.ask(page, "window.mark === performance.timeOrigin")? == true;
    report.require("same page all the time", kept, kept, "true");
    history(browser, page, report)?;
    for (name, size, scheme) in [
        ("dashboard.png", (1280, 860), "light"),
        ("dashboard-dark.png", (1280, 860), "dark"),
        ("dashboard-narrow.png", (390, 844), "dark"),
    ] {
        browser.look(page, size, scheme)?;
        picture(browser, page, name, report)?;
    }
    Ok(())
}

/// A picture of the page, which must fit the screen.
fn picture(
    browser: &mut Browser,
    page: &Page,
    name: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    std::thread::sleep(Duration::from_millis(300));
    let wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    let fits = browser.ask(page, wide)? == true;
    report.require(format!("{name}: fits"), fits, fits, "true");
    let path = target()?.join(name);
    screenshot::save(&browser.picture(page)?, &path)?;
    report.figure("screenshot", path.display());
    Ok(())
}

/// Packets between workloads open the tunnels, which the page shows.
fn traffic(
    browser: &mut Browser,
    page: &Page,
    hosts: &Hosts,
    report: &mut Report,
) -> anyhow::Result<()> {
    let status: serde_json::Value =
        serde_json::from_str(&hosts.netloom(1, &["status", "--json"])?)?;
    for (host, from, to) in [(1, "web-1", "web-2"), (1, "web-1", "web-3"), (2, "web-2", "web-3")] {
        let address = status["workloads"][to]["addresses"][0].as_str().context("no address")?;
        hosts.in_workload(host, ("show", from), &["connect", &format!("{address}:80")])?;
    }
    let open = format!("document.querySelectorAll('#picture .tunnel.up').length === {HOSTS}");
    came(report, "seconds until open tunnels show", browser.wait(page, &open, SOON)?, 10.0);
    Ok(())
}

/// A plan in the page, by somebody who may only look.
fn plan(browser: &mut Browser, page: &Page, text: &str, report: &mut Report) -> anyhow::Result<()> {
    browser.ask(page, "document.getElementById('tab-plan').click()")?;
    let text = serde_json::to_string(text)?;
    browser.ask(
        page,
        &format!(
            "(() => {{ const area = document.getElementById('plan-text'); area.value = {text}; \
         area.dispatchEvent(new Event('input')); document.getElementById('plan-go').click() }})()"
        ),
    )?;
    let planned = "document.querySelector('#plan-result .operations')";
    came(report, "seconds to a plan", browser.wait(page, planned, SOON)?, 5.0);
    let text = "document.getElementById('plan-result').textContent";
    let says = browser.ask(page, &format!("{text}.includes('starts api-1')"))? == true;
    report.require("the plan starts the workload", says, says, "true");
    let button = "document.querySelector('#plan-result button.primary') === null";
    let none = browser.ask(page, button)? == true;
    report.require("no apply button for a viewer", none, none, "true");
    browser.ask(page, "document.getElementById('tab-fabric').click()").map(drop)
}

/// What the last revision has changed.
fn history(browser: &mut Browser, page: &Page, report: &mut Report) -> anyhow::Result<()> {
    browser.ask(page, "document.getElementById('tab-history').click()")?;
    let row = "document.querySelector('.revision .now')";
    browser.wait(page, row, SOON)?;
    browser.ask(page, "document.querySelector('.revision').click()")?;
    browser.wait(page, "document.querySelector('.diff .plus')", SOON)?;
    let lines = "[...document.querySelectorAll('.diff tr.plus')].map((row) => row.textContent)";
    let lines = browser.ask(page, lines)?;
    let one = lines
        .as_array()
        .is_some_and(|lines| lines.len() == 1 && lines[0].to_string().contains("api-1"));
    report.require(
        "lines that the revision adds",
        lines.as_array().map_or(0, Vec::len),
        one,
        "the workload's",
    );
    browser.ask(page, "document.getElementById('tab-fabric').click()").map(drop)
}

/// The page says when control is not reached any more, and goes on when it is.
fn cut_off(
    browser: &mut Browser,
    page: &Page,
    hosts: &Hosts,
    report: &mut Report,
) -> anyhow::Result<()> {
    output::progress("cutting the browser off from control, and letting it back");
    hosts.set_loopback(1, false)?;
    let shown = "document.body.dataset.link === 'lost' && !document.getElementById('lost').hidden";
    came(report, "seconds until a lost connection shows", browser.wait(page, shown, LOST)?, 20.0);
    hosts.set_loopback(1, true)?;
    let back = "document.body.dataset.link === 'live' && document.getElementById('lost').hidden";
    came(report, "seconds until it is back", browser.wait(page, back, LOST)?, 20.0);
    Ok(())
}

fn came(report: &mut Report, name: &str, after: Option<Duration>, seconds_max: f64) {
    let shown =
        after.map_or_else(|| "never".to_owned(), |after| format!("{:.2}", after.as_secs_f64()));
    let soon = after.is_some_and(|after| after.as_secs_f64() <= seconds_max);
    report.require(name, shown, soon, format!("<= {seconds_max}"));
}
