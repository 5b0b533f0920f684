//! Errors as RFC 9457 wants them.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::daemon::store::StoreError;

/// Why a request is refused: `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The same for all problems of this kind.
    pub title: &'static str,
    /// What is wrong with this request, and what to do.
    pub detail: String,
}

impl Problem {
    /// A problem with a status.
    pub fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status: status.as_u16(), title, detail: detail.into() }
    }

    /// There is no such thing.
    pub fn missing(what: &str, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not found", format!("there is no {what} `{name}`"))
    }

    /// The request makes no sense.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed request", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request cannot be answered");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the daemon's database fails", "look at the daemon's log")
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), "malformed request", rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), "malformed request", rejection.body_text())
    }
}

/// The answer to a path that nothing has.
pub async fn no_such_path(uri: axum::http::Uri) -> Problem {
    Problem::missing("path", uri.path())
}

/// The answer to a method that a path does not have.
pub async fn no_such_method(method: axum::http::Method) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method not allowed",
        format!("`{method}` does nothing here; /api/v1/openapi.json lists what does"),
    )
}
