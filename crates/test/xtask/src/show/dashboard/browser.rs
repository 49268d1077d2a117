//! A headless Chromium, driven over its DevTools protocol by pipes: JSON, each message ended by a NUL.

use crate::output;
use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Longest wait for an answer of the browser.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the page is asked whether something has come true.
const LOOK: Duration = Duration::from_millis(25);

/// What keeps it to the page that is asked for.
const FLAGS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    // A name that its owner points at this host, as in an attack.
    "--host-resolver-rules=MAP elsewhere.example 127.0.0.1",
    "about:blank",
];

/// The browser.
pub(super) struct Browser {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    last_id: u64,
    events: Vec<Value>,
}

/// One page of it, by its session.
#[derive(Clone, Debug)]
pub(super) struct Page(String);

impl Browser {
    /// Starts it through `command`, which runs its arguments where the browser shall be.
    pub(super) fn start(mut command: Command, profile: &Path) -> anyhow::Result<Self> {
        // It reads commands from descriptor 3 and answers on 4.
        let script = r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null"#;
        command.args(["sh", "-c", script, "sh", "chromium"]).args(FLAGS);
        command.arg(format!("--user-data-dir={}", profile.display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("cannot start chromium")?;
        let stdout = child.stdout.take().context("chromium has no output")?;
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(stdout).split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else { continue };
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Ok(Self { child, input, messages, last_id: 0, events: Vec::new() })
    }

    /// Opens an empty page of a size, with the events that are kept switched on.
    pub(super) fn open(&mut self) -> anyhow::Result<Page> {
        let target = self.call(None, "Target.createTarget", &json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.call(None, "Target.attachToTarget", &attach)?;
        let session = attached["sessionId"].as_str().context("no session with the page")?;
        let page = Page(session.to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(Some(&page), &format!("{domain}.enable"), &json!({}))?;
        }
        Ok(page)
    }

    /// Goes to an address.
    pub(super) fn go(&mut self, page: &Page, address: &str) -> anyhow::Result<()> {
        self.call(Some(page), "Page.navigate", &json!({ "url": address })).map(drop)
    }

    /// How the page is looked at: its size in pixels, and a dark or a light screen.
    pub(super) fn look(
        &mut self,
        page: &Page,
        (width, height): (u32, u32),
        scheme: &str,
    ) -> anyhow::Result<()> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call(Some(page), "Emulation.setDeviceMetricsOverride", &size)?;
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call(Some(page), "Emulation.setEmulatedMedia", &scheme).map(drop)
    }

    /// What an expression is in the page; a promise is waited for.
    pub(super) fn ask(&mut self, page: &Page, expression: &str) -> anyhow::Result<Value> {
        let ask = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.call(Some(page), "Runtime.evaluate", &ask)?;
        if let Some(thrown) = answer.get("exceptionDetails") {
            bail!("the page throws at `{expression}`: {thrown}");
        }
        Ok(answer["result"]["value"].clone())
    }

    /// Waits until an expression is true in the page; gives how long that took, if it came true.
    pub(super) fn wait(
        &mut self,
        page: &Page,
        expression: &str,
        longest: Duration,
    ) -> anyhow::Result<Option<Duration>> {
        let start = Instant::now();
        // While the page is loading there may be nothing to ask yet.
        let safe =
            format!("(() => {{ try {{ return !!({expression}) }} catch {{ return false }} }})()");
        while start.elapsed() < longest {
            if self.ask(page, &safe)? == Value::Bool(true) {
                return Ok(Some(start.elapsed()));
            }
            std::thread::sleep(LOOK);
        }
        output::error(&format!("never came true: {expression}\n"));
        Ok(None)
    }

    /// A picture of the page (PNG, in base64).
    pub(super) fn picture(&mut self, page: &Page) -> anyhow::Result<String> {
        let answer =
            self.call(Some(page), "Page.captureScreenshot", &json!({ "format": "png" }))?;
        answer["data"].as_str().map(str::to_owned).context("no picture of the page")
    }

    /// What has happened in a page so far, such as `Network.loadingFailed`.
    pub(super) fn events<'a>(
        &'a self,
        page: &'a Page,
        method: &'a str,
    ) -> impl Iterator<Item = &'a Value> {
        self.events
            .iter()
            .filter(move |event| event["sessionId"] == page.0.as_str() && event["method"] == method)
            .map(|event| &event["params"])
    }

    fn call(&mut self, page: Option<&Page>, method: &str, params: &Value) -> anyhow::Result<Value> {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": params });
        if let Some(Page(session)) = page {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = serde_json::to_vec(&message)?;
        bytes.push(0);
        let input = self.input.as_mut().context("chromium has ended")?;
        input.write_all(&bytes).context("chromium has ended")?;
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = match self.messages.recv_timeout(left) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => bail!("chromium does not answer {method}"),
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("chromium has ended; does it run here?")
                }
            };
            if message["id"] == self.last_id {
                let error = &message["error"]["message"];
                ensure!(error.is_null(), "chromium refuses {method}: {error}");
                return Ok(message["result"].clone());
            }
            self.events.push(message);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.call(None, "Browser.close", &json!({}));
        self.input = None;
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(LOOK);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
