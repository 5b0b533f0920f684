//! Whether the daemon is well, and what it measures.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::{Problem, Service};
use crate::daemon::metrics;

/// Well is: the store answers and the loop runs.
pub async fn healthz(State(service): State<Arc<Service>>) -> Response {
    let store = service.store.inventory().await.is_ok();
    if store && service.engine.is_alive() {
        return (StatusCode::OK, "ok\n").into_response();
    }
    let what = if store { "the loop has ended" } else { "the database does not answer" };
    (StatusCode::SERVICE_UNAVAILABLE, format!("{what}\n")).into_response()
}

/// What Prometheus asks for.
pub async fn metrics(State(service): State<Arc<Service>>) -> Result<Response, Problem> {
    let (hosts, runs) = (service.store.hosts().await?, service.store.run_counts().await?);
    let text = metrics::text(&hosts, &runs, service.now());
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}
