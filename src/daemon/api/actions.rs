//! What can be done about hosts, for programs and for pages alike. Each of it lands in the audit.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use super::{Problem, Service};
use crate::daemon::allowed;
use crate::daemon::engine::Request;
use crate::daemon::settings::Policy;
use crate::daemon::store::{AuditEntry, HostRow, Pause};

/// A command to start for a host.
pub struct Start {
    /// The host's inventory name.
    pub host: String,
    /// The command's words.
    pub command: Vec<String>,
    /// Where it comes from: `api`, `dashboard`.
    pub cause: &'static str,
    /// The same key again starts nothing anew.
    pub key: Option<String>,
}

impl Service {
    /// One host.
    ///
    /// # Errors
    /// There is none; the database fails.
    pub async fn known(&self, host: &str) -> Result<HostRow, Problem> {
        self.store.host(host.to_owned()).await?.ok_or_else(|| Problem::missing("host", host))
    }

    /// Has a host looked at as soon as nothing else goes on there.
    ///
    /// # Errors
    /// There is no such host; the database fails.
    pub async fn look(&self, who: &str, host: &str) -> Result<(), Problem> {
        let (answer, answered) = oneshot::channel();
        self.engine.ask(Request::Look { host: host.to_owned(), answer }).await;
        if !answered.await.unwrap_or(false) {
            return Err(Problem::missing("host", host));
        }
        self.audit(who, "host.look", Some(host), json!({})).await
    }

    /// Leaves a host alone until a time, or until somebody says otherwise.
    ///
    /// # Errors
    /// There is no such host; the time is over; the database fails.
    pub async fn pause(&self, who: &str, host: &str, until: Option<Timestamp>) -> Result<(), Problem> {
        self.known(host).await?;
        let pause = match until {
            None => Pause::Indefinitely,
            Some(until) if until <= self.now() => return Err(Problem::malformed(format!("`until` is in the past: {until}"))),
            Some(until) => Pause::Until(until),
        };
        self.store.pause(host.to_owned(), who.to_owned(), pause).await?;
        self.audit(who, "host.pause", Some(host), json!({"until": until})).await
    }

    /// Ends a pause.
    ///
    /// # Errors
    /// There is no such host; the database fails.
    pub async fn resume(&self, who: &str, host: &str) -> Result<(), Problem> {
        self.known(host).await?;
        self.store.resume(host.to_owned()).await?;
        self.audit(who, "host.resume", Some(host), json!({})).await
    }

    /// Starts a command when what goes on at its host is over; gives the run's id.
    ///
    /// # Errors
    /// The daemon does not run this command; there is no such host; the key was used for something else; the database
    /// fails.
    pub async fn start(&self, who: &str, start: Start) -> Result<String, Problem> {
        let Start { host, command, cause, key } = start;
        allowed::check(&command).map_err(Problem::malformed)?;
        let digest = hex::encode(Sha256::digest(format!("{host}\n{}", command.join("\n"))));
        let key = key.map(|key| format!("{who} {key}"));
        // One after the other: two requests with the same key must not both find nothing.
        let _turn = self.starting.lock().await;
        if let Some(key) = &key
            && let Some(answer) = self.store.answer(key.clone()).await?
        {
            if answer.request != digest {
                let detail = "the key was used for another request; take a new one";
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the key was used", detail));
            }
            return Ok(run_of(&answer.body));
        }
        self.would_stay(&host, &command).await?;
        let (answer, answered) = oneshot::channel();
        let key = key.map(|key| (key, digest));
        let request = Request::Run { host: host.clone(), words: command, cause: cause.to_owned(), who: who.to_owned(), key, answer };
        self.engine.ask(request).await;
        let unwritten = || {
            let detail = "nothing was started; look at the daemon's log";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the daemon's database fails", detail)
        };
        answered.await.map_err(|_| unwritten())?.ok_or_else(|| Problem::missing("host", &host))
    }

    /// Refuses what the daemon itself would undo a moment later.
    async fn would_stay(&self, host: &str, command: &[String]) -> Result<(), Problem> {
        let stops = command.first().is_some_and(|name| matches!(name.as_str(), "stop-all" | "stop-group"));
        if !stops || (self.settings)().policy(host) == Policy::Report {
            return Ok(());
        }
        if self.known(host).await?.is_paused(self.now()) {
            return Ok(());
        }
        let detail = format!("the daemon would start again what stands still on `{host}`: its policy heals; pause the host first");
        Err(Problem::new(StatusCode::CONFLICT, "it would not stay so", detail))
    }

    /// Writes down who did what.
    ///
    /// # Errors
    /// The database fails.
    pub async fn audit(&self, who: &str, what: &str, host: Option<&str>, details: Value) -> Result<(), Problem> {
        let entry = AuditEntry { at: self.now(), who: who.to_owned(), what: what.to_owned(), host: host.map(str::to_owned), details };
        Ok(self.store.audit(entry).await?)
    }
}

fn run_of(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    body.get("run").and_then(Value::as_str).unwrap_or_default().to_owned()
}
