//! What the API is, for programs: OpenAPI 3.1.

use axum::Json;
use serde_json::{Map, Value, json};

/// One thing that can be asked.
pub struct Endpoint {
    /// In small letters.
    pub method: &'static str,
    /// With parameters in braces.
    pub path: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// The good answer's status and what it is.
    pub answer: (u16, &'static str),
    /// The schema of the body, where there is one.
    pub body: Option<&'static str>,
}

const fn get(path: &'static str, summary: &'static str, answer: &'static str) -> Endpoint {
    Endpoint { method: "get", path, summary, answer: (200, answer), body: None }
}

/// Everything that can be asked, except this description itself.
pub const ENDPOINTS: [Endpoint; 14] = [
    get("/api/v1/hosts", "All hosts, without status", "hosts"),
    get("/api/v1/hosts/{host}", "One host, with its status", "a host"),
    Endpoint {
        method: "post",
        path: "/api/v1/hosts/{host}/look",
        summary: "Look at the host as soon as nothing else goes on there",
        answer: (202, "it is due"),
        body: None,
    },
    Endpoint {
        method: "put",
        path: "/api/v1/hosts/{host}/pause",
        summary: "Leave the host alone: it is looked at and not changed by the daemon itself",
        answer: (204, "it is paused"),
        body: Some("Pause"),
    },
    Endpoint {
        method: "delete",
        path: "/api/v1/hosts/{host}/pause",
        summary: "End the pause",
        answer: (204, "it is not paused"),
        body: None,
    },
    Endpoint {
        method: "post",
        path: "/api/v1/hosts/{host}/runs",
        summary: "Start a command for the host; `Idempotency-Key` makes it safe to repeat",
        answer: (202, "the run's id"),
        body: Some("Run"),
    },
    get("/api/v1/runs", "Runs, the newest first; query: host, changing, before, limit", "runs"),
    get("/api/v1/runs/{run}", "One run", "a run"),
    get("/api/v1/runs/{run}/events", "A run's events after number `after`; as a live stream with `Accept: text/event-stream`", "events"),
    get("/api/v1/events", "Everything that happens from now on, as server-sent events", "a stream"),
    get("/api/v1/audit", "Who did what, the newest first", "lines"),
    get("/api/v1/inventory", "When the inventory was read last, and what is wrong with it", "the inventory's state"),
    Endpoint {
        method: "post",
        path: "/api/v1/logins",
        summary: "Make a link that logs a browser in, once, within ten minutes; on the Unix socket alone",
        answer: (201, "the link"),
        body: None,
    },
    get("/metrics", "What Prometheus asks for, as text", "measurements"),
];

/// The document.
pub fn document() -> Value {
    let mut paths = Map::new();
    for endpoint in &ENDPOINTS {
        let entry = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        if let Some(entry) = entry.as_object_mut() {
            entry.insert(endpoint.method.to_owned(), operation(endpoint));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "homestead daemon", "version": "1", "description": "Documents have a `version`; fields may be added to them."},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "Over TCP; the Unix socket needs none."}},
            "schemas": {
                "Run": {
                    "type": "object", "additionalProperties": false, "required": ["command"],
                    "properties": {"command": {"type": "array", "items": {"type": "string"}, "examples": [["install-all"]]}},
                },
                "Pause": {
                    "type": "object", "additionalProperties": false,
                    "properties": {"until": {"type": ["string", "null"], "format": "date-time"}},
                },
                "Problem": {
                    "type": "object", "required": ["status", "title", "detail"],
                    "properties": {"status": {"type": "integer"}, "title": {"type": "string"}, "detail": {"type": "string"}},
                },
            },
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let problem =
        json!({"description": "a problem", "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}});
    let (status, answer) = endpoint.answer;
    let mut operation = json!({
        "summary": endpoint.summary,
        "responses": {status.to_string(): {"description": answer}, "default": problem},
    });
    let parameters: Vec<Value> = ["host", "run"]
        .iter()
        .filter(|name| endpoint.path.contains(&format!("{{{name}}}")))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    if let Some(operation) = operation.as_object_mut() {
        if !parameters.is_empty() {
            operation.insert("parameters".into(), parameters.into());
        }
        if let Some(schema) = endpoint.body {
            let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
            operation.insert("requestBody".into(), json!({"required": true, "content": {"application/json": {"schema": schema}}}));
        }
    }
    operation
}

/// Shows it.
pub async fn show() -> Json<Value> {
    Json(document())
}
