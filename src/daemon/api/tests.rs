//! What the API answers, and what it refuses.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::daemon::simulation::Simulation;

const TOKEN: &str = "test-only-token-0123456789";

struct Api {
    simulation: Simulation,
    service: Arc<Service>,
}

impl Api {
    /// A daemon with two hosts that were looked at once.
    async fn start() -> Self {
        let simulation = Simulation::begin(2, "");
        simulation.pass(Duration::from_secs(75)).await;
        let service = Arc::new(simulation.service(TOKEN));
        Self { simulation, service }
    }

    async fn send(&self, door: Door, request: Request<Body>) -> (StatusCode, Value) {
        let response = router(self.service.clone(), door).oneshot(request).await.unwrap();
        let status = response.status();
        let problem = status.is_client_error() || status.is_server_error();
        let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        if problem {
            assert_eq!(kind.as_deref(), Some("application/problem+json"), "{bytes:?}");
        }
        (status, if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() })
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        self.send(Door::Socket, request(method, path, body).body_of()).await
    }
}

/// A request with a body, and what it goes with.
struct Draft(axum::http::request::Builder, Option<Value>);

impl Draft {
    fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value), self.1)
    }

    fn body_of(self) -> Request<Body> {
        match self.1 {
            Some(body) => self.0.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap(),
            None => self.0.body(Body::empty()).unwrap(),
        }
    }
}

fn request(method: Method, path: &str, body: Option<Value>) -> Draft {
    Draft(Request::builder().method(method).uri(path), body)
}

const HOST: &str = "/api/v1/hosts/host0.example.com";

#[tokio::test]
async fn hosts_are_told_with_their_policy() {
    let api = Api::start().await;
    let (status, answer) = api.ask(Method::GET, "/api/v1/hosts", None).await;
    assert_eq!((status, answer["hosts"].as_array().unwrap().len()), (StatusCode::OK, 2));
    let (_, host) = api.ask(Method::GET, HOST, None).await;
    assert_eq!((&host["policy"], &host["paused"], &host["reachable"]), (&json!("report"), &json!(false), &json!(true)));
}

