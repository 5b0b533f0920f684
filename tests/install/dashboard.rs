//! The daemon's pages in a real browser, with a real host behind them.

use std::path::PathBuf;

use regex::Regex;
use serde_json::{Value, json};

use crate::common::{Browser, ENTER, HOST, TAB, closed_port, wait_for};
use crate::daemon::{Daemon, edit_by_hand, listening};
use crate::installed::Installed;

const CHECK: &str = include_str!("dashboard/page.js");

/// What a person can reach with the keyboard, in the page's order. The page may renew its parts meanwhile.
const REACHABLE: &str = "const reachable = [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, summary, [tabindex=\"0\"]')].filter((element) => element.checkVisibility());";

/// How many that are.
const COUNT: &str = "return reachable.length";

/// The number of the one that has the focus, whether that can be seen, and where it is.
const FOCUSED: &str = "const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect();
    return [reachable.indexOf(element), style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        box.width > 0 && box.bottom > 0 && box.top < window.innerHeight, element.outerHTML.slice(0, 80)];";

/// Somebody with a browser.
struct Visitor<'a> {
    browser: Browser,
    installed: &'a Installed,
    origin: String,
    pictures: PathBuf,
}

#[test]
fn a_browser_walks_the_pages() {
    let Some(browser) = Browser::start() else { return };
    let Some(installed) = Installed::start("pages") else { return };
    without_a_port_there_are_no_pages(&installed);

    let (visitor, daemon) = Visitor::begin(&installed, browser);
    daemon.sees("a first look", |host| host["reachable"] == true && host["drift_since"].is_null());
    visitor.logs_in(&daemon);
    visitor.sees_the_host(&daemon);
    visitor.goes_about_with_the_keyboard();
    visitor.starts_a_run_and_watches_it();
    visitor.asks_about_variables();
    visitor.sees_what_is_wrong_with_the_inventory();
    visitor.needs_no_scripts(&daemon);
    visitor.logs_out();
    daemon.stop();
}

fn without_a_port_there_are_no_pages(installed: &Installed) {
    let daemon = Daemon::start(installed, "report", "");
    let refused = daemon.homestead.run(&["daemon", "login", "--config", "daemon.toml"]).exits(1);
    assert_eq!(
        refused.stderr,
        "error: the daemon refuses: no port is open for browsers: set `listen` and `token_file` in the section `api` of the settings, \
         and restart the daemon\n"
    );
    daemon.stop();
}

/// What somebody does who watches a migration: the page follows it.
pub struct MigrationWatcher<'a> {
    visitor: Visitor<'a>,
    daemon: Daemon<'a>,
}

impl<'a> MigrationWatcher<'a> {
    /// Opens the host's page; nothing where there is no browser.
    pub fn start(installed: &'a Installed) -> Option<Self> {
        let (visitor, daemon) = Visitor::begin(installed, Browser::start()?);
        daemon.sees("a first look", |host| host["reachable"] == true);
        visitor.logs_in(&daemon);
        visitor.open(&format!("/hosts/{HOST}"));
        Some(Self { visitor, daemon })
    }

    /// Waits until the page says this of the migration, and examines it.
    #[track_caller]
    pub fn reads(&self, words: &[&str], name: &str) {
        for word in words {
            self.visitor.reads("section[aria-labelledby=migration]", word);
        }
        self.visitor.examines(name);
    }

    pub fn stop(self) {
        self.daemon.stop();
    }
}

impl<'a> Visitor<'a> {
    /// Somebody who has not logged in yet, and a daemon that only reports.
    fn begin(installed: &'a Installed, browser: Browser) -> (Self, Daemon<'a>) {
        let port = closed_port();
        let daemon = Daemon::start(installed, "report", &listening(installed, port));
        let pictures = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dashboard");
        std::fs::create_dir_all(&pictures).unwrap();
        (Self { browser, installed, origin: format!("http://127.0.0.1:{port}"), pictures }, daemon)
    }
}

