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
use crate::cli::{Exit, prompt};
use crate::daemon::allowed;
use crate::diagnostic::{Error, Kind, Result};
use crate::report::Terminal;

/// Options that say how to ask; all others say how to run, and the daemon has its own.
const OURS: [&str; 6] = ["daemon", "limit", "json", "verbose", "no_color", "yes"];
/// So often a stream that broke is taken up again, a second apart: a daemon that is restarted is back by then.
const TRIES: u32 = 60;

/// What a command line asks of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The command's words.
    pub words: Vec<String>,
    /// The hosts by name, separated by commas; nothing for all.
    pub limit: Option<String>,
    /// Whether nothing is to be asked here.
    pub yes: bool,
}

/// What the command line asks of a daemon.
///
/// # Errors
/// An option that the daemon does not take; a command that it does not run.
pub fn wanted(definition: &Command, matches: &ArgMatches, limit: Option<&str>) -> Result<Wanted> {
    let refused = |option: &str| {
        Error::new(Kind::Usage, format!("`--{option}` is not passed on to a daemon"))
            .hint("the daemon runs commands with its own inventory and options; run it here without `--daemon`")
    };
    let given = |matches: &ArgMatches, name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
    let mut wanted = Wanted { words: Vec::new(), limit: limit.map(str::to_owned), yes: false };
    let Some((command, inner)) = matches.subcommand() else { return Ok(wanted) };
    for argument in definition.get_arguments() {
        let name = argument.get_id().as_str();
        if !OURS.contains(&name) && (given(matches, name) || given(inner, name)) {
            return Err(refused(argument.get_long().unwrap_or(name)));
        }
    }
    wanted.words.push(command.to_owned());
    for argument in definition.find_subcommand(command).into_iter().flat_map(Command::get_arguments) {
        let name = argument.get_id().as_str();
        if argument.is_global_set() || inner.try_contains_id(name).is_err() || !given(inner, name) {
            continue;
        }
        if argument.is_positional() {
            wanted.words.extend(inner.get_raw(name).into_iter().flatten().map(|word| word.to_string_lossy().into_owned()));
        } else if name == "yes" {
            wanted.yes = true;
        } else {
            return Err(refused(argument.get_long().unwrap_or(name)));
        }
    }
    allowed::check(&wanted.words).map_err(|problem| Error::new(Kind::Usage, problem))?;
    Ok(wanted)
}

/// Has a daemon run a command on each of its hosts, or on some, and shows what happens.
///
/// # Errors
/// No daemon listens; it has no such host; what has to be confirmed is not. That a run fails is an exit code.
pub async fn run(socket: &Utf8Path, wanted: &Wanted, started: Instant, terminal: &Terminal) -> Result<Exit> {
    let client = Client::new(socket.to_owned());
    let known = client.ask(Method::GET, "/api/v1/hosts", None).await?;
    let known: Vec<&str> =
        known.get("hosts").and_then(Value::as_array).into_iter().flatten().filter_map(|host| host.get("name")?.as_str()).collect();
    let hosts = hosts(&known, wanted.limit.as_deref())?;
    confirm(wanted, &hosts)?;
    let runs = hosts.into_iter().map(|host| one(&client, host, &wanted.words, started, terminal));
    let mut codes = Vec::new();
    for code in join_all(runs).await {
        codes.push(code?);
    }
    Ok(together(&codes))
}

/// Asks before what cannot be taken back by the next run: the daemon has nobody to ask.
fn confirm(wanted: &Wanted, hosts: &[&str]) -> Result<()> {
    let Some(("rollback", generation)) = wanted.words.split_first().map(|(name, rest)| (name.as_str(), rest.first())) else {
        return Ok(());
    };
    if generation.is_some() && hosts.len() > 1 {
        return Err(Error::new(Kind::Usage, "generations are numbered for each host by itself; nothing was touched")
            .hint("name one host with `--limit`"));
    }
    let target = generation.map_or_else(|| "the last good state".to_owned(), |number| format!("generation {number}"));
    let question = format!("{}: go back to {target}? Databases stay as they are.", hosts.join(", "));
    if wanted.yes || prompt::confirm(&question)? {
        return Ok(());
    }
    Err(Error::new(Kind::Interrupted, "not confirmed; nothing was touched"))
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

    fn asks(line: &str) -> Result<Wanted> {
        let matches = definition().try_get_matches_from(line.split(' ')).unwrap();
        wanted(&definition(), &matches, None)
    }

    #[test]
    fn commands_are_sent_as_they_are_typed() {
        let sent = |line: &str| asks(line).unwrap().words.join(" ");
        assert_eq!(sent("homestead --daemon install-all"), "install-all");
        assert_eq!(sent("homestead stop-group synapse --daemon=/x --json --limit a"), "stop-group synapse");
        assert_eq!(sent("homestead --daemon run-tags install-synapse,start"), "run-tags install-synapse start");
        assert_eq!(sent("homestead --daemon status --limit a"), "status");
    }

    #[test]
    fn going_back_is_confirmed_here() {
        let to_three = asks("homestead --daemon rollback 3 --yes").unwrap();
        assert_eq!((to_three.words.join(" ").as_str(), to_three.yes), ("rollback 3", true));
        confirm(&to_three, &["a"]).unwrap();
        assert!(confirm(&to_three, &["a", "b"]).unwrap_err().message.starts_with("generations are numbered for each host"));
        confirm(&asks("homestead --daemon rollback --yes").unwrap(), &["a", "b"]).unwrap();
        confirm(&asks("homestead --daemon install-all").unwrap(), &["a"]).unwrap();
    }

    #[test]
    fn what_the_daemon_has_itself_is_refused() {
        let refused = |line: &str| asks(line).unwrap_err().message;
        assert_eq!(refused("homestead --daemon install-all --inventory x"), "`--inventory` is not passed on to a daemon");
        assert_eq!(refused("homestead --daemon install-all --check"), "`--check` is not passed on to a daemon");
        assert_eq!(refused("homestead --daemon plan --out x"), "`--out` is not passed on to a daemon");
        assert_eq!(refused("homestead --daemon run-tags syn2mas"), "`syn2mas` needs somebody at a terminal: run it there");
        assert!(refused("homestead --daemon vars").starts_with("`vars` is none of the commands that the daemon runs: `install-all`, "));
    }

    #[test]
    fn what_the_daemon_runs_are_commands() {
        let definition = definition();
        for command in allowed::COMMANDS {
            assert!(definition.find_subcommand(command.name).is_some(), "{}", command.name);
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
