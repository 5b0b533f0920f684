//! Who may ask.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use super::{Problem, Service};

/// How a request comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The Unix socket: its permissions say who may.
    Socket,
    /// The loopback port: any process of the machine, and any page in a browser there, can knock.
    Tcp,
}

/// Who asks, for the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(pub String);

/// The user at the other end of a Unix socket.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub Option<u32>);

/// Lets a request in, or says why not.
pub async fn check(State((service, door)): State<(Arc<Service>, Door)>, mut request: Request, next: Next) -> Response {
    let caller = match door {
        Door::Socket => {
            let uid = request.extensions().get::<axum::extract::ConnectInfo<Peer>>().and_then(|info| info.0.0);
            Ok(Caller(uid.map_or_else(|| "socket".to_owned(), |uid| format!("socket uid {uid}"))))
        }
        Door::Tcp => of_token(&service, request.method(), request.headers()),
    };
    match caller {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn of_token(service: &Service, method: &Method, headers: &HeaderMap) -> Result<Caller, Problem> {
    // A page of somebody else's in a browser on this machine may send requests here; no program does so.
    if *method != Method::GET && headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(Problem::new(StatusCode::FORBIDDEN, "cross-site request", "requests from pages of other sites are refused"));
    }
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| value.strip_prefix("Bearer "));
    let unauthorized = |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, "no access", detail);
    let Some(shown) = shown else { return Err(unauthorized("send the token as `Authorization: Bearer TOKEN`")) };
    // Digests of equal length: how long a comparison takes tells nothing about the token.
    let good = service.token.as_ref().is_some_and(|token| Sha256::digest(token.reveal()) == Sha256::digest(shown));
    if good { Ok(Caller("token".to_owned())) } else { Err(unauthorized("the token is not the one in the daemon's `token_file`")) }
}
