//! Login, logout and refresh for clients of the old kind, and for the password flow alone.

use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::client_address::client_address;
use super::{App, Peer, bearer};
use crate::identifiers::device_id;
use crate::passwords::Verdict;
use crate::storage::queue::{self, Job};
use crate::storage::sessions::{self, NewSession};
use crate::storage::users::{self, User};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/_matrix/client/{version}/login", get(flows).post(login))
        .route("/_matrix/client/{version}/logout", post(logout))
        .route("/_matrix/client/{version}/logout/all", post(logout_all))
        .route("/_matrix/client/{version}/refresh", post(refresh))
        .route("/_matrix/client/{version}/login/sso/redirect", get(sso))
        .route("/_matrix/client/{version}/login/sso/redirect/{provider}", get(sso))
}

/// An error as the Matrix client-server API gives it.
enum Failure {
    Matrix(StatusCode, &'static str, String),
    Internal(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Internal(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, code, message) = match self {
            Self::Matrix(status, code, message) => (status, code, message),
            Self::Internal(error) => {
                crate::error!("internal error: {error:#}");
                let message = "Internal server error".to_owned();
                (StatusCode::INTERNAL_SERVER_ERROR, "M_UNKNOWN", message)
            }
        };
        (status, Json(json!({ "errcode": code, "error": message }))).into_response()
    }
}

fn refuse(status: StatusCode, code: &'static str, message: &str) -> Failure {
    Failure::Matrix(status, code, message.to_owned())
}

fn wrong_credentials() -> Failure {
    refuse(StatusCode::FORBIDDEN, "M_FORBIDDEN", "Invalid username/password")
}

fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let value: Value =
        serde_json::from_slice(bytes).map_err(|_| refuse(StatusCode::BAD_REQUEST, "M_NOT_JSON", "Body is not valid JSON"))?;
    T::deserialize(value).map_err(|error| refuse(StatusCode::BAD_REQUEST, "M_BAD_JSON", &format!("the body does not fit: {error}")))
}

async fn flows(State(app): State<App>) -> Json<Value> {
    // The mark of MSC3824 on the SSO flow is how `doctor` and clients know who answers.
    let sso = json!({ "type": "m.login.sso", "org.matrix.msc3824.delegated_oidc_compatibility": true });
    let token = json!({ "type": "m.login.token" });
    Json(if app.passwords.enabled() {
        json!({ "flows": [{ "type": "m.login.password" }, sso, token] })
    } else {
        json!({ "flows": [sso, token] })
    })
}

#[derive(Deserialize)]
struct LoginBody {
    r#type: String,
    identifier: Option<Identifier>,
    user: Option<String>,
    password: Option<String>,
    device_id: Option<String>,
    initial_device_display_name: Option<String>,
    #[serde(default)]
    refresh_token: bool,
}

#[derive(Deserialize)]
struct Identifier {
    r#type: String,
    user: Option<String>,
}

async fn login(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Value>, Failure> {
    let login: LoginBody = body(&bytes)?;
    match login.r#type.as_str() {
        "m.login.password" if app.passwords.enabled() => {}
        "m.login.token" => {
            return Err(refuse(StatusCode::FORBIDDEN, "M_FORBIDDEN", "Invalid login token"));
        }
        _ => {
            return Err(refuse(StatusCode::BAD_REQUEST, "M_UNKNOWN", "Invalid login type"));
        }
    }
    let name = login_name(&login)?;
    let Some(password) = &login.password else {
        return Err(refuse(StatusCode::BAD_REQUEST, "M_BAD_JSON", "the body does not fit: missing field `password`"));
    };
    let address = client_address(peer, &headers, &app.config.http.trusted_proxies);
    let localpart = app.config.matrix.localpart(name);
    let user = users::find(&app.reader, localpart).await?.filter(|user| user.deactivated_at.is_none()).ok_or_else(wrong_credentials)?;
    if !app.limiter.take(address, user.id, Instant::now()) {
        return Err(refuse(StatusCode::TOO_MANY_REQUESTS, "M_LIMIT_EXCEEDED", "Too many login attempts"));
    }
    check_password(&app, &user, password).await?;
    if user.locked_at.is_some() {
        return Err(refuse(StatusCode::UNAUTHORIZED, "M_USER_LOCKED", "User account has been locked"));
    }
    let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    start_session(&app, &user, &login, user_agent).await
}

/// The old `user` member wins over `identifier`, as in Synapse.
fn login_name(login: &LoginBody) -> Result<&str, Failure> {
    match (&login.user, &login.identifier) {
        (Some(user), _) => Ok(user),
        (None, Some(identifier)) if identifier.r#type == "m.id.user" => identifier
            .user
            .as_deref()
            .ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "M_BAD_JSON", "the body does not fit: missing field `user`")),
        (None, Some(_)) => Err(refuse(StatusCode::BAD_REQUEST, "M_UNKNOWN", "this kind of identifier is not known")),
        (None, None) => Err(refuse(StatusCode::BAD_REQUEST, "M_BAD_JSON", "`identifier` is missing")),
    }
}

