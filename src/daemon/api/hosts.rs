//! Hosts: what is known, a look now, a pause.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Caller, Problem, Service};
use crate::daemon::store::HostRow;

/// All hosts, without their status.
pub async fn list(State(service): State<Arc<Service>>) -> Result<Json<Value>, Problem> {
    let hosts = service.store.hosts().await?;
    let hosts: Vec<Value> = hosts.into_iter().map(|host| described(&service, HostRow { status: None, ..host })).collect();
    Ok(Json(json!({"version": 1, "hosts": hosts})))
}

/// One host, with its status.
pub async fn one(State(service): State<Arc<Service>>, Path(host): Path<String>) -> Result<Json<Value>, Problem> {
    let mut answer = described(&service, service.known(&host).await?);
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("version".into(), 1.into());
    }
    Ok(Json(answer))
}

/// A host with what the settings say about it.
fn described(service: &Service, host: HostRow) -> Value {
    let settings = (service.settings)();
    let (name, paused) = (host.name.clone(), host.is_paused(service.now()));
    let mut value = json!(host);
    if let Some(value) = value.as_object_mut() {
        value.insert("policy".into(), json!(settings.policy(&name)));
        value.insert("interval_seconds".into(), settings.interval(&name).as_secs().into());
        value.insert("windows".into(), json!(settings.windows(&name)));
        value.insert("paused".into(), paused.into());
        // What a failed attempt was about is the daemon's own business.
        value.remove("attempted");
    }
    value
}

/// Looks at a host as soon as nothing else goes on there.
pub async fn look(
    State(service): State<Arc<Service>>,
    Extension(Caller(who)): Extension<Caller>,
    Path(host): Path<String>,
) -> Result<StatusCode, Problem> {
    service.look(&who, &host).await?;
    Ok(StatusCode::ACCEPTED)
}

/// How long a host is left alone.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PauseRequest {
    /// RFC 3339; until it is resumed where absent.
    until: Option<Timestamp>,
}

/// Leaves a host alone: it is looked at, and not changed.
pub async fn pause(
    State(service): State<Arc<Service>>,
    Extension(Caller(who)): Extension<Caller>,
    Path(host): Path<String>,
    request: Result<Json<PauseRequest>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(request) = request?;
    service.pause(&who, &host, request.until).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a pause.
pub async fn resume(
    State(service): State<Arc<Service>>,
    Extension(Caller(who)): Extension<Caller>,
    Path(host): Path<String>,
) -> Result<StatusCode, Problem> {
    service.resume(&who, &host).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// When the inventory was read last, and what is wrong with it.
pub async fn inventory(State(service): State<Arc<Service>>) -> Result<Json<Value>, Problem> {
    let inventory = service.store.inventory().await?;
    Ok(Json(json!({"version": 1, "inventory": inventory})))
}