impl Visitor<'_> {
    fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.origin));
    }

    fn path(&self) -> String {
        self.browser.url().strip_prefix(&self.origin).unwrap().to_owned()
    }

    /// Waits until a path that begins so is open.
    #[track_caller]
    fn lands_at(&self, path: &str) {
        wait_for(20, path, || self.path().starts_with(path).then_some(()));
    }

    /// Waits until an element says these words.
    #[track_caller]
    fn reads(&self, selector: &str, words: &str) {
        wait_for(120, words, || self.browser.text(selector).contains(words).then_some(()));
    }

    /// Examines the page that is open, light and dark, wide and narrow, and keeps pictures of it.
    #[track_caller]
    fn examines(&self, name: &str) {
        for (scheme, width) in [("light", 1200), ("dark", 1200), ("dark", 390), ("light", 390)] {
            self.browser.prefer(scheme);
            self.browser.resize(width, 800);
            let wrong = self.browser.script(CHECK);
            assert_eq!(wrong, json!([]), "{name}, {scheme}, {width}");
            let height = self.browser.script("return document.documentElement.scrollHeight").as_u64().unwrap();
            self.browser.resize(width, height.clamp(600, 4000));
            let narrow = if width == 390 { "-narrow" } else { "" };
            std::fs::write(self.pictures.join(format!("{name}-{scheme}{narrow}.png")), self.browser.picture()).unwrap();
        }
        self.browser.resize(1200, 800);
        self.nothing_is_amiss(name);
    }

    /// No word on the console, no request to anybody else, no secret on the page.
    #[track_caller]
    fn nothing_is_amiss(&self, name: &str) {
        assert_eq!(self.browser.console(), Vec::<String>::new(), "{name}");
        self.asks_nobody_else();
        let source = self.browser.source();
        for secret in &self.installed.secrets {
            assert!(!source.contains(secret.as_str()), "{name} shows the secret `{secret}`");
        }
    }

    #[track_caller]
    fn asks_nobody_else(&self) {
        let requests = self.browser.requests();
        let others: Vec<&String> =
            requests.iter().filter(|url| !url.starts_with(&format!("{}/", self.origin)) && *url != "data:,").collect();
        assert!(others.is_empty(), "{others:?}");
    }

    fn logs_in(&self, daemon: &Daemon<'_>) {
        let shown = daemon.homestead.run(&["daemon", "login", "--config", "daemon.toml"]).exits(0);
        let link = shown.stdout.trim_end();
        assert!(
            link.starts_with(&format!("{}/login/", self.origin)) && shown.stderr == "it works once, within 10 minutes\n",
            "{}",
            shown.text()
        );
        self.browser.open(link);
        self.examines("login");
        self.browser.open(link);
        self.browser.click("button.main");
        self.reads("h1", "Hosts");
        self.examines("hosts");
        // The cookie is none of the scripts' business.
        assert_eq!(self.browser.script("return document.cookie"), Value::from(""));
    }

    /// The page follows what happens, without being loaded again.
    fn sees_the_host(&self, daemon: &Daemon<'_>) {
        self.browser.click("tbody th a");
        self.lands_at(&format!("/hosts/{HOST}"));
        self.reads(".lead", "in order");
        assert_eq!(self.browser.text("#drift"), "");
        // Installed just now, by the host's own clock.
        let state = self.browser.text("[data-part=state]");
        assert!(Regex::new(r"Generation\s1, (just now|\d+ (second|minute)s? ago)").unwrap().is_match(&state), "{state}");
        self.browser.script("window.before = true");
        edit_by_hand(self.installed);
        daemon.sees("the drift", |host| !host["drift_since"].is_null());
        self.reads("#drift", "Drift");
        assert_eq!(self.browser.script("return window.before"), Value::from(true));
        assert!(self.browser.text(".lead").contains("drift"));
        let diff = self.browser.text("#difference-1 .diff");
        assert!(diff.contains("-") && diff.contains("Changed by hand"), "{diff}");
        assert!(self.browser.text("#difference-1 summary").starts_with("the host changed file /matrix/client-element/config.json"));
        assert!(self.browser.text("[data-part=state]").contains("The daemon leaves it: the policy is to report."));
        self.examines("host");
    }

    fn goes_about_with_the_keyboard(&self) {
        for path in ["/".to_owned(), format!("/hosts/{HOST}"), "/variables?name=brand".to_owned()] {
            self.open(&path);
            let reachable = self.browser.script(&format!("{REACHABLE} {COUNT}")).as_u64().unwrap();
            assert!(reachable > 7, "{path}: {reachable}");
            for number in 0..reachable {
                self.browser.press(TAB);
                let seen = self.browser.script(&format!("{REACHABLE} {FOCUSED}"));
                assert_eq!((&seen[0], &seen[1], &seen[2]), (&json!(number), &json!(true), &json!(true)), "{path}: {seen}");
            }
        }
        // The skip link leads past the navigation, and Enter follows a link.
        self.open("/");
        self.browser.press(TAB);
        self.browser.press(ENTER);
        assert_eq!(self.browser.script("return document.activeElement.id"), Value::from("main"));
        self.browser.press(TAB);
        self.browser.press(TAB);
        self.browser.press(ENTER);
        self.lands_at(&format!("/hosts/{HOST}"));
        let is_open = "return document.querySelector('#difference-1').open";
        assert_eq!(self.browser.script(is_open), Value::from(true));
        self.browser.script("document.querySelector('#difference-1 summary').focus()");
        self.browser.press(ENTER);
        assert_eq!(self.browser.script(is_open), Value::from(false));
        self.nothing_is_amiss("the keyboard");
    }

    fn starts_a_run_and_watches_it(&self) {
        self.open(&format!("/hosts/{HOST}"));
        self.browser.click("form[action$='/start'] button");
        self.lands_at(&format!("/hosts/{HOST}/start?command=install-all&words="));
        self.examines("start");
        self.browser.click("button.main");
        self.lands_at("/runs/");
        let run = self.path();
        self.browser.script("window.before = true");
        // Lines come without the page being loaded again, until the end.
        let lines = wait_for(90, "live lines", || {
            let lines = self
                .browser
                .script("return window.before ? document.querySelectorAll('#log[data-live] > li').length : -1")
                .as_i64()
                .unwrap();
            (!(0..=2).contains(&lines)).then_some(lines)
        });
        assert!(lines > 2, "the page was loaded again before it showed three lines");
        self.nothing_is_amiss("a live run");
        self.reads("#state", "done");
        wait_for(10, "the page of a run that is over", || self.browser.script("return !window.before").as_bool().filter(|again| *again));
        let log = self.browser.text("#log");
        assert!(log.contains("update file /matrix/client-element/config.json") && log.contains("matrix-client-element.service"), "{log}");
        self.examines("run");
        self.installed.sandbox.script("! grep -q 'Changed by hand' /matrix/client-element/config.json");

        self.open(&format!("/hosts/{HOST}"));
        self.reads(".lead", "in order");
        self.open("/runs");
        assert!(self.browser.text("tbody tr").contains("install-all") && self.browser.text("tbody tr").contains("done"));
        self.examines("runs");
        self.browser.click("tbody th a");
        self.lands_at(&run);
        self.open("/audit");
        let audit = self.browser.text("tbody");
        assert!(audit.contains("started a run") && audit.contains("logged in") && audit.contains("session "), "{audit}");
        self.examines("audit");
    }

    fn asks_about_variables(&self) {
        self.open("/variables");
        self.browser.type_into("#name", "client_element_brand");
        self.browser.press(ENTER);
        wait_for(30, "an answer", || self.browser.text("main").contains("matrix_client_element_brand").then_some(()));
        self.open("/variables?name=synapse_database");
        self.examines("variables");
        self.open("/variables/matrix_synapse_database_password");
        assert_eq!(self.browser.text("h1"), "matrix_synapse_database_password");
        assert!(self.browser.text("[aria-label=Value]").contains("[redacted]"));
        self.examines("secret");
        self.open("/variables/matrix_synapse_max_upload_size_mb");
        let text = self.browser.text("main");
        assert!(text.contains("roles/matrix-synapse/defaults.yml:"), "{text}");
        self.examines("variable");
    }

    fn sees_what_is_wrong_with_the_inventory(&self) {
        self.open("/");
        self.installed.inventory.set("matrix_synapse_max_upload_size_mb", "many");
        self.reads(".alarm", "The inventory is wrong, and nothing is touched");
        let alarm = self.browser.text(".findings");
        assert!(alarm.contains("matrix_synapse_max_upload_size_mb") && alarm.contains("vars.yml:") && alarm.contains("Help: "), "{alarm}");
        self.examines("wrong");
        self.installed.inventory.set("matrix_synapse_max_upload_size_mb", "50");
        wait_for(60, "a right inventory", || self.browser.text(".alarm").is_empty().then_some(()));
    }

    fn needs_no_scripts(&self, daemon: &Daemon<'_>) {
        self.browser.allow_scripts(false);
        self.open(&format!("/hosts/{HOST}"));
        self.browser.click("form[action$='/look'] button");
        wait_for(10, "a look", || (daemon.get("/api/v1/audit")["audit"][0]["what"] == "host.look").then_some(()));
        self.open(&format!("/hosts/{HOST}"));
        self.browser.click("#command option[value=restart]");
        self.browser.type_into("#words", "client-element");
        self.browser.click("form[action$='/start'] button");
        self.lands_at(&format!("/hosts/{HOST}/start?command=restart&words=client-element"));
        self.browser.click("button.main");
        self.lands_at("/runs/");
        self.reads("#state", "done");
        self.reads("#log", "matrix-client-element.service");
        self.asks_nobody_else();
        self.browser.allow_scripts(true);
    }

    fn logs_out(&self) {
        self.open("/");
        self.nothing_is_amiss("the end");
        self.browser.click(".top form button");
        self.reads("main p", "You are logged out.");
        self.examines("logged-out");
        self.open("/");
        assert!(self.browser.text("main").contains("homestead daemon login"));
        self.asks_nobody_else();
    }
}
