//! Starting a command for a host: what it does is shown first, and confirmed.

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Pages;
use super::access::Session;
use super::error::PageError;
use super::render::percent_encoded;
use crate::daemon::allowed::{self, Words};
use crate::daemon::api::Start;

/// The commands that the daemon runs, with what they do; `words` says whether something follows: `None`, `MayFollow`, `Needed`.
pub fn commands() -> Vec<Value> {
    let shown = |command: &allowed::Command| json!({"name": command.name, "does": what_for(command.name), "words": format!("{:?}", command.words), "looks": command.looks});
    allowed::COMMANDS.iter().map(shown).collect()
}

/// What a command does, for somebody who is about to start it.
fn what_for(command: &str) -> &'static str {
    match command {
        "install-all" => "Brings everything to its declared state. Only services that read something that changed restart.",
        "setup-all" => "Brings everything to its declared state, and removes what nothing wants any more.",
        "install-service" => "Brings the named roles to their declared state.",
        "setup-service" => "Brings the named roles to their declared state, and removes what of them nothing wants any more.",
        "run-tags" => "Does what the named tags say.",
        "start-all" => "Starts every service that does not run.",
        "stop-all" => "Stops every service. Nobody can use the server until they are started again.",
        "restart-all" => "Stops and starts every service. Everybody is disconnected for a moment.",
        "restart" => "Stops and starts the named services.",
        "start-group" => "Starts the services of the named group.",
        "stop-group" => "Stops the services of the named group, until they are started again.",
        "rollback" => {
            "Brings files, units and images back as they were at an earlier generation: at the named one, or at the last good one. \
             Databases stay as they are."
        }
        "plan" => "Shows what `install-all` would change, with its differences, and touches nothing.",
        "status" => "Compares the host with the inventory and with the last run, and touches nothing.",
        "generations" => "Lists the states that `rollback` can bring back, and touches nothing.",
        _ => "",
    }
}

/// A command as a form sends it.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    command: String,
    #[serde(default)]
    words: String,
    /// Makes a form that is sent twice start one run.
    #[serde(default)]
    key: String,
}

impl Wanted {
    /// The command's words; those of a command that takes none are left out.
    fn line(&self) -> Result<Vec<String>, PageError> {
        let mut line = vec![self.command.clone()];
        if allowed::command(&line).is_some_and(|command| command.words != Words::None) {
            line.extend(self.words.split_whitespace().map(str::to_owned));
        }
        allowed::check(&line).map_err(|text| PageError::new(StatusCode::BAD_REQUEST, format!("Nothing was started: {text}.")))?;
        Ok(line)
    }
}

/// Shows what would be started.
pub async fn confirm(
    State(pages): State<Arc<Pages>>,
    Extension(session): Extension<Session>,
    Path(host): Path<String>,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let values = async {
        let Query(wanted) = query?;
        let (row, now, line) = (pages.service.known(&host).await?, pages.time(), wanted.line()?);
        let about = pages.about(&row, &pages.current_runs().await?, &now);
        let key = uuid::Uuid::new_v4().to_string();
        Ok::<_, PageError>(json!({
            "title": format!("Start {} on {host}?", line.join(" ")), "section": "hosts", "host": about, "line": line.join(" "),
            "command": wanted.command, "words": line.get(1..).unwrap_or_default().join(" "), "does": what_for(&wanted.command), "key": key,
        }))
    };
    match values.await {
        Ok(values) => pages.look.page("start.html", Some(&session), values),
        Err(error) => pages.look.error(&error, Some(&session)),
    }
}

/// Starts it, and leads to the run.
pub async fn begin(
    State(pages): State<Arc<Pages>>,
    Extension(session): Extension<Session>,
    Path(host): Path<String>,
    form: Result<Form<Wanted>, FormRejection>,
) -> Response {
    let run = async {
        let Form(wanted) = form?;
        let key = (!wanted.key.is_empty()).then(|| wanted.key.chars().take(64).collect());
        let start = Start { host, command: wanted.line()?, cause: "dashboard", key };
        Ok::<_, PageError>(pages.service.start(&session.name, start).await?)
    };
    match run.await {
        Ok(run) => Redirect::to(&format!("/runs/{}", percent_encoded(&run))).into_response(),
        Err(error) => pages.look.error(&error, Some(&session)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_says_what_it_does() {
        for command in allowed::COMMANDS {
            assert_ne!(what_for(command.name), "", "{}", command.name);
        }
    }

    #[test]
    fn words_follow_where_they_make_sense() {
        let line = |command: &str, words: &str| {
            Wanted { command: command.into(), words: words.into(), key: String::new() }
                .line()
                .map(|line| line.join(" "))
                .map_err(|e| e.text)
        };
        assert_eq!(line("install-all", "left over"), Ok("install-all".into()));
        assert_eq!(line("restart", " synapse  mas "), Ok("restart synapse mas".into()));
        assert_eq!((line("rollback", ""), line("rollback", " 3")), (Ok("rollback".into()), Ok("rollback 3".into())));
        assert_eq!(line("restart", ""), Err("Nothing was started: `restart` needs a name: of roles, services, a group, or tags.".into()));
        assert!(line("vault", "view").unwrap_err().contains("none of the commands"));
        assert!(line("run-tags", "-i /etc/passwd").unwrap_err().contains("no plain name"));
    }
}
