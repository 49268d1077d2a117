//! What the page says of what is wrong: what others change on nodes, and nodes that are away.

use super::browser::{Browser, Page};
use super::hosts::Hosts;
use super::{SOON, came};
use crate::output;
use crate::show::Report;
use std::path::Path;

/// Takes a workload's route away, then stops a node: both are told with their cause, and what is right again
/// is wrong no more.
pub(super) fn told(
    browser: &mut Browser,
    page: &Page,
    hosts: &Hosts,
    report: &mut Report,
) -> anyhow::Result<()> {
    output::progress("a route that somebody takes away, and a node that is stopped");
    let says = |part: &str, words: &str| {
        format!(
            "(() => {{ const part = document.getElementById('{part}'); \
             return !part.hidden && part.textContent.includes('{words}') }})()"
        )
    };
    let before = browser.ask(page, "document.getElementById('drift').hidden")? == true;
    report.require("nothing was changed by others before", before, before, "true");
    hosts.beside(2, ("show", "web-2"), Path::new("ip"), &["route", "del", "default"])?;
    let changed = browser.wait(page, &says("drift", "by ip (process "), SOON)?;
    came(report, "seconds until a change by others shows", changed, 10.0);
    let where_found = browser.ask(page, &says("drift", "beta"))? == true;
    report.require("its node is named", where_found, where_found, "true");
    let mended = browser.wait(page, &says("drift", "mended"), SOON)?;
    came(report, "seconds until it shows as mended", mended, 10.0);

    hosts.netloom(3, &["stop"])?;
    let away = browser.wait(page, &says("problems", "gamma away"), SOON)?;
    came(report, "seconds until a node that is away is a problem", away, 10.0);
    let cure = browser.ask(page, &says("problems", "netloom status"))? == true;
    report.require("and what to do", cure, cure, "true");
    hosts.netloom(3, &["start"])?;
    let gone = format!("!{}", says("problems", "gamma"));
    let right = browser.wait(page, &gone, SOON)?;
    came(report, "seconds until it is none any more", right, 10.0);
    Ok(())
}
