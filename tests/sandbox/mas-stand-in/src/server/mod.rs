//! The HTTP side: what each resource of a listener serves.

mod admin;
mod client_address;
mod compat;
mod human;
mod limiter;
pub mod listen;
mod oauth;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tokio::sync::Mutex;
use tokio_postgres::Client;

use crate::config::{Config, ListenerConfig, Resource};
use crate::homeserver::Homeserver;
use crate::keys::PublicKey;
use crate::mail::Mailer;
use crate::passwords::Passwords;

pub use client_address::Peer;
pub use limiter::LoginLimiter;

/// What the handlers share.
pub struct Shared {
    pub config: Config,
    pub keys: Vec<PublicKey>,
    pub passwords: Passwords,
    pub homeserver: Homeserver,
    pub mailer: Mailer,
    pub limiter: LoginLimiter,
    /// For single statements; several may be under way at once.
    pub reader: Client,
    /// For transactions, one at a time.
    pub writer: Mutex<Client>,
}

pub type App = Arc<Shared>;

/// The routes of one listener: those of its resources, under its prefix.
pub fn router(app: &App, listener: &ListenerConfig) -> Router {
    let mut routes = Router::new();
    for resource in &listener.resources {
        routes = routes.merge(resource_router(*resource));
    }
    let routes = routes.with_state(app.clone());
    match listener.prefix.as_deref().map(|prefix| prefix.trim_end_matches('/')) {
        None | Some("") => routes,
        Some(prefix) => Router::new().nest(&format!("{prefix}/"), routes),
    }
}

fn resource_router(resource: Resource) -> Router<App> {
    match resource {
        Resource::Health => Router::new().route("/health", get(health)),
        Resource::Prometheus => Router::new().route("/metrics", get(async || "# mas-stand-in has no metrics\n")),
        Resource::ConnectionInfo => Router::new().route("/connection-info", get(connection_info)),
        Resource::Graphql => Router::new().route("/graphql", get(not_offered).post(not_offered)),
        Resource::Assets => Router::new(),
        Resource::Discovery => oauth::discovery_routes(),
        Resource::Oauth => oauth::routes(),
        Resource::Compat => compat::routes(),
        Resource::Human => human::routes(),
        Resource::Adminapi => admin::routes(),
    }
}

async fn health(State(app): State<App>) -> Response {
    match app.reader.query_one("SELECT 1", &[]).await {
        Ok(_) => "ok".into_response(),
        Err(error) => internal(&error.into()),
    }
}

async fn connection_info() -> Response {
    axum::Json(json!({ "server": "mas-stand-in" })).into_response()
}

async fn not_offered() -> Response {
    let message = "mas-stand-in does not offer this; it only stands in for Matrix Authentication Service in tests";
    (StatusCode::NOT_IMPLEMENTED, axum::Json(json!({ "error": message }))).into_response()
}

/// Logs what went wrong and says no more than that something did.
pub fn internal(error: &anyhow::Error) -> Response {
    crate::error!("internal error: {error:#}");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// The token of an `Authorization: Bearer` header.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
