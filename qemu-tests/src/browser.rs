//! A headless Chromium, driven over WebDriver (W3C recommendation) through Debian's chromedriver.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Key under which WebDriver names an element (WebDriver 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How long a page or an element may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one window; both end when dropped.
pub struct Browser {
    driver: Child,
    agent: ureq::Agent,
    session: String,
    _profile: tempfile::TempDir,
}

/// What went wrong, with what was being done.
type Result<T> = std::result::Result<T, String>;

impl Browser {
    /// Starts chromedriver and a headless Chromium with an empty profile that takes self-made certificates.
    pub fn start() -> Result<Self> {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("chromedriver (package chromium-driver): {error}"))?;
        let output = driver.stdout.take().ok_or("chromedriver has no output")?;
        let mut lines = BufReader::new(output).lines();
        let port = lines
            .by_ref()
            .map_while(std::result::Result::ok)
            .filter_map(|line| line.split("on port ").nth(1)?.trim_end_matches('.').parse::<u16>().ok())
            .find(|port| *port != 0);
        // What it says later is of no interest, but it must not block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let profile = tempfile::tempdir().map_err(|error| format!("profile: {error}"))?;
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)))
            .build()
            .into();
        let mut browser = Browser { driver, agent, session: String::new(), _profile: profile };
        let port = port.ok_or("chromedriver names no port")?;
        let arguments = [
            "--headless".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-quic".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--window-size=1400,900".to_owned(),
            format!("--user-data-dir={}", browser._profile.path().display()),
        ];
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "acceptInsecureCerts": true,
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": arguments, "binary": "/usr/bin/chromium"},
        }}});
        let server = format!("http://127.0.0.1:{port}");
        let answer = browser.call("POST", &format!("{server}/session"), Some(capabilities))?;
        let id = answer["sessionId"].as_str().ok_or("no session")?;
        browser.session = format!("{server}/session/{id}");
        Ok(browser)
    }

    fn call(&self, method: &str, url: &str, body: Option<Value>) -> Result<Value> {
        let trouble = |error: ureq::Error| format!("{method} {url}: {error}");
        let mut answer = match (method, body) {
            ("POST", body) => self.agent.post(url).send_json(body.unwrap_or_else(|| json!({}))),
            ("DELETE", _) => self.agent.delete(url).call(),
            _ => self.agent.get(url).call(),
        }
        .map_err(trouble)?;
        let value: Value = answer.body_mut().read_json().map_err(trouble)?;
        let value = value["value"].clone();
        match value["error"].as_str() {
            Some(error) => Err(format!("{method} {url}: {error}: {}", value["message"])),
            None => Ok(value),
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.session)
    }

    /// Opens a page and waits until it is loaded.
    pub fn open(&self, url: &str) -> Result<()> {
        self.call("POST", &self.at("url"), Some(json!({"url": url}))).map(drop)
    }

    /// Address of the page shown.
    pub fn address(&self) -> Result<String> {
        Ok(self.call("GET", &self.at("url"), None)?.as_str().unwrap_or_default().to_owned())
    }

    fn find(&self, css: &str) -> Result<String> {
        let wanted = json!({"using": "css selector", "value": css});
        let begun = Instant::now();
        loop {
            match self.call("POST", &self.at("element"), Some(wanted.clone())) {
                Ok(found) => return Ok(found[ELEMENT].as_str().unwrap_or_default().to_owned()),
                Err(error) if begun.elapsed() > PATIENCE => return Err(format!("{css}: {error}")),
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    /// Does something with the element that `css` selects; again when the page is exchanged meanwhile.
    fn with<T>(&self, css: &str, act: impl Fn(&str) -> Result<T>) -> Result<T> {
        let begun = Instant::now();
        loop {
            match act(&self.find(css)?) {
                Err(error) if error.contains("stale element") && begun.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                done => return done,
            }
        }
    }

    /// Types `text` into the field that `css` selects, in place of what it holds.
    pub fn fill(&self, css: &str, text: &str) -> Result<()> {
        self.with(css, |element| {
            self.call("POST", &self.at(&format!("element/{element}/clear")), None)?;
            let keys = json!({"text": text});
            self.call("POST", &self.at(&format!("element/{element}/value")), Some(keys)).map(drop)
        })
    }

    /// Clicks what `css` selects.
    pub fn click(&self, css: &str) -> Result<()> {
        self.with(css, |element| {
            self.call("POST", &self.at(&format!("element/{element}/click")), None).map(drop)
        })
    }

    /// The text of what `css` selects, as a person sees it.
    pub fn text(&self, css: &str) -> Result<String> {
        self.with(css, |element| {
            let text = self.call("GET", &self.at(&format!("element/{element}/text")), None)?;
            Ok(text.as_str().unwrap_or_default().to_owned())
        })
    }

    /// Waits until `holds` is true of the text that `css` selects; the text then.
    pub fn wait_for(&self, css: &str, holds: impl Fn(&str) -> bool) -> Result<String> {
        let begun = Instant::now();
        loop {
            let text = self.text(css)?;
            if holds(&text) {
                return Ok(text);
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{css} still shows '{text}' after {} s", PATIENCE.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Messages of the page's console at level SEVERE: errors of scripts, policy and loading.
    pub fn complaints(&self) -> Result<Vec<String>> {
        let log = self.call("POST", &self.at("se/log"), Some(json!({"type": "browser"})))?;
        let severe = log.as_array().into_iter().flatten().filter(|entry| entry["level"] == "SEVERE");
        Ok(severe.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect())
    }

    /// A PNG of the window, base64 as WebDriver gives it.
    pub fn screenshot(&self) -> Result<String> {
        Ok(self.call("GET", &self.at("screenshot"), None)?.as_str().unwrap_or_default().to_owned())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.call("DELETE", &self.session.clone(), None);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
