//! What goes on between the page, its control and anybody else.

use super::SOON;
use super::browser::{Browser, Page};
use crate::output;
use crate::show::Report;
use anyhow::Context as _;

/// Nothing went wrong in the page, and it has asked nobody else.
pub(super) fn quiet(browser: &Browser, page: &Page, address: &str, report: &mut Report) {
    let origin = address.split("/#").next().unwrap_or(address);
    let mut wrong: Vec<String> = Vec::new();
    wrong.extend(browser.events(page, "Runtime.exceptionThrown").map(ToString::to_string));
    wrong.extend(
        browser
            .events(page, "Log.entryAdded")
            .filter(|event| event["entry"]["level"] == "error")
            .map(ToString::to_string),
    );
    wrong.extend(
        browser
            .events(page, "Runtime.consoleAPICalled")
            .filter(|event| event["type"] == "error")
            .map(ToString::to_string),
    );
    wrong.iter().for_each(|text| output::error(&format!("in the console: {text}\n")));
    report.require("console errors", wrong.len(), wrong.is_empty(), "0");
    let refused = browser
        .events(page, "Network.responseReceived")
        .filter(|event| event["response"]["status"].as_u64().is_none_or(|status| status >= 400));
    let failed = browser.events(page, "Network.loadingFailed").count() + refused.count();
    report.require("failed requests", failed, failed == 0, "0");
    let urls: Vec<&str> = browser
        .events(page, "Network.requestWillBeSent")
        .filter_map(|event| event["request"]["url"].as_str())
        .collect();
    report.require("requests", urls.len(), urls.len() > 10, "more than 10");
    let foreign = urls.iter().filter(|url| !url.starts_with(origin)).count();
    report.require("requests to others", foreign, foreign == 0, "0");
    let leaked = urls.iter().filter(|url| url.contains("nla_")).count();
    report.require("addresses with the token", leaked, leaked <= 1, "none but what was opened");
}

/// What a page of somebody else gets of control, in the same browser.
pub(super) fn elsewhere(
    browser: &mut Browser,
    address: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    let page = browser.open()?;
    let (origin, token) = address.split_once("/#token=").context("the address has no token")?;
    let foreign = origin.replace("127.0.0.1", "elsewhere.example");
    browser.go(&page, &foreign)?;
    browser.wait(&page, "document.readyState === 'complete' && location.host", SOON)?;
    let answered = browser.events(&page, "Network.responseReceived").next();
    let code = answered.map_or(0, |event| event["response"]["status"].as_u64().unwrap_or(0));
    report.require("answer under a foreign name", code, code == 421, "421");
    browser.go(&page, "data:text/html,<title>elsewhere</title>")?;
    browser.wait(&page, "document.title === 'elsewhere'", SOON)?;
    let got = browser.ask(
        &page,
        &format!(
            "fetch('{origin}/v1/status', {{ headers: {{ authorization: 'Bearer {token}' }} }})\
         .then((answer) => 'answer ' + answer.status, () => 'nothing')"
        ),
    )?;
    report.require("what another site's page gets", &got, got == "nothing", "nothing");
    Ok(())
}
