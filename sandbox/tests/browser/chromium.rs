//! A headless Chromium with a `chromedriver` of its own on a free port. Both end with the test, whatever became of it.

use std::io::{BufRead, BufReader};
use std::panic::resume_unwind;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

const MISSING: &str =
    "These tests drive a real browser: run `make setup`, or apt-get install chromium chromium-driver.";

/// Longer than any test takes on a busy machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// How often the page is asked whether it has what a test waits for.
const POLL: Duration = Duration::from_millis(20);

const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser window.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
}

/// Runs a test in a new browser.
pub(crate) async fn in_browser<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(Browser) -> F) {
    in_browser_with(json!({}), test).await;
}

/// Runs a test in a new browser that runs no page's JavaScript.
pub(crate) async fn without_javascript<F: Future<Output = ()> + Send + 'static>(
    test: impl FnOnce(Browser) -> F,
) {
    let blocked = 2;
    in_browser_with(json!({ "profile.managed_default_content_settings.javascript": blocked }), test).await;
}

async fn in_browser_with<F: Future<Output = ()> + Send + 'static>(
    preferences: Value,
    test: impl FnOnce(Browser) -> F,
) {
    let driver = Driver::start();
    let profile = tempfile::tempdir().unwrap();
    let mut flags: Vec<_> = FLAGS.map(str::to_owned).into();
    flags.push(format!("--user-data-dir={}", profile.path().display()));
    let options =
        json!({ "browserName": "chrome", "goog:chromeOptions": { "args": flags, "prefs": preferences } });
    let Value::Object(capabilities) = options else { unreachable!("the options are an object") };
    let capabilities: Capabilities = capabilities.into_iter().collect();
    let client =
        ClientBuilder::new(HttpConnector::new()).capabilities(capabilities).connect(&driver.url).await;
    let client = client.unwrap_or_else(|error| panic!("Chromium did not start: {error}. {MISSING}"));

    // In a task of its own, so that the browser is closed before a failure goes on.
    let task = tokio::spawn(tokio::time::timeout(DEADLINE, test(Browser { client: client.clone() })));
    let outcome = task.await;
    client.close().await.unwrap();
    match outcome {
        Ok(in_time) => in_time.expect("the test took too long"),
        Err(error) => resume_unwind(error.into_panic()),
    }
}

/// A running `chromedriver`.
struct Driver {
    process: Child,
    url: String,
}

impl Driver {
    /// Starts on a free port. The driver takes one for IPv4 and then the same for IPv6, which somebody else may have by
    /// then: it ends, and is started again.
    fn start() -> Self {
        let driver = (0..10).find_map(|_| Self::try_start());
        driver.unwrap_or_else(|| panic!("chromedriver named no port. {MISSING}"))
    }

    fn try_start() -> Option<Self> {
        let process = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn();
        let mut process =
            process.unwrap_or_else(|error| panic!("chromedriver did not start: {error}. {MISSING}"));
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let port = line.split_once("successfully on port ")?.1;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let Some(port) = port else {
            let _ = process.kill();
            let _ = process.wait();
            return None;
        };
        Some(Self { process, url: format!("http://127.0.0.1:{port}") })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Browser {
    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    pub(crate) async fn url(&self) -> Url {
        self.client.current_url().await.unwrap()
    }

    pub(crate) async fn title(&self) -> String {
        self.client.title().await.unwrap()
    }

    /// The first element that matches, once it is there.
    pub(crate) async fn find(&self, css: &str) -> Element {
        let wait = self.client.wait().at_most(DEADLINE).every(POLL);
        let found = wait.for_element(Locator::Css(css)).await;
        found.unwrap_or_else(|error| panic!("{css} is not there: {error}"))
    }

    pub(crate) async fn find_all(&self, css: &str) -> Vec<Element> {
        self.client.find_all(Locator::Css(css)).await.unwrap()
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        self.find(css).await.text().await.unwrap()
    }

    /// Everything the page shows.
    pub(crate) async fn page_text(&self) -> String {
        self.text("body").await
    }

    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub(crate) async fn select(&self, css: &str, value: &str) {
        self.find(css).await.select_by_value(value).await.unwrap();
    }

    /// Clicks the button or link that says this, and waits for the page that follows.
    pub(crate) async fn click(&self, words: &str) {
        self.evaluate("document.documentElement.id = 'left'").await;
        let path = format!("//button[normalize-space()='{words}'] | //a[normalize-space()='{words}']");
        self.at(&path).await.click().await.unwrap();
        self.find("html:not(#left)").await;
    }

    /// Opens the details whose summary says this.
    pub(crate) async fn unfold(&self, words: &str) {
        self.at(&format!("//summary[contains(., '{words}')]")).await.click().await.unwrap();
    }

    async fn at(&self, xpath: &str) -> Element {
        let wait = self.client.wait().at_most(DEADLINE).every(POLL);
        let found = wait.for_element(Locator::XPath(xpath)).await;
        found.unwrap_or_else(|error| panic!("{xpath} is not there: {error}"))
    }

    /// Presses a key wherever the focus is.
    pub(crate) async fn press(&self, key: Key) {
        let value = char::from(key);
        let stroke =
            KeyActions::new("keyboard".into()).then(KeyAction::Down { value }).then(KeyAction::Up { value });
        self.client.perform_actions(stroke).await.unwrap();
    }

    pub(crate) async fn focused(&self) -> Element {
        self.client.active_element().await.unwrap()
    }

    /// Evaluates a script in the page, as a developer's console would.
    pub(crate) async fn evaluate(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Makes the window as wide as a phone of this many pixels.
    pub(crate) async fn resize(&self, width: u32) {
        let metrics = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Prefers `light` or `dark`.
    pub(crate) async fn prefer(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    async fn devtools(&self, command: &str, parameters: Value) {
        let command = DevTools { body: json!({ "cmd": command, "params": parameters }).to_string() };
        self.client.issue_cmd(command).await.unwrap();
    }
}

/// A command of the browser's own protocol, which `chromedriver` passes on.
#[derive(Debug)]
struct DevTools {
    body: String,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, ParseError> {
        base_url.join(&format!("session/{}/goog/cdp/execute", session_id.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.clone()))
    }
}
