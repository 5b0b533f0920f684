//! `--daemon`: an ordinary command, run by a daemon.

use std::time::{Duration, Instant};

use camino::Utf8Path;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::lines::{self, Stream};
use crate::cli::Exit;
use crate::daemon::allowed;
use crate::diagnostic::{Error, Kind, Result};
use crate::report::Terminal;

/// Options that say how to ask; all others say how to run, and the daemon has its own.
const OURS: [&str; 5] = ["daemon", "limit", "json", "verbose", "no_color"];
/// So often a stream that broke is taken up again, a second apart: a daemon that is restarted is back by then.
const TRIES: u32 = 60;

/// The command line's words for a daemon.
///
/// # Errors
/// An option that the daemon does not take; a command that it does not run.
pub fn words(definition: &Command, matches: &ArgMatches) -> Result<Vec<String>> {
    let refused = |option: &str| {
        Error::new(Kind::Usage, format!("`--{option}` is not passed on to a daemon"))
            .hint("the daemon runs commands with its own inventory and options; run it here without `--daemon`")
    };
    let given = |matches: &ArgMatches, name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
    let Some((command, inner)) = matches.subcommand() else { return Ok(Vec::new()) };
    for argument in definition.get_arguments() {
        let name = argument.get_id().as_str();
        if !OURS.contains(&name) && (given(matches, name) || given(inner, name)) {
            return Err(refused(argument.get_long().unwrap_or(name)));
        }
    }
    let mut words = vec![command.to_owned()];
    for argument in definition.find_subcommand(command).into_iter().flat_map(Command::get_arguments) {
        let name = argument.get_id().as_str();
        if argument.is_global_set() || inner.try_contains_id(name).is_err() || !given(inner, name) {
            continue;
        }
        if !argument.is_positional() {
            return Err(refused(argument.get_long().unwrap_or(name)));
        }
        words.extend(inner.get_raw(name).into_iter().flatten().map(|word| word.to_string_lossy().into_owned()));
    }
    allowed::check(&words).map_err(|problem| Error::new(Kind::Usage, problem))?;
    Ok(words)
}

/// Has a daemon run a command on each of its hosts, or those of `limit`, and shows what happens.
///
/// # Errors
/// No daemon listens; it has no such host. That a run fails is an exit code.
pub async fn run(socket: &Utf8Path, words: &[String], limit: Option<&str>, started: Instant, terminal: &Terminal) -> Result<Exit> {
    let client = Client::new(socket.to_owned());
    let known = client.ask(Method::GET, "/api/v1/hosts", None).await?;
    let known: Vec<&str> =
        known.get("hosts").and_then(Value::as_array).into_iter().flatten().filter_map(|host| host.get("name")?.as_str()).collect();
    let runs = hosts(&known, limit)?.into_iter().map(|host| one(&client, host, words, started, terminal));
    let mut codes = Vec::new();
    for code in join_all(runs).await {
        codes.push(code?);
    }
    Ok(together(&codes))
}

/// The code of those that failed, if it is the same for all of them, else 2.
fn together(codes: &[Exit]) -> Exit {
    let mut failed: Vec<Exit> = codes.iter().copied().filter(|code| *code != 0).collect();
    failed.dedup();
    match failed.as_slice() {
        [] => 0,
        [code] => *code,
        _ => Kind::HostFailed.exit_code(),
    }
}

fn hosts<'a>(known: &[&'a str], limit: Option<&str>) -> Result<Vec<&'a str>> {
    if known.is_empty() {
        return Err(
            Error::new(Kind::Invalid, "the daemon knows no host yet").hint("`homestead daemon status` says whether its inventory is wrong")
        );
    }
    let Some(limit) = limit else { return Ok(known.to_vec()) };
    let find = |name: &str| {
        known.iter().copied().find(|host| *host == name).ok_or_else(|| {
            Error::new(Kind::Usage, format!("the daemon knows no host `{name}`"))
                .hint(format!("with `--daemon`, `--limit` takes names of hosts, separated by commas: {}", known.join(", ")))
        })
    };
    limit.split(',').map(|name| find(name.trim())).collect()
}

