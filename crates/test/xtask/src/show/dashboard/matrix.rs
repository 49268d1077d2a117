//! The matrix on the page: what the command line says of the same file, before and after an apply that changes policy.

use super::browser::{Browser, Page};
use super::{SOON, came, picture};
use crate::output;
use crate::show::Report;
use crate::show::user::User;
use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::collections::BTreeMap;

/// A port of the example, and another one that it moves to, with its rule and its tests.
const PORT: (&str, &str) = ("8080", "8081");
/// A cell that this changes.
const CELL: (&str, &str) = ("web-1", "api-1");

/// What passes, in words, by those who call and those who are called.
type Cells = BTreeMap<String, String>;

/// Looks at the matrix of a lab, changes its policy, and looks again.
pub(super) fn shown(
    browser: &mut Browser,
    page: &Page,
    user: &User,
    report: &mut Report,
) -> anyhow::Result<()> {
    browser.ask(page, "document.getElementById('tab-matrix').click()")?;
    let drawn = browser.wait(page, "document.querySelector('#matrix .matrix .cell')", SOON)?;
    came(report, "seconds to the matrix", drawn, 5.0);
    let (before, said) = (on_page(browser, page)?, by_command(user)?);
    report.require("cells of the matrix", before.len(), before.len() > 20, "> 20");
    report.require("all as `network matrix` says", before == said, before == said, "true");
    let text = std::fs::read_to_string(&user.example)?;
    ensure!(text.contains(PORT.0), "the example has another port");
    std::fs::write(&user.example, text.replace(PORT.0, PORT.1))?;
    output::progress("netloom lab apply, with another policy");
    let apply = user.run(&["lab", "apply", &user.example.to_string_lossy()])?;
    report.require("lab apply of a policy", apply.status, apply.status.success(), "exit status: 0");
    let (from, to) = CELL;
    let cell =
        format!("document.querySelector('#matrix [data-from=\"{from}\"][data-to=\"{to}\"]')");
    let new =
        format!("{cell}.dataset.passes === 'tcp 8081' && {cell}.classList.contains('changed')");
    came(report, "seconds until the matrix shows it", browser.wait(page, &new, SOON)?, 5.0);
    let (after, said) = (on_page(browser, page)?, by_command(user)?);
    let same = after == said && after != before;
    report.require("and again all as it says", same, same, "true");
    browser.ask(page, &format!("{cell}.click()"))?;
    let told = format!("document.getElementById('matrix-detail').textContent.includes('{to}')");
    browser.wait(page, &told, SOON)?.context("a cell that is chosen is not told of")?;
    picture(browser, page, "dashboard-matrix.png", report)?;
    browser.look(page, (390, 844), "dark")?;
    picture(browser, page, "dashboard-matrix-narrow.png", report)?;
    browser.look(page, (1280, 860), "light")?;
    browser.ask(page, "document.getElementById('tab-fabric').click()").map(drop)
}

/// The cells that are drawn.
fn on_page(browser: &mut Browser, page: &Page) -> anyhow::Result<Cells> {
    let cells = "[...document.querySelectorAll('#matrix button.cell')].map((one) => \
                 [`${one.dataset.from} ${one.dataset.to}`, one.dataset.passes])";
    let cells = browser.ask(page, cells)?;
    let cells = cells.as_array().context("the page has no cells")?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    cells
        .iter()
        .map(|cell| text(&cell[0]).zip(text(&cell[1])).context("a cell without words"))
        .collect()
}

/// The same by `netloom network matrix`, which reads the file and asks nobody.
fn by_command(user: &User) -> anyhow::Result<Cells> {
    let file = user.example.to_string_lossy().into_owned();
    let output = user.command(&["network", "matrix", "--json", &file]).output()?;
    let found: Value = serde_json::from_slice(&output.stdout).context("no matrix as JSON")?;
    let first = |place: &Value| {
        let place = usize::try_from(place.as_u64()?).ok()?;
        found["classes"][place]["members"][0].as_str()
    };
    let words = |set: &Value| {
        let set: Vec<&str> = set.as_array()?.iter().filter_map(Value::as_str).collect();
        Some(if set.is_empty() { "nothing".to_owned() } else { set.join("; ") })
    };
    let cell = |cell: &Value| {
        let ends = format!("{} {}", first(&cell["from"])?, first(&cell["to"])?);
        let passes = match (words(&cell["ipv4"]), words(&cell["ipv6"])) {
            (Some(v4), Some(v6)) if v4 != v6 => format!("IPv4: {v4}, IPv6: {v6}"),
            (Some(one), _) | (None, Some(one)) => one,
            (None, None) => "nothing: no address of a common family".to_owned(),
        };
        Some((ends, passes))
    };
    let cells = found["cells"].as_array().context("a matrix without cells")?;
    cells.iter().map(|one| cell(one).context("a cell that makes no sense")).collect()
}
