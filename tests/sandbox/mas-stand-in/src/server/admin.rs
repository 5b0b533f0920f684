//! The part of the admin API that tests ask: users, for tokens with the admin scope.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::oauth::MAS_ADMIN_SCOPE;
use super::{App, bearer, internal};
use crate::identifiers::{from_ulid, to_ulid};
use crate::storage::sessions;
use crate::storage::users::{self, User};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/doc/", get(documentation))
        .route("/api/spec.json", get(specification))
        .route("/api/admin/v1/users", get(list))
        .route("/api/admin/v1/users/{id}", get(one))
        .route("/api/admin/v1/users/by-username/{username}", get(by_name))
}

async fn documentation() -> Html<&'static str> {
    Html(
        "<!doctype html><html lang=\"en\"><title>API of mas-stand-in</title><h1>mas-stand-in</h1>\
         <p>Stands in for the admin API of Matrix Authentication Service in homestead's tests.</p></html>\n",
    )
}

async fn specification() -> Json<Value> {
    Json(json!({
        "openapi": "3.1.0",
        "info": { "title": "mas-stand-in", "version": env!("CARGO_PKG_VERSION") },
        "paths": { "/api/admin/v1/users": { "get": {} } },
    }))
}

fn failure(status: StatusCode, title: &str) -> Response {
    (status, Json(json!({ "errors": [{ "title": title }] }))).into_response()
}

async fn authorize(app: &App, headers: &HeaderMap) -> Result<(), Response> {
    let Some(token) = bearer(headers) else {
        return Err(failure(StatusCode::UNAUTHORIZED, "Missing authorization header"));
    };
    match sessions::client_token(&app.reader, token).await {
        Ok(Some((_, scope, _))) if scope.split_whitespace().any(|scope| scope == MAS_ADMIN_SCOPE) => Ok(()),
        Ok(Some(_)) => Err(failure(StatusCode::FORBIDDEN, "Missing urn:mas:admin scope")),
        Ok(None) => Err(failure(StatusCode::UNAUTHORIZED, "Unknown access token")),
        Err(error) => Err(internal(&error)),
    }
}

fn resource(user: &User) -> Value {
    let id = to_ulid(user.id);
    json!({
        "type": "user",
        "id": id,
        "attributes": {
            "username": user.username,
            "created_at": user.created_at,
            "locked_at": user.locked_at,
            "deactivated_at": user.deactivated_at,
            "admin": user.can_request_admin,
            "legacy_guest": user.is_guest,
        },
        "links": { "self": format!("/api/admin/v1/users/{id}") },
    })
}

#[derive(Deserialize)]
struct ListQuery {
    #[serde(rename = "page[first]")]
    first: Option<i64>,
    #[serde(rename = "page[after]")]
    after: Option<String>,
    #[serde(rename = "filter[admin]")]
    admin: Option<bool>,
    #[serde(rename = "filter[status]")]
    status: Option<String>,
}

async fn list(
    State(app): State<App>,
    headers: HeaderMap,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    if let Err(refusal) = authorize(&app, &headers).await {
        return refusal;
    }
    let Ok(Query(query)) = query else {
        return failure(StatusCode::BAD_REQUEST, "Invalid query");
    };
    let after = match query.after.as_deref().map(from_ulid).transpose() {
        Ok(after) => after,
        Err(_) => return failure(StatusCode::BAD_REQUEST, "Invalid cursor"),
    };
    let limit = query.first.unwrap_or(10).clamp(1, 1000);
    match users::list(&app.reader, after, limit, query.admin, query.status.as_deref()).await {
        Ok((count, users)) => {
            let data: Vec<Value> = users.iter().map(resource).collect();
            let itself = format!("/api/admin/v1/users?page[first]={limit}");
            Json(json!({ "meta": { "count": count }, "data": data, "links": { "self": itself } })).into_response()
        }
        Err(error) => internal(&error),
    }
}

async fn one(State(app): State<App>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    if let Err(refusal) = authorize(&app, &headers).await {
        return refusal;
    }
    let Ok(id) = from_ulid(&id) else {
        return failure(StatusCode::BAD_REQUEST, "Invalid ULID");
    };
    answer(users::get(&app.reader, id).await)
}

async fn by_name(State(app): State<App>, headers: HeaderMap, Path(username): Path<String>) -> Response {
    if let Err(refusal) = authorize(&app, &headers).await {
        return refusal;
    }
    answer(users::find(&app.reader, &username).await)
}

fn answer(found: anyhow::Result<Option<User>>) -> Response {
    match found {
        Ok(Some(user)) => Json(json!({ "data": resource(&user) })).into_response(),
        Ok(None) => failure(StatusCode::NOT_FOUND, "User not found"),
        Err(error) => internal(&error),
    }
}