async fn one(client: &Client, host: &str, words: &[String], started: Instant, terminal: &Terminal) -> Result<Exit> {
    let answer = client.ask(Method::POST, &format!("/api/v1/hosts/{host}/runs"), Some(&json!({"command": words}))).await?;
    let run = answer.get("run").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (mut seen, mut tries, mut told) = (0, 0, false);
    loop {
        if let Ok(mut events) = client.listen(&format!("/api/v1/runs/{run}/events"), seen).await {
            while let Some(event) = events.next().await {
                if event.name == "end" {
                    break;
                }
                tries = 0;
                seen = event.id.unwrap_or(seen);
                let Ok(body) = serde_json::from_str::<Value>(&event.data) else { continue };
                told |= body.get("event").and_then(Value::as_str) == Some("failed");
                show(host, &body, started, terminal);
            }
        }
        match client.ask(Method::GET, &format!("/api/v1/runs/{run}"), None).await {
            Ok(row) => {
                if let Some(code) = ended(&row["run"], told, terminal) {
                    return Ok(code);
                }
            }
            Err(error) if tries >= TRIES => {
                return Err(error.hint(format!("the run is `{run}`; the host's journal tells how it ends: `homestead status`")));
            }
            Err(_) => {}
        }
        tries += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn show(host: &str, body: &Value, started: Instant, terminal: &Terminal) {
    if terminal.json() {
        terminal.out(&format!("{body}\n"));
        return;
    }
    match lines::text(host, body, started.elapsed().as_secs_f64()) {
        Some((Stream::Out, text)) => terminal.out(&text),
        Some((Stream::Err, text)) => terminal.err(&text),
        None => {}
    }
}

/// The exit code of a run that is over; says why where the run itself has not. Nothing while it goes on.
fn ended(run: &Value, told: bool, terminal: &Terminal) -> Option<Exit> {
    let state = run.get("state").and_then(Value::as_str).unwrap_or_default();
    let usual = match state {
        "waiting" | "running" => return None,
        "done" => return Some(0),
        "rolled-back" => Kind::RolledBack.exit_code(),
        "interrupted" => Kind::Interrupted.exit_code(),
        _ => Kind::HostFailed.exit_code(),
    };
    let code = run.get("exit_code").and_then(Value::as_u64).and_then(|code| Exit::try_from(code).ok()).unwrap_or(usual);
    if !told {
        let message = run.get("message").and_then(Value::as_str).unwrap_or(state);
        if terminal.json() {
            let line = json!({"version": 1, "event": "failed", "message": message, "exit_code": code, "hints": [], "diagnostics": []});
            terminal.out(&format!("{line}\n"));
        } else {
            terminal.err(&format!("error: {message}\n"));
        }
    }
    Some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::definition;

    fn words_of(line: &str) -> Result<Vec<String>> {
        let matches = definition().try_get_matches_from(line.split(' ')).unwrap();
        words(&definition(), &matches)
    }

    #[test]
    fn commands_are_sent_as_they_are_typed() {
        let sent = |line: &str| words_of(line).unwrap().join(" ");
        assert_eq!(sent("homestead --daemon install-all"), "install-all");
        assert_eq!(sent("homestead stop-group synapse --daemon=/x --json --limit a"), "stop-group synapse");
        assert_eq!(sent("homestead --daemon run-tags install-synapse,start"), "run-tags install-synapse start");
    }

    #[test]
    fn what_the_daemon_has_itself_is_refused() {
        let refused = |line: &str| words_of(line).unwrap_err().message;
        assert_eq!(refused("homestead --daemon install-all --inventory x"), "`--inventory` is not passed on to a daemon");
        assert_eq!(refused("homestead --daemon install-all --check"), "`--check` is not passed on to a daemon");
        assert_eq!(refused("homestead --daemon run-tags syn2mas"), "`syn2mas` needs somebody at a terminal: run it there");
        assert!(refused("homestead --daemon vars").starts_with("`vars` is none of the commands that the daemon runs: `install-all`, "));
    }

    #[test]
    fn what_the_daemon_runs_are_commands() {
        let definition = definition();
        for (name, _) in allowed::COMMANDS {
            assert!(definition.find_subcommand(name).is_some(), "{name}");
        }
    }

    #[test]
    fn hosts_are_named_exactly() {
        assert_eq!(hosts(&["a", "b"], None).unwrap(), ["a", "b"]);
        assert_eq!(hosts(&["a", "b"], Some("b")).unwrap(), ["b"]);
        assert_eq!(hosts(&["a", "b"], Some("c*")).unwrap_err().message, "the daemon knows no host `c*`");
        assert!(hosts(&[], None).is_err());
    }

    #[test]
    fn the_codes_of_several_hosts_are_one() {
        assert_eq!([together(&[0, 0]), together(&[0, 20, 20]), together(&[20, 4])], [0, 20, 2]);
    }
}
