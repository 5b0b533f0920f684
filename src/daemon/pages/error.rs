//! What goes wrong, as a page.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use axum::{Extension, extract::rejection::FormRejection, extract::rejection::QueryRejection};

use super::Pages;
use super::access::Session;
use crate::daemon::api::Problem;
use crate::daemon::store::StoreError;

/// Why there is no page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageError {
    /// The status.
    pub status: StatusCode,
    /// What to tell.
    pub text: String,
    /// What to do, as a command.
    pub command: Option<&'static str>,
}

impl PageError {
    /// One with a status.
    pub fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), command: None }
    }

    /// Nobody is logged in.
    pub fn logged_out() -> Self {
        let text = "You are not logged in. Make a link on the daemon's machine, and open it here:";
        Self { command: Some("homestead daemon login"), ..Self::new(StatusCode::UNAUTHORIZED, text) }
    }

    /// There is no such thing.
    pub fn missing(what: &str, name: &str) -> Self {
        Problem::missing(what, name).into()
    }

    /// Its heading.
    pub fn title(&self) -> &'static str {
        match self.status {
            StatusCode::UNAUTHORIZED => "Log in",
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::GONE => "The link does not work",
            StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => "Refused",
            status if status.is_client_error() => "That does not work",
            _ => "Something went wrong",
        }
    }
}

impl From<Problem> for PageError {
    fn from(problem: Problem) -> Self {
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let text = if status.is_client_error() { problem.detail } else { format!("{}: {}", problem.title, problem.detail) };
        Self::new(status, text)
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}

impl From<FormRejection> for PageError {
    fn from(rejection: FormRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for PageError {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

/// The answer to a path that nothing has.
pub async fn no_such_page(State(pages): State<Arc<Pages>>, Extension(session): Extension<Session>, uri: Uri) -> Response {
    pages.look.error(&PageError::missing("page", uri.path()), Some(&session))
}

/// The answer to a method that a path does not have.
pub async fn no_such_method(State(pages): State<Arc<Pages>>, method: Method) -> Response {
    pages.look.error(&PageError::new(StatusCode::METHOD_NOT_ALLOWED, format!("`{method}` does nothing here.")), None)
}
