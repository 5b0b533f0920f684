//! Hosts: what is known, a look now, a pause.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{Caller, Problem, Service};
use crate::daemon::engine::Request;
use crate::daemon::store::{AuditEntry, HostRow, Pause};

/// All hosts, without their status.
pub async fn list(State(service): State<Arc<Service>>) -> Result<Json<Value>, Problem> {
    let hosts = service.store.hosts().await?;
    let hosts: Vec<Value> = hosts.into_iter().map(|host| described(&service, HostRow { status: None, ..host })).collect();
    Ok(Json(json!({"version": 1, "hosts": hosts})))
}

/// One host, with its status.
pub async fn one(State(service): State<Arc<Service>>, Path(host): Path<String>) -> Result<Json<Value>, Problem> {
    let row = service.store.host(host.clone()).await?.ok_or_else(|| Problem::missing("host", &host))?;
    let mut answer = described(&service, row);
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
    let (answer, answered) = oneshot::channel();
    service.engine.ask(Request::Look { host: host.clone(), answer }).await;
    if !answered.await.unwrap_or(false) {
        return Err(Problem::missing("host", &host));
    }
    audit(&service, who, "host.look", host, json!({})).await?;
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
    known(&service, &host).await?;
    let pause = match request.until {
        None => Pause::Indefinitely,
        Some(until) if until <= service.now() => return Err(Problem::malformed(format!("`until` is in the past: {until}"))),
        Some(until) => Pause::Until(until),
    };
    service.store.pause(host.clone(), who.clone(), pause).await?;
    audit(&service, who, "host.pause", host, json!({"until": request.until})).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a pause.
pub async fn resume(
    State(service): State<Arc<Service>>,
    Extension(Caller(who)): Extension<Caller>,
    Path(host): Path<String>,
) -> Result<StatusCode, Problem> {
    known(&service, &host).await?;
    service.store.resume(host.clone()).await?;
    audit(&service, who, "host.resume", host, json!({})).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// When the inventory was read last, and what is wrong with it.
pub async fn inventory(State(service): State<Arc<Service>>) -> Result<Json<Value>, Problem> {
    let inventory = service.store.inventory().await?;
    Ok(Json(json!({"version": 1, "inventory": inventory})))
}

async fn known(service: &Service, host: &str) -> Result<(), Problem> {
    let found = service.store.host(host.to_owned()).await?;
    found.map(drop).ok_or_else(|| Problem::missing("host", host))
}

pub(super) async fn audit(service: &Service, who: String, what: &str, host: String, details: Value) -> Result<(), Problem> {
    let entry = AuditEntry { at: service.now(), who, what: what.to_owned(), host: Some(host), details };
    Ok(service.store.audit(entry).await?)
}
