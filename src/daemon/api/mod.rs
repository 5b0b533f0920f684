//! HTTP for programs: on a Unix socket for whoever may open it, on a loopback port for who has the token.
//! Reads the store, asks the loop; must not know how either works.

mod access;
mod actions;
mod description;
mod health;
mod hosts;
mod logins;
mod problem;
mod runs;
mod serve;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post, put};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use access::{Caller, Door};
pub use actions::Start;
pub use problem::Problem;
pub use serve::{bind_socket, serve_socket, serve_tcp};
pub use stream::{Show, end, follow, last_event};

use super::clock::Clock;
use super::commands::Commands;
use super::engine::Handle;
use super::settings::Settings;
use super::store::Store;
use crate::secret::Secret;

/// What every request may need.
pub struct Service {
    /// The daemon's memory.
    pub store: Store,
    /// The loop.
    pub engine: Handle,
    /// homestead's own commands, for what the store does not know.
    pub commands: Arc<dyn Commands>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What the daemon may do.
    pub settings: Arc<dyn Fn() -> Arc<Settings> + Send + Sync>,
    /// What programs show over TCP; nobody comes in there without one.
    pub token: Option<Secret<String>>,
    /// Where the pages are, if a port is open.
    pub port: Option<SocketAddr>,
    /// Ends what would go on for ever: live streams.
    pub closing: CancellationToken,
    /// Held while a run is started.
    pub starting: tokio::sync::Mutex<()>,
}

impl Service {
    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// A body may be so large.
pub const BODY_LIMIT: usize = 64 * 1024;

/// Everything that programs can ask for. Over TCP, every other path is left to the pages.
pub fn router(service: Arc<Service>, door: Door) -> Router {
    let guarded = Router::new()
        .route("/api/v1/hosts", get(hosts::list))
        .route("/api/v1/hosts/{host}", get(hosts::one))
        .route("/api/v1/hosts/{host}/look", post(hosts::look))
        .route("/api/v1/hosts/{host}/pause", put(hosts::pause).delete(hosts::resume))
        .route("/api/v1/hosts/{host}/runs", post(runs::start))
        .route("/api/v1/runs", get(runs::list))
        .route("/api/v1/runs/{run}", get(runs::one))
        .route("/api/v1/runs/{run}/events", get(stream::of_run))
        .route("/api/v1/events", get(stream::everything))
        .route("/api/v1/audit", get(runs::audit))
        .route("/api/v1/inventory", get(hosts::inventory))
        .route("/metrics", get(health::metrics));
    let guarded = match door {
        // Who comes in here already may do everything that a session may.
        Door::Socket => guarded.route("/api/v1/logins", post(logins::make)).fallback(problem::no_such_path),
        Door::Tcp => guarded.route("/api/{*path}", any(problem::no_such_path)),
    };
    let guarded = guarded
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(axum::middleware::from_fn_with_state((service.clone(), door), access::check))
        .layer(DefaultBodyLimit::max(BODY_LIMIT));
    let open = Router::new().route("/api/v1/openapi.json", get(description::show)).route("/healthz", get(health::healthz));
    open.merge(guarded).with_state(service)
}

#[cfg(test)]
mod tests;
