//! What the pages show, and whom they refuse.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use regex::Regex;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::daemon::Moved;
use crate::daemon::api::{Door, router as api_router};
use crate::daemon::simulation::Simulation;
use crate::daemon::store::{Look, RunFilter};

const TOKEN: &str = "test-only-token-0123456789";
const HOST: &str = "/hosts/host0.example.com";
const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

/// The daemon's port with a browser before it.
struct Browser {
    simulation: Simulation,
    service: Arc<Service>,
    router: Router,
}

/// An answer.
struct Page {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Page {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn form_token(&self) -> String {
        let pattern = Regex::new("name=\"form_token\" value=\"([0-9a-f]{64})\"").unwrap();
        pattern.captures(&self.text).expect("a form")[1].to_owned()
    }
}

impl Browser {
    /// A daemon with two hosts that were looked at once.
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(prepare: impl FnOnce(&Simulation)) -> Self {
        let simulation = Simulation::begin(2, "");
        prepare(&simulation);
        simulation.pass(Duration::from_secs(75)).await;
        let service = Arc::new(simulation.service(TOKEN));
        let router = api_router(service.clone(), Door::Tcp).merge(router(service.clone()).unwrap());
        Self { simulation, service, router }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Page {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in [("host", "127.0.0.1:8765")].iter().chain(headers) {
            if !value.is_empty() {
                request.headers_mut().unwrap().insert(axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
            }
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Page { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// A page with a cookie.
    async fn get(&self, path: &str, cookie: &str) -> Page {
        self.send(Method::GET, path, &[("cookie", cookie)], String::new()).await
    }

    /// A form as a browser sends it from a page of ours.
    async fn post(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Page {
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", super::render::percent_encoded(value))).collect();
        let headers = [
            ("cookie", cookie),
            ("origin", "null"),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.send(Method::POST, path, &headers, body.join("&")).await
    }

    /// A link, as the command line gets it.
    async fn link(&self) -> String {
        let request = Request::builder().method(Method::POST).uri("/api/v1/logins").body(Body::empty()).unwrap();
        let response = api_router(self.service.clone(), Door::Socket).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        let answer: Value = serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
        let url = answer["url"].as_str().unwrap();
        url.strip_prefix("http://127.0.0.1:8765").unwrap().to_owned()
    }

    /// Logs in; gives the cookie and what forms carry.
    async fn log_in(&self) -> (String, String) {
        let page = self.post(&self.link().await, "", &[]).await;
        assert_eq!((page.status, page.header("location")), (StatusCode::SEE_OTHER, "/"), "{}", page.text);
        let cookie = page.header("set-cookie").split(';').next().unwrap().to_owned();
        let token = self.get("/", &cookie).await.form_token();
        (cookie, token)
    }

    async fn audit(&self) -> Vec<String> {
        let trail = self.service.store.audit_trail(100).await.unwrap();
        trail.into_iter().map(|entry| format!("{} {}", entry.who, entry.what)).collect()
    }
}

#[tokio::test]
async fn a_link_logs_in_once() {
    let browser = Browser::start().await;
    let link = browser.link().await;
    assert_eq!(link.len(), "/login/".len() + 64);
    // A program that looks at links beforehand does not use it up.
    for _ in 0..2 {
        let page = browser.get(&link, "").await;
        assert!(page.status == StatusCode::OK && page.text.contains("<button class=\"main\">Log in</button>"), "{}", page.text);
    }
    let page = browser.post(&link, "", &[]).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    let cookie = page.header("set-cookie");
    let attributes = Regex::new("^homestead_session=[0-9a-f]{64}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200$").unwrap();
    assert!(attributes.is_match(cookie), "{cookie}");
    for method in [Method::GET, Method::POST] {
        let again = browser.send(method, &link, &[("sec-fetch-site", "same-origin")], String::new()).await;
        assert!(again.status == StatusCode::GONE && again.header("set-cookie").is_empty(), "{}", again.text);
    }
    let session = browser.audit().await;
    assert!(session[0].starts_with("session ") && session[0].ends_with(" (socket) access.login"), "{session:?}");
    assert_eq!(session[1], "socket access.link");
}

#[tokio::test]
async fn a_link_and_a_session_end_by_themselves() {
    let browser = Browser::start().await;
    let (early, late) = (browser.link().await, browser.link().await);
    let (cookie, _) = browser.log_in().await;
    browser.simulation.pass(Duration::from_secs(9 * 60)).await;
    assert_eq!(browser.post(&early, "", &[]).await.status, StatusCode::SEE_OTHER);
    browser.simulation.pass(Duration::from_secs(61)).await;
    assert_eq!(browser.post(&late, "", &[]).await.status, StatusCode::GONE);
    assert_eq!(browser.post("/login/0123", "", &[]).await.status, StatusCode::GONE);
    assert_eq!(browser.get("/", &cookie).await.status, StatusCode::OK);
    browser.simulation.pass(Duration::from_secs(12 * 3600)).await;
    assert_eq!(browser.get("/", &cookie).await.status, StatusCode::UNAUTHORIZED);
}

const PAGES: [&str; 9] = [
    "/",
    HOST,
    "/hosts/host0.example.com/start?command=install-all",
    "/runs",
    "/runs/x",
    "/variables",
    "/variables/x",
    "/audit",
    "/nowhere",
];
const ACTIONS: [&str; 5] = [
    "/logout",
    "/hosts/host0.example.com/look",
    "/hosts/host0.example.com/pause",
    "/hosts/host0.example.com/resume",
    "/hosts/host0.example.com/runs",
];

#[tokio::test]
async fn without_a_session_there_is_only_the_way_to_log_in() {
    let browser = Browser::start().await;
    let wrong = format!("{}={}", access::COOKIE, "0".repeat(64));
    for cookie in ["", &wrong, "homestead_session=", "other=1"] {
        for path in PAGES.iter().chain(&["/changes", "/runs/x/live"]) {
            let page = browser.get(path, cookie).await;
            assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
            assert!(page.text.contains("homestead daemon login") && !page.text.contains("host0"), "{}", page.text);
        }
        for path in ACTIONS {
            assert_eq!(browser.post(path, cookie, &[("command", "install-all")]).await.status, StatusCode::UNAUTHORIZED, "{path}");
        }
    }
    // The token of programs is no session, and the other way round.
    let token = format!("Bearer {TOKEN}");
    assert_eq!(browser.send(Method::GET, "/", &[("authorization", &token)], String::new()).await.status, StatusCode::UNAUTHORIZED);
    let (cookie, form_token) = browser.log_in().await;
    for path in ["/api/v1/hosts", "/api/v1/events", "/api/v1/nothing", "/metrics"] {
        assert_eq!(browser.get(path, &cookie).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let fields = [("form_token", form_token.as_str())];
    assert_eq!(browser.post("/api/v1/hosts/host0.example.com/look", &cookie, &fields).await.status, StatusCode::UNAUTHORIZED);
    // Links are made on the socket alone.
    let made = browser.send(Method::POST, "/api/v1/logins", &[("authorization", &token)], String::new()).await;
    assert_eq!(made.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.simulation.runs(), Vec::<String>::new());
}

#[tokio::test]
async fn a_form_must_carry_its_sessions_token() {
    let browser = Browser::start().await;
    let (cookie, _) = browser.log_in().await;
    let (_, of_another) = browser.log_in().await;
    for path in ACTIONS {
        for token in ["", "0", &of_another, &cookie] {
            let page = browser.post(path, &cookie, &[("form_token", token), ("command", "install-all")]).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
        }
        assert_eq!(browser.post(path, &cookie, &[]).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let large = "x".repeat(BODY_LIMIT);
    assert_eq!(browser.post(ACTIONS[1], &cookie, &[("form_token", &large)]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(browser.get("/", &cookie).await.status, StatusCode::OK);
    assert!(!browser.service.known("host0.example.com").await.unwrap().is_paused(browser.service.now()));
    assert_eq!(browser.simulation.runs(), Vec::<String>::new());
}

#[tokio::test]
async fn pages_of_other_sites_do_nothing() {
    let browser = Browser::start().await;
    let (cookie, token) = browser.log_in().await;
    let link = browser.link().await;
    let body = format!("form_token={token}&command=install-all");
    for (origin, site) in [
        ("https://evil.example", "cross-site"),
        ("https://evil.example", ""),
        ("http://127.0.0.1:9999", "same-site"),
        ("http://127.0.0.1:9999", ""),
        ("null", "cross-site"),
        ("null", ""),
        ("", ""),
    ] {
        for path in ACTIONS.iter().copied().chain([link.as_str()]) {
            let kind = "application/x-www-form-urlencoded";
            let headers = [("cookie", cookie.as_str()), ("content-type", kind), ("origin", origin), ("sec-fetch-site", site)];
            let page = browser.send(Method::POST, path, &headers, body.clone()).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{path} {origin} {site}");
        }
    }
    for path in ["/changes", "/runs/x/live"] {
        for site in ["cross-site", "same-site", "none"] {
            let page = browser.send(Method::GET, path, &[("cookie", &cookie), ("sec-fetch-site", site)], String::new()).await;
            assert_eq!(page.status, StatusCode::FORBIDDEN, "{path} {site}");
        }
    }
    assert_eq!(browser.simulation.runs(), Vec::<String>::new());
    // The link was not used up.
    assert_eq!(browser.post(&link, "", &[]).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn another_name_does_not_lead_here() {
    let browser = Browser::start().await;
    let (cookie, _) = browser.log_in().await;
    let link = browser.link().await;
    for host in ["evil.example:8765", "evil.example", "127.0.0.1.evil.example:8765", "0.0.0.0:8765"] {
        for path in ["/", &link, "/assets/x/style.css", "/changes"] {
            let page = browser.send(Method::GET, path, &[("host", host), ("cookie", &cookie)], String::new()).await;
            assert_eq!(page.status, StatusCode::MISDIRECTED_REQUEST, "{host} {path}");
        }
    }
    // A tunnel has another port.
    assert_eq!(
        browser.send(Method::GET, "/", &[("host", "localhost:9000"), ("cookie", &cookie)], String::new()).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn every_answer_tells_the_browser_to_be_careful() {
    let browser = Browser::start().await;
    let (cookie, _) = browser.log_in().await;
    let link = browser.link().await;
    let inline = Regex::new(r"<script>|<style| style=| on[a-z]+=|https?://").unwrap();
    for (path, cookie) in PAGES.iter().map(|path| (*path, cookie.as_str())).chain([("/", ""), (&link, ""), ("/nowhere", "")]) {
        let page = browser.get(path, cookie).await;
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        let others = ["x-content-type-options", "referrer-policy", "cache-control"].map(|name| page.header(name));
        assert_eq!(others, ["nosniff", "no-referrer", "no-store"], "{path}");
        // What the policy forbids is not there.
        assert!(!inline.is_match(&page.text), "{}", page.text);
    }
    for name in ["style.css", "pages.js", "icon.svg"] {
        let page = browser.get(&format!("/assets/{}/{name}", *assets::VERSION), "").await;
        assert_eq!((page.status, page.header("cache-control")), (StatusCode::OK, "public, max-age=31536000, immutable"));
    }
    assert_eq!(browser.get(&format!("/assets/{}/../../etc/passwd", *assets::VERSION), &cookie).await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/assets/old/style.css", "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_done_lands_in_the_audit() {
    let browser = Browser::start().await;
    let (cookie, token) = browser.log_in().await;
    let send = async |path: &str, more: &[(&str, &str)]| {
        let fields: Vec<(&str, &str)> = [("form_token", token.as_str())].iter().chain(more).copied().collect();
        browser.post(&format!("{HOST}{path}"), &cookie, &fields).await
    };
    for path in ["/look", "/pause", "/resume"] {
        let page = send(path, &[("lasts", "4h")]).await;
        assert_eq!((page.status, page.header("location")), (StatusCode::SEE_OTHER, HOST), "{}", page.text);
    }
    let page = browser.get(&format!("{HOST}/start?command=restart&words=synapse"), &cookie).await;
    assert!(page.text.contains("<button class=\"main\">Start <code>restart synapse</code></button>"), "{}", page.text);
    let key = Regex::new("name=\"key\" value=\"([^\"]+)\"").unwrap().captures(&page.text).unwrap()[1].to_owned();
    // Twice sent is once started.
    let fields = [("command", "restart"), ("words", "synapse"), ("key", key.as_str())];
    let (first, second) = (send("/runs", &fields).await, send("/runs", &fields).await);
    assert_eq!((first.status, first.header("location")), (StatusCode::SEE_OTHER, second.header("location")));
    assert_eq!(send("/runs", &[("command", "vault"), ("words", "view")]).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(send("/runs", &[("command", "run-tags"), ("words", "-i/etc/passwd")]).await.status, StatusCode::BAD_REQUEST);
    browser.simulation.pass(Duration::from_secs(15)).await;
    assert_eq!(browser.simulation.runs(), ["host0.example.com restart synapse"]);
    let run = &browser.service.store.runs(RunFilter { limit: 1, ..RunFilter::default() }).await.unwrap()[0];
    assert_eq!(run.cause, "dashboard");
    let name = run.who.clone();
    assert!(name.starts_with("session ") && name.ends_with(" (socket)"), "{name}");
    let wanted = ["run.start", "host.resume", "host.pause", "host.look", "access.login"].map(|what| format!("{name} {what}"));
    assert_eq!(browser.audit().await[..5], wanted);
    let audit = browser.get("/audit", &cookie).await;
    assert!(audit.text.contains(&name) && audit.text.contains("paused the host"), "{}", audit.text);

    let out = browser.post("/logout", &cookie, &[("form_token", &token)]).await;
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{:?}", out.headers);
    assert_eq!(browser.get("/", &cookie).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.audit().await[0], format!("{name} access.logout"));
}

/// What hosts, inventories and people write is text, wherever it comes to stand.
#[tokio::test]
async fn what_hosts_write_is_text() {
    let unit = json!({"unit": HOSTILE, "role": HOSTILE, "state": HOSTILE, "version": HOSTILE, "problems": [HOSTILE], "seconds": 1});
    let difference =
        json!({"kind": HOSTILE, "name": HOSTILE, "moved": HOSTILE, "details": [HOSTILE], "diff": format!("-{HOSTILE}\n+{HOSTILE}\n")});
    let past = json!({"who": HOSTILE, "run": HOSTILE, "command": HOSTILE, "since": HOSTILE});
    let migration = json!({"version": 1, "state": "beside", "steps": {}, "probes": [HOSTILE], "kept_databases": [HOSTILE]});
    let status = json!({
        "host": "host0.example.com", "generation": 1, "units": [unit], "differences": [difference, {"name": HOSTILE}], "notes": [HOSTILE],
        "strangers": [HOSTILE], "kept": [{"role": HOSTILE, "paths": [HOSTILE]}], "holder": past, "unfinished": past, "migration": migration,
    });
    let lines = [
        json!({"event": "stage", "text": HOSTILE}),
        json!({"event": "output", "line": HOSTILE}),
        json!({"event": "plan", "plan": {"actions": [{"resource": {"kind": "file", "name": HOSTILE}, "change": HOSTILE, "diff": format!("+{HOSTILE}\n")}]}}),
        json!({"event": "failed", "message": HOSTILE, "hints": [HOSTILE], "causes": [HOSTILE], "diagnostics": [{"code": HOSTILE, "message": HOSTILE}]}),
        json!({"event": "step", "step": HOSTILE, "units": [HOSTILE]}),
    ];
    let browser = Browser::start_with(|simulation| {
        *simulation.hosts.status.lock().unwrap() = status;
        *simulation.hosts.lines.lock().unwrap() = lines.to_vec();
        simulation.drift(0, Moved { host: true, inventory: false });
    })
    .await;
    let (cookie, token) = browser.log_in().await;
    let begun = browser.post(&format!("{HOST}/runs"), &cookie, &[("form_token", &token), ("command", "install-all")]).await;
    browser.simulation.pass(Duration::from_secs(15)).await;
    let run = begun.header("location").to_owned();
    let store = &browser.service.store;
    let findings = json!([{"code": HOSTILE, "severity": HOSTILE, "message": HOSTILE, "file": HOSTILE, "line": 1, "column": 2, "help": HOSTILE,
        "notes": [{"message": HOSTILE, "file": HOSTILE, "line": 1, "column": 1}]}]);
    store.misread_inventory(browser.service.now(), HOSTILE.to_owned(), findings).await.unwrap();
    let failed = Look::Failed { reachable: Some(false), problem: HOSTILE.to_owned() };
    store.looked(HOSTILE.to_owned(), browser.service.now(), failed).await.unwrap();
    store.saw_certificates(HOSTILE.to_owned(), browser.service.now(), Some(json!({HOSTILE: 1}))).await.unwrap();
    browser.service.audit(HOSTILE, HOSTILE, Some(HOSTILE), json!({"command": [HOSTILE], HOSTILE: HOSTILE})).await.unwrap();

    let hostile = super::render::percent_encoded(HOSTILE);
    let mut paths: Vec<String> = ["/", HOST, "/runs", "/audit", &run].map(str::to_owned).to_vec();
    paths.extend([
        format!("/hosts/{hostile}"),
        format!("/hosts/{hostile}/start?command=install-all"),
        format!("/runs?host={hostile}&before={hostile}"),
        format!("/runs/{hostile}"),
        format!("/variables?name={hostile}&host={hostile}"),
        format!("/variables?name={hostile}&host=host0.example.com"),
        format!("/variables/{hostile}?host={hostile}"),
        "/variables/the_brand?host=host0.example.com".to_owned(),
        format!("/nowhere/{hostile}"),
        format!("{HOST}/start?command={hostile}&words={hostile}"),
    ]);
    for path in &paths {
        let page = browser.get(path, &cookie).await;
        assert!(!page.status.is_server_error(), "{path}: {}", page.text);
        for raw in ["<script>", "<img", "onerror=alert(2)>", "\"'>", "<b>Element"] {
            assert!(!page.text.contains(raw), "{path}: {raw} in {}", page.text);
        }
    }
    let shown = browser.get(HOST, &cookie).await.text;
    assert!(shown.matches("&lt;script&gt;").count() > 12, "{shown}");
    // In the stream it is JSON, which the script puts into text nodes.
    let live = browser.get(&format!("{run}/live"), &cookie).await;
    assert_eq!(live.header("content-type"), "text/event-stream");
    assert!(live.text.ends_with("event: end\ndata: {}\n\n"), "{}", live.text);
}

#[tokio::test]
async fn hosts_are_seen_at_a_glance() {
    let browser = Browser::start_with(|simulation| {
        simulation.drift(0, Moved { host: true, inventory: false });
        simulation.hosts.silent.lock().unwrap().push("host1.example.com".into());
    })
    .await;
    let (cookie, token) = browser.log_in().await;
    let text = browser.get("/", &cookie).await.text;
    for words in ["</span> drift</span>", "</span> does not answer</span>", "The host is not as the last run left it.", "9 days</span>"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    browser.post(&format!("{HOST}/pause"), &cookie, &[("form_token", &token), ("lasts", "")]).await;
    let text = browser.get(HOST, &cookie).await.text;
    assert!(text.contains("paused</span>") && text.contains("End the pause") && text.contains("the policy is to report"), "{text}");
    assert_eq!(browser.get("/hosts/nobody", &cookie).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn variables_are_explained_without_secrets() {
    let browser = Browser::start().await;
    let (cookie, _) = browser.log_in().await;
    let text = browser.get("/variables/secret_thing?host=host0.example.com", &cookie).await.text;
    assert!(text.contains(">[redacted]</pre>") && text.contains("host_vars/x.yml:3"), "{text}");
    let list = browser.get("/variables?name=brand&host=host0.example.com", &cookie).await.text;
    assert!(list.contains("/variables/the_brand?host=host0.example.com") && list.contains("&lt;b&gt;Element"), "{list}");
    let none = browser.get("/variables/nothing?host=host0.example.com", &cookie).await;
    assert!(none.status == StatusCode::UNPROCESSABLE_ENTITY && none.text.contains("no variable <code>nothing</code>"), "{}", none.text);
    for name in ["-i", "a b", "..%2f..", &"x".repeat(201)] {
        let path = format!("/variables/{}?host=host0.example.com", super::render::percent_encoded(name));
        assert_eq!(browser.get(&path, &cookie).await.status, StatusCode::BAD_REQUEST, "{name}");
    }
    assert_eq!(browser.get("/variables/x?host=nobody", &cookie).await.status, StatusCode::NOT_FOUND);
}

/// Streams end with the session, and with the daemon.
#[tokio::test]
async fn streams_end_with_the_session() {
    let browser = Browser::start().await;
    let open = async |cookie: &str| {
        let request =
            Request::builder().uri("/changes").header("host", "localhost:1").header("cookie", cookie).body(Body::empty()).unwrap();
        browser.router.clone().oneshot(request).await.unwrap().into_body()
    };
    let ends = async |body: Body| {
        tokio::time::timeout(Duration::from_secs(5), body.collect()).await.expect("the stream goes on").unwrap();
    };
    let ((first, token), (second, _)) = (browser.log_in().await, browser.log_in().await);
    let (of_first, of_second) = (open(&first).await, open(&second).await);
    browser.post("/logout", &first, &[("form_token", &token)]).await;
    ends(of_first).await;
    browser.service.closing.cancel();
    ends(of_second).await;
}
