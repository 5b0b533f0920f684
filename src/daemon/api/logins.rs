//! Links that log a browser in.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde_json::json;

use super::{Caller, Problem, Service};
use crate::daemon::pages;

/// Makes one. It is told here and nowhere else: the store keeps its hash.
pub async fn make(State(service): State<Arc<Service>>, Extension(Caller(who)): Extension<Caller>) -> Result<Response, Problem> {
    let Some(port) = service.port else {
        let detail =
            "no port is open for browsers: set `listen` and `token_file` in the section `api` of the settings, and restart the daemon";
        return Err(Problem::new(StatusCode::CONFLICT, "no pages", detail));
    };
    let link = pages::make_link(&service, &who).await?;
    service.audit(&who, "access.link", None, json!({"ends": link.ends})).await?;
    let url = format!("http://{port}/login/{}", link.code.reveal());
    Ok((StatusCode::CREATED, Json(json!({"version": 1, "url": url, "ends": link.ends}))).into_response())
}
