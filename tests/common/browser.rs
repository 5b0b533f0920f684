//! A real browser: Debian's Chromium, told what to do through ChromeDriver (W3C WebDriver, over HTTP).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use super::{closed_port, skipped, wait_for};

/// Headless, and silent but for what a test asks for.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];
/// How WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// How WebDriver names keys.
pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";

/// A browser with a profile of its own; it goes when this is dropped.
pub struct Browser {
    driver: Driver,
    session: String,
    _profile: tempfile::TempDir,
}

/// ChromeDriver.
struct Driver {
    child: Child,
    port: u16,
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Driver {
    fn start() -> Option<Self> {
        let port = closed_port();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = Self { child: command.spawn().ok()?, port };
        wait_for(30, "ChromeDriver", || driver.send("GET", "/status", &Value::Null).filter(|(status, _)| *status == 200));
        Some(driver)
    }

    /// The status and the value that it answers with; nothing where it does not answer.
    fn send(&self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        let host = format!("127.0.0.1:{}", self.port);
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}").ok()?;
        // It keeps the connection open: the answer says how long it is.
        let (mut reader, mut head) = (BufReader::new(stream), String::new());
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head).ok().filter(|length| *length > 0)?;
        }
        let (_, length) =
            head.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
        let mut body = vec![0; length.trim().parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        let answer: Value = serde_json::from_slice(&body).ok()?;
        Some((head.split(' ').nth(1)?.parse().ok()?, answer["value"].clone()))
    }
}

impl Browser {
    /// Starts one; says `skipped: ...` where there is none.
    pub fn start() -> Option<Self> {
        let Some(driver) = Driver::start() else {
            // Where the tests count, a browser that is missing is a failure.
            assert!(std::env::var_os("CI").is_none(), "chromedriver is missing");
            skipped("the pages need the packages chromium and chromium-driver");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let own = format!("--user-data-dir={}", profile.path().display());
        let arguments: Vec<&str> = FLAGS.iter().copied().chain([own.as_str()]).collect();
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let (status, answer) = driver.send("POST", "/session", &wanted).expect("ChromeDriver answers");
        assert_eq!(status, 200, "no browser: {answer}");
        let session = answer["sessionId"].as_str().unwrap().to_owned();
        let browser = Self { driver, session, _profile: profile };
        // What it loads for its own first window is nobody's business here.
        browser.open("about:blank");
        browser.console();
        browser.requests();
        Some(browser)
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, value) = self.driver.send(method, &format!("/session/{}{path}", self.session), body).expect("the browser answers");
        assert_eq!(status, 200, "{method} {path}: {value}");
        value
    }

    /// Opens an address and waits until it is loaded.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.ask("POST", "/url", &json!({"url": url}));
    }

    pub fn url(&self) -> String {
        self.ask("GET", "/url", &Value::Null).as_str().unwrap().to_owned()
    }

    /// The page as the browser has it now.
    pub fn source(&self) -> String {
        self.ask("GET", "/source", &Value::Null).as_str().unwrap().to_owned()
    }

    /// The text of an element that a CSS selector finds; empty where there is none.
    pub fn text(&self, selector: &str) -> String {
        let text = self.of_element(selector, "GET", "text", &Value::Null);
        text.and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
    }

    #[track_caller]
    pub fn click(&self, selector: &str) {
        self.of_element(selector, "POST", "click", &json!({})).unwrap_or_else(|| panic!("there is no `{selector}`"));
    }

    #[track_caller]
    pub fn type_into(&self, selector: &str, text: &str) {
        self.of_element(selector, "POST", "clear", &json!({})).unwrap_or_else(|| panic!("there is no `{selector}`"));
        self.of_element(selector, "POST", "value", &json!({"text": text}));
    }

    /// Asks an element for something; nothing where there is no such element. The page may put another one into its
    /// place at any time.
    #[track_caller]
    fn of_element(&self, selector: &str, method: &str, what: &str, body: &Value) -> Option<Value> {
        for _ in 0..20 {
            let found = self.ask("POST", "/elements", &json!({"using": "css selector", "value": selector}));
            let path = format!("/session/{}/element/{}/{what}", self.session, found[0][ELEMENT].as_str()?);
            let (status, value) = self.driver.send(method, &path, body).expect("the browser answers");
            if status == 200 {
                return Some(value);
            }
            assert_eq!(value["error"], "stale element reference", "{selector}: {value}");
        }
        panic!("`{selector}` is another one each time");
    }

    /// Presses a key and lets it go.
    pub fn press(&self, key: &str) {
        let strokes = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        self.ask("POST", "/actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]}));
    }

    /// What a script in the page returns.
    #[track_caller]
    pub fn script(&self, script: &str) -> Value {
        self.ask("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    fn command(&self, name: &str, parameters: Value) -> Value {
        self.ask("POST", "/goog/cdp/execute", &json!({"cmd": name, "params": parameters}))
    }

    /// What people prefer: `light` or `dark`.
    pub fn prefer(&self, scheme: &str) {
        self.command("Emulation.setEmulatedMedia", json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}));
    }

    /// The window's size.
    pub fn resize(&self, width: u64, height: u64) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.command("Emulation.setDeviceMetricsOverride", size);
    }

    /// Whether pages may run scripts.
    pub fn allow_scripts(&self, allowed: bool) {
        self.command("Emulation.setScriptExecutionDisabled", json!({"value": !allowed}));
    }

    /// A picture of the window, as PNG.
    pub fn picture(&self) -> Vec<u8> {
        let text = self.ask("GET", "/screenshot", &Value::Null);
        base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap()
    }

    /// What the console says since the last call.
    pub fn console(&self) -> Vec<String> {
        let entries = self.ask("POST", "/se/log", &json!({"type": "browser"}));
        entries.as_array().unwrap().iter().map(|entry| format!("{}: {}", entry["level"], entry["message"])).collect()
    }

    /// Every address that was asked for since the last call.
    pub fn requests(&self) -> Vec<String> {
        let entries = self.ask("POST", "/se/log", &json!({"type": "performance"}));
        let messages =
            entries.as_array().unwrap().iter().map(|entry| serde_json::from_str::<Value>(entry["message"].as_str().unwrap()).unwrap());
        let sent = messages.filter(|message| message["message"]["method"] == "Network.requestWillBeSent");
        sent.map(|message| message["message"]["params"]["request"]["url"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.driver.send("DELETE", &format!("/session/{}", self.session), &Value::Null);
    }
}
