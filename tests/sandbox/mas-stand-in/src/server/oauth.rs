//! OAuth 2.0: the discovery document, keys, introspection and the client credentials grant.

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, bearer, internal, not_offered};
use crate::identifiers::{from_ulid, to_ulid};
use crate::storage::{sessions, users};

/// The scopes that the real program knows under two names each.
const API_SCOPES: &str = "urn:matrix:client:api:* urn:matrix:org.matrix.msc2967.client:api:*";
const ADMIN_SCOPE: &str = "urn:synapse:admin:*";
pub const MAS_ADMIN_SCOPE: &str = "urn:mas:admin";

pub fn discovery_routes() -> Router<App> {
    Router::new().route("/.well-known/openid-configuration", get(discovery)).route("/.well-known/webfinger", get(webfinger))
}

pub fn routes() -> Router<App> {
    Router::new()
        .route("/oauth2/keys.json", get(keys))
        .route("/oauth2/introspect", post(introspect))
        .route("/oauth2/token", post(token))
        .route("/oauth2/revoke", post(not_offered))
        .route("/oauth2/registration", post(not_offered))
        .route("/oauth2/device", post(not_offered))
        .route("/oauth2/userinfo", get(not_offered).post(not_offered))
}

async fn discovery(State(app): State<App>) -> Json<Value> {
    let http = &app.config.http;
    let methods = ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"];
    let mut algorithms: Vec<&str> = app.keys.iter().flat_map(|key| key.algorithms().iter().copied()).collect();
    algorithms.sort_unstable();
    algorithms.dedup();
    Json(json!({
        "issuer": http.issuer().as_str(),
        "authorization_endpoint": http.endpoint("authorize"),
        "token_endpoint": http.endpoint("oauth2/token"),
        "jwks_uri": http.endpoint("oauth2/keys.json"),
        "registration_endpoint": http.endpoint("oauth2/registration"),
        "revocation_endpoint": http.endpoint("oauth2/revoke"),
        "introspection_endpoint": http.endpoint("oauth2/introspect"),
        "userinfo_endpoint": http.endpoint("oauth2/userinfo"),
        "device_authorization_endpoint": http.endpoint("oauth2/device"),
        "end_session_endpoint": http.endpoint("oauth2/end-session"),
        "account_management_uri": http.endpoint("account/"),
        "account_management_actions_supported": [
            "org.matrix.profile", "org.matrix.devices_list", "org.matrix.device_view",
            "org.matrix.device_delete", "org.matrix.cross_signing_reset",
        ],
        "org.matrix.matrix-authentication-service.graphql_endpoint": http.endpoint("graphql"),
        "scopes_supported": ["openid", "email"],
        "response_types_supported": ["code", "id_token", "code id_token"],
        "response_modes_supported": ["form_post", "query", "fragment"],
        "grant_types_supported": [
            "authorization_code", "refresh_token", "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods,
        "code_challenge_methods_supported": ["plain", "S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "userinfo_signing_alg_values_supported": algorithms,
        "display_values_supported": ["page"],
        "claim_types_supported": ["normal"],
        "claims_supported": ["iss", "sub", "aud", "iat", "exp", "nonce", "auth_time", "at_hash", "c_hash"],
        "prompt_values_supported": ["login", "create"],
    }))
}

#[derive(Deserialize)]
struct WebfingerQuery {
    resource: String,
}

async fn webfinger(State(app): State<App>, axum::extract::Query(query): axum::extract::Query<WebfingerQuery>) -> Json<Value> {
    Json(json!({
        "subject": query.resource,
        "links": [{
            "rel": "http://openid.net/specs/connect/1.0/issuer",
            "href": app.config.http.issuer().as_str(),
        }],
    }))
}

async fn keys(State(app): State<App>) -> Json<Value> {
    let keys: Vec<Value> = app.keys.iter().flat_map(|key| key.jwks()).collect();
    Json(json!({ "keys": keys }))
}

fn oauth_error(status: StatusCode, code: &str, description: &str) -> Response {
    (status, Json(json!({ "error": code, "error_description": description }))).into_response()
}

/// An OAuth 2.0 client that proved who it is.
struct Client {
    id: String,
}

#[derive(Debug, Default, Deserialize)]
struct Credentials {
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// Finds the client in the header or the form, by the one method that it is configured for.
async fn authenticate(app: &App, headers: &HeaderMap, form: &Credentials) -> Result<Client, Response> {
    let refused = |why: &str| oauth_error(StatusCode::UNAUTHORIZED, "invalid_client", why);
    let (method, id, secret) = match (basic(headers), &form.client_id, &form.client_secret) {
        (Some((id, secret)), _, _) => ("client_secret_basic", id, secret),
        (None, Some(id), Some(secret)) => ("client_secret_post", id.clone(), secret.clone()),
        (None, Some(id), None) => ("none", id.clone(), String::new()),
        (None, None, _) => {
            return Err(oauth_error(StatusCode::BAD_REQUEST, "invalid_request", "the client did not name itself"));
        }
    };
    let Ok(uuid) = from_ulid(&id) else {
        return Err(refused("unknown client"));
    };
    let row = app
        .reader
        .query_opt("SELECT token_endpoint_auth_method, secret FROM oauth2_clients WHERE oauth2_client_id = $1", &[&uuid])
        .await
        .map_err(|error| internal(&error.into()))?;
    let Some(row) = row else {
        return Err(refused("unknown client"));
    };
    let (expected, expected_secret): (String, Option<String>) = (row.get(0), row.get(1));
    if expected != method {
        let why = format!("the client must authenticate with `{expected}`, not `{method}`");
        return Err(refused(&why));
    }
    if method != "none" && expected_secret.as_deref() != Some(secret.as_str()) {
        return Err(refused("invalid client secret"));
    }
    if method == "none" {
        return Err(refused("a public client cannot do this"));
    }
    Ok(Client { id })
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    // RFC 6749, 2.3.1: both parts are form-encoded.
    let decode = |text: &str| url::form_urlencoded::parse(format!("v={text}").as_bytes()).next().map(|(_, value)| value.into_owned());
    Some((decode(id)?, decode(secret)?))
}

#[derive(Deserialize)]
struct IntrospectForm {
    token: String,
    token_type_hint: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

async fn introspect(
    State(app): State<App>,
    headers: HeaderMap,
    form: Result<Form<IntrospectForm>, axum::extract::rejection::FormRejection>,
) -> Response {
    let form = match form {
        Ok(Form(form)) => form,
        Err(_) if bearer(&headers).is_some_and(|token| !app.homeserver.is_secret(token)) => {
            return oauth_error(StatusCode::UNAUTHORIZED, "access_denied", "this bearer token is not the shared secret");
        }
        Err(_) => {
            return oauth_error(StatusCode::BAD_REQUEST, "invalid_request", "the form is not valid");
        }
    };
    if let Some(token) = bearer(&headers) {
        if !app.homeserver.is_secret(token) {
            return oauth_error(StatusCode::UNAUTHORIZED, "access_denied", "this bearer token is not the shared secret");
        }
    } else {
        let credentials = Credentials { client_id: form.client_id, client_secret: form.client_secret };
        if let Err(refusal) = authenticate(&app, &headers, &credentials).await {
            return refusal;
        }
    }
    let inactive = || Json(json!({ "active": false })).into_response();
    if form.token_type_hint.as_deref().is_some_and(|hint| hint != "access_token") {
        return inactive();
    }
    // Synapse asks for the device by name; others get it as part of the scope.
    let explicit_device = headers.get("x-mas-supports-device-id").is_some_and(|value| value == "1");
    match describe(&app, &form.token, explicit_device).await {
        Ok(Some(answer)) => Json(answer).into_response(),
        Ok(None) => inactive(),
        Err(error) => internal(&error),
    }
}

async fn describe(app: &App, token: &str, explicit_device: bool) -> anyhow::Result<Option<Value>> {
    if token.starts_with("mat_") {
        let found = sessions::client_token(&app.reader, token).await?;
        return Ok(found.map(|(client, scope, expires_in)| {
            json!({
                "active": true, "scope": scope, "client_id": to_ulid(client),
                "token_type": "access_token", "expires_in": expires_in,
            })
        }));
    }
    let Some(session) = sessions::by_access_token(&app.reader, token).await? else {
        return Ok(None);
    };
    let Some(user) = users::get(&app.reader, session.user_id).await?.filter(users::User::is_valid) else {
        return Ok(None);
    };
    let mut scope = API_SCOPES.to_owned();
    if let Some(device) = session.device_id.as_deref().filter(|_| !explicit_device) {
        scope.push_str(&format!(" urn:matrix:client:device:{device} urn:matrix:org.matrix.msc2967.client:device:{device}"));
    }
    if session.is_synapse_admin {
        scope.push(' ');
        scope.push_str(ADMIN_SCOPE);
    }
    let mut answer = json!({
        "active": true,
        "scope": scope,
        "client_id": "legacy",
        "username": user.username,
        "token_type": "access_token",
        "iat": session.issued_at,
        "nbf": session.issued_at,
        "sub": to_ulid(user.id),
    });
    if let Some(device) = session.device_id {
        answer["device_id"] = json!(device);
    }
    if let Some(seconds) = session.expires_in {
        answer["expires_in"] = json!(seconds);
    }
    Ok(Some(answer))
}

#[derive(Deserialize)]
struct TokenForm {
    grant_type: String,
    scope: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

async fn token(
    State(app): State<App>,
    headers: HeaderMap,
    form: Result<Form<TokenForm>, axum::extract::rejection::FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else {
        return oauth_error(StatusCode::BAD_REQUEST, "invalid_request", "the form is not valid");
    };
    let credentials = Credentials { client_id: form.client_id, client_secret: form.client_secret };
    let client = match authenticate(&app, &headers, &credentials).await {
        Ok(client) => client,
        Err(refusal) => return refusal,
    };
    if form.grant_type != "client_credentials" {
        let why = "mas-stand-in only offers `client_credentials`";
        return oauth_error(StatusCode::BAD_REQUEST, "unsupported_grant_type", why);
    }
    let scope = form.scope.unwrap_or_default();
    for wanted in scope.split_whitespace() {
        if wanted != MAS_ADMIN_SCOPE || !app.config.policy.is_admin_client(&client.id) {
            let why = format!("the policy does not allow `{wanted}` to this client");
            return oauth_error(StatusCode::FORBIDDEN, "invalid_scope", &why);
        }
    }
    let seconds = app.config.access_token_ttl;
    let issued = async { sessions::add_client_token(&app.reader, from_ulid(&client.id)?, &scope, seconds).await };
    match issued.await {
        Ok(token) => {
            let answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": seconds, "scope": scope });
            ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
        }
        Err(error) => internal(&error),
    }
}