async fn check_password(app: &App, user: &User, password: &str) -> Result<(), Failure> {
    let (version, hashed) = users::password(&app.reader, user.id).await?.ok_or_else(wrong_credentials)?;
    match app.passwords.verify(version, &hashed, password).await? {
        Verdict::Wrong => return Err(wrong_credentials()),
        Verdict::Right => {}
        Verdict::RightButOld => {
            let (version, hashed) = app.passwords.hash(password).await?;
            users::set_password(&app.reader, user.id, version, &hashed).await?;
        }
    }
    Ok(())
}

async fn start_session(app: &App, user: &User, login: &LoginBody, user_agent: Option<&str>) -> Result<Json<Value>, Failure> {
    let device = match login.device_id.as_deref() {
        Some(device) => device.to_owned(),
        None => device_id()?,
    };
    let lifetime = login.refresh_token.then_some(app.config.compat_token_ttl);
    let (session, access_token, refresh_token) = {
        let mut writer = app.writer.lock().await;
        let transaction = writer.transaction().await?;
        let new = NewSession {
            user: user.id,
            device_id: &device,
            human_name: login.initial_device_display_name.as_deref(),
            user_agent,
            is_synapse_admin: false,
        };
        let session = sessions::add(&transaction, &new).await?;
        let (id, access_token) = sessions::add_access_token(&transaction, session, lifetime).await?;
        let refresh_token = match lifetime {
            Some(_) => Some(sessions::add_refresh_token(&transaction, session, id).await?),
            None => None,
        };
        transaction.commit().await?;
        (session, access_token, refresh_token)
    };
    let display_name = login.initial_device_display_name.as_deref();
    if let Err(error) = app.homeserver.upsert_device(&user.username, &device, display_name).await {
        sessions::finish(&app.reader, session).await?;
        queue::schedule(&app.reader, &Job::SyncDevices { user: user.id }).await?;
        return Err(error.context("could not create the device on the homeserver").into());
    }
    let mut answer = json!({
        "access_token": access_token,
        "device_id": device,
        "user_id": app.config.matrix.user_id(&user.username),
    });
    if let (Some(refresh_token), Some(seconds)) = (refresh_token, lifetime) {
        answer["refresh_token"] = json!(refresh_token);
        answer["expires_in_ms"] = json!(u64::from(seconds) * 1000);
    }
    Ok(Json(answer))
}

async fn session_of(app: &App, headers: &HeaderMap) -> Result<sessions::Session, Failure> {
    let token = bearer(headers).ok_or_else(|| refuse(StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN", "Missing access token"))?;
    sessions::by_access_token(&app.reader, token)
        .await?
        .ok_or_else(|| refuse(StatusCode::UNAUTHORIZED, "M_UNKNOWN_TOKEN", "Invalid access token"))
}

async fn logout(State(app): State<App>, headers: HeaderMap) -> Result<Json<Value>, Failure> {
    let session = session_of(&app, &headers).await?;
    sessions::finish(&app.reader, session.id).await?;
    // The device goes from the homeserver a moment later, and with it Synapse's cached answer.
    queue::schedule(&app.reader, &Job::SyncDevices { user: session.user_id }).await?;
    Ok(Json(json!({})))
}

async fn logout_all(State(app): State<App>, headers: HeaderMap) -> Result<Json<Value>, Failure> {
    let session = session_of(&app, &headers).await?;
    sessions::finish_all(&app.reader, session.user_id).await?;
    queue::schedule(&app.reader, &Job::SyncDevices { user: session.user_id }).await?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
struct RefreshBody {
    refresh_token: String,
}

async fn refresh(State(app): State<App>, bytes: Bytes) -> Result<Json<Value>, Failure> {
    let refresh: RefreshBody = body(&bytes)?;
    let mut writer = app.writer.lock().await;
    let transaction = writer.transaction().await?;
    let session = sessions::consume_refresh_token(&transaction, &refresh.refresh_token)
        .await?
        .ok_or_else(|| refuse(StatusCode::UNAUTHORIZED, "M_UNKNOWN_TOKEN", "Invalid refresh token"))?;
    let seconds = app.config.compat_token_ttl;
    let (id, access_token) = sessions::add_access_token(&transaction, session.id, Some(seconds)).await?;
    let refresh_token = sessions::add_refresh_token(&transaction, session.id, id).await?;
    transaction.commit().await?;
    Ok(Json(json!({
        "access_token": access_token,
        "refresh_token": refresh_token,
        "expires_in_ms": u64::from(seconds) * 1000,
    })))
}

async fn sso(State(app): State<App>) -> Redirect {
    Redirect::to(&app.config.http.endpoint("login"))
}