#[tokio::test]
async fn a_pause_begins_and_ends() {
    let api = Api::start().await;
    let pause = format!("{HOST}/pause");
    assert_eq!(api.ask(Method::PUT, &pause, Some(json!({}))).await.0, StatusCode::NO_CONTENT);
    assert_eq!(api.ask(Method::GET, HOST, None).await.1["paused"], json!(true));
    assert_eq!(api.ask(Method::DELETE, &pause, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(api.ask(Method::GET, HOST, None).await.1["paused"], json!(false));
    let (status, problem) = api.ask(Method::PUT, &pause, Some(json!({"until": "2020-01-01T00:00:00Z"}))).await;
    assert_eq!((status, &problem["detail"]), (StatusCode::BAD_REQUEST, &json!("`until` is in the past: 2020-01-01T00:00:00Z")));
    let (_, audit) = api.ask(Method::GET, "/api/v1/audit", None).await;
    let lines: Vec<&str> = audit["audit"].as_array().unwrap().iter().map(|line| line["what"].as_str().unwrap()).collect();
    assert_eq!(lines, ["host.resume", "host.pause"]);
}

#[tokio::test]
async fn a_run_is_started_once_for_a_key() {
    let api = Api::start().await;
    let start = |key: &'static str, command: &'static str| {
        let body = json!({"command": [command]});
        let draft = request(Method::POST, &format!("{HOST}/runs"), Some(body)).header("idempotency-key", key);
        api.send(Door::Socket, draft.body_of())
    };
    let (status, first) = start("a", "install-all").await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(start("a", "install-all").await, (StatusCode::ACCEPTED, first.clone()));
    assert_eq!(start("a", "setup-all").await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_ne!(start("b", "install-all").await.1, first);
    let id = first["run"].as_str().unwrap();
    let state = async || api.ask(Method::GET, &format!("/api/v1/runs/{id}"), None).await.1["run"]["state"].clone();
    // On a busy machine the loop may come to a run only when the clock has gone on.
    for _ in 0..20 {
        api.simulation.pass(Duration::from_secs(15)).await;
        if api.simulation.runs().len() > 1 && state().await == json!("done") {
            break;
        }
    }
    assert_eq!(api.simulation.runs().len(), 2);
    assert_eq!(state().await, json!("done"));
    let (_, events) = api.ask(Method::GET, &format!("/api/v1/runs/{id}/events"), None).await;
    assert_eq!(events["events"][0]["body"], json!({"event": "stage"}));
}

#[tokio::test]
async fn a_run_that_is_over_streams_what_it_said() {
    let api = Api::start().await;
    let (_, answer) = api.ask(Method::POST, &format!("{HOST}/runs"), Some(json!({"command": ["install-all"]}))).await;
    api.simulation.pass(Duration::from_secs(15)).await;
    let path = format!("/api/v1/runs/{}/events", answer["run"].as_str().unwrap());
    let draft = request(Method::GET, &path, None).header("accept", "text/event-stream");
    let response = router(api.service.clone(), Door::Socket).oneshot(draft.body_of()).await.unwrap();
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(String::from_utf8_lossy(&text), "id: 1\ndata: {\"event\":\"stage\"}\n\n");
}

/// A client that listens for ever does not keep the daemon from ending.
#[tokio::test]
async fn live_streams_end_with_the_daemon() {
    let api = Api::start().await;
    let response = router(api.service.clone(), Door::Socket).oneshot(request(Method::GET, "/api/v1/events", None).body_of()).await.unwrap();
    api.service.closing.cancel();
    let rest = tokio::time::timeout(Duration::from_secs(5), response.into_body().collect()).await;
    assert_eq!(rest.unwrap().unwrap().to_bytes(), "");
}

#[tokio::test]
async fn over_tcp_nobody_comes_in_without_the_token() {
    let api = Api::start().await;
    let ask = |authorization: Option<String>| {
        let draft = request(Method::GET, "/api/v1/hosts", None);
        let draft = match authorization {
            Some(value) => draft.header("authorization", &value),
            None => draft,
        };
        let api = &api;
        async move { api.send(Door::Tcp, draft.body_of()).await }
    };
    assert_eq!(ask(None).await.0, StatusCode::UNAUTHORIZED);
    for wrong in ["", "Bearer", "Bearer ", "Bearer wrong", "Basic dGVzdA==", TOKEN] {
        let (status, problem) = ask(Some(wrong.to_owned())).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{wrong}");
        assert!(!problem.to_string().contains(TOKEN));
    }
    assert_eq!(ask(Some(format!("Bearer {TOKEN}"))).await.0, StatusCode::OK);
}

#[tokio::test]
async fn pages_of_other_sites_start_nothing() {
    let api = Api::start().await;
    for site in ["cross-site", "same-site"] {
        let draft = request(Method::POST, &format!("{HOST}/runs"), Some(json!({"command": ["install-all"]})));
        let draft = draft.header("authorization", &format!("Bearer {TOKEN}")).header("sec-fetch-site", site);
        assert_eq!(api.send(Door::Tcp, draft.body_of()).await.0, StatusCode::FORBIDDEN);
    }
    assert_eq!(api.simulation.runs(), Vec::<String>::new());
}

#[tokio::test]
async fn bodies_that_are_too_large_or_strange_are_refused() {
    let api = Api::start().await;
    let runs = format!("{HOST}/runs");
    let large = json!({"command": ["install-all", "x".repeat(BODY_LIMIT)]});
    assert_eq!(api.ask(Method::POST, &runs, Some(large)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, problem) = api.ask(Method::POST, &runs, Some(json!({"command": ["install-all"], "as": "root"}))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(problem["detail"].as_str().unwrap().contains("unknown field `as`"), "{problem}");
    assert_eq!(api.ask(Method::POST, &runs, Some(json!({}))).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(api.ask(Method::POST, &runs, None).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(api.ask(Method::GET, "/api/v1/runs?limit=many", None).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(api.ask(Method::GET, "/api/v1/runs?root=1", None).await.0, StatusCode::BAD_REQUEST);
    for command in [json!([]), json!(["vault", "view", "secrets.yml"]), json!(["run-tags", "-i/etc/passwd"])] {
        assert_eq!(api.ask(Method::POST, &runs, Some(json!({"command": command}))).await.0, StatusCode::BAD_REQUEST);
    }
    assert_eq!(api.simulation.runs(), Vec::<String>::new());
}

#[tokio::test]
async fn path_tricks_lead_nowhere() {
    let api = Api::start().await;
    for path in [
        "/api/v1/hosts/..%2f..%2fetc%2fpasswd",
        "/api/v1/hosts/../runs/x",
        "/api/v1/runs/%00",
        "/api/v1/hosts/nobody",
        "/api/v1//hosts",
        "/api/v2/hosts",
        "/etc/passwd",
    ] {
        assert_eq!(api.ask(Method::GET, path, None).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(api.ask(Method::POST, "/api/v1/hosts/nobody/look", None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(api.ask(Method::POST, "/api/v1/hosts", None).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

/// Every path of the description leads somewhere.
#[tokio::test]
async fn the_description_is_true() {
    let api = Api::start().await;
    let (status, document) = api.ask(Method::GET, "/api/v1/openapi.json", None).await;
    assert_eq!((status, &document["openapi"]), (StatusCode::OK, &json!("3.1.0")));
    for endpoint in &description::ENDPOINTS {
        // A stream without an end, and no document.
        if ["/api/v1/events", "/metrics"].contains(&endpoint.path) {
            continue;
        }
        let path = endpoint.path.replace("{host}", "host0.example.com");
        let method = Method::from_bytes(endpoint.method.to_uppercase().as_bytes()).unwrap();
        let (status, answer) = api.ask(method, &path, endpoint.body.map(|_| json!({}))).await;
        assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert!(!answer["detail"].as_str().unwrap_or_default().contains("no path"), "{path}");
    }
}
