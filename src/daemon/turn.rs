//! One host's turn: look, decide, act, look again.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::commands::{Job, LookFailed, Seen};
use super::decision::{Circumstances, Decision, Reason, decide};
use super::engine::{News, Shared};
use super::notices;
use super::schedule::Outcome;
use super::settings::Settings;
use super::sight::{self, Fate};
use super::store::{Look, NewRun, RunEnd, RunKind, RunState, StoreError};
use super::window::Window;

/// Exit codes that say nothing about what was tried: an inventory that was wrong at that moment, no connection, somebody else's
/// lock, a stop.
const FOR_NOW: [i32; 4] = [3, 4, 21, 130];
/// What somebody asked for waits for another run on its host so long: one that somebody typed, or one that an earlier daemon was
/// driving when it was killed.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often a host's certificates are looked at.
const CERTIFICATES_EVERY: Duration = Duration::from_hours(6);

/// Looks at a host, and does about it what its policy says.
///
/// # Errors
/// The store fails.
pub async fn take(shared: &Shared, host: &str) -> Result<Outcome, StoreError> {
    let (decision, seen) = match look(shared, host).await? {
        Ok((_, seen)) if seen.locked => return Ok(Outcome::Busy),
        Ok(found) => found,
        Err(failed) if failed.reachable || failed.inventory => return Ok(Outcome::Answered),
        Err(_) => return Ok(Outcome::Unreachable),
    };
    let kind = match decision {
        Decision::Report { because: Reason::OutsideWindow } => {
            certificates(shared, host).await?;
            return Ok(opening(shared, host).map_or(Outcome::Answered, Outcome::Until));
        }
        Decision::Nothing | Decision::Report { .. } => {
            certificates(shared, host).await?;
            return Ok(Outcome::Answered);
        }
        // Who stops the daemon wants nothing new to begin.
        _ if shared.stop.soft.is_cancelled() => return Ok(Outcome::Answered),
        Decision::Heal => RunKind::Heal,
        Decision::Apply => RunKind::Apply,
    };
    let run = NewRun {
        id: shared.run_id(),
        host: host.to_owned(),
        kind,
        command: vec!["install-all".to_owned()],
        cause: if seen.moved.host { "drift" } else { "inventory" }.to_owned(),
        who: "daemon".to_owned(),
        started: shared.clock.now(),
    };
    let end = act(shared, run).await?;
    if shared.stop.soft.is_cancelled() {
        return Ok(Outcome::Answered);
    }
    // What it looks like now; what is left is dealt with at the next turn.
    let after = look(shared, host).await?;
    let for_now = end.exit_code.is_none_or(|code| FOR_NOW.contains(&code));
    if !for_now {
        // A run that succeeds and leaves everything as it was need not be done again either.
        let left = after.as_ref().is_ok_and(|(_, after)| after.fingerprint == seen.fingerprint);
        shared.store.attempted(host.to_owned(), seen.fingerprint, left || end.exit_code != Some(0)).await?;
    }
    Ok(if after.is_err_and(|failed| !failed.reachable && !failed.inventory) { Outcome::Unreachable } else { Outcome::Answered })
}

/// When the host's next maintenance window opens.
fn opening(shared: &Shared, host: &str) -> Option<Timestamp> {
    let settings = shared.settings();
    Window::next_opening(&settings.windows(host), shared.clock.now(), &zone(&settings))
}

/// The zone of the windows' clocks; it was checked when the settings were read.
fn zone(settings: &Settings) -> TimeZone {
    settings.zone().unwrap_or(TimeZone::UTC)
}

/// Looks at a host, decides, and writes both down.
async fn look(shared: &Shared, host: &str) -> Result<Result<(Decision, Seen), LookFailed>, StoreError> {
    let seen = shared.commands.look(host).await;
    let now = shared.clock.now();
    let result = match seen {
        Ok(seen) => {
            settle(shared, host, &seen).await?;
            let decision = judge(shared, host, &seen).await?;
            let look = Look::Answered {
                status: seen.status.clone(),
                moved: serde_json::to_value(seen.moved)?,
                // Half of a run's work is no drift.
                drift: (!seen.locked).then_some(seen.moved.host || seen.moved.inventory),
                decision: serde_json::to_value(decision)?,
            };
            shared.store.looked(host.to_owned(), now, look).await?;
            if !seen.locked {
                notices::answered(shared, host, &seen).await?;
            }
            Ok((decision, seen))
        }
        Err(failed) => {
            let look = Look::Failed { reachable: (!failed.inventory).then_some(failed.reachable), problem: failed.problem.clone() };
            shared.store.looked(host.to_owned(), now, look).await?;
            notices::failed(shared, host, &failed).await?;
            Err(failed)
        }
    };
    shared.tell(News::Host { host: host.to_owned() });
    Ok(result)
}

/// What an earlier daemon was driving on the host, and nobody has heard the end of: the host knows.
async fn settle(shared: &Shared, host: &str, seen: &Seen) -> Result<(), StoreError> {
    for run in shared.store.running_on(host.to_owned()).await? {
        let Fate::Over(state, message) = sight::fate(&seen.status, &run.id) else { continue };
        if run.kind != RunKind::Look {
            notices::ended(shared, &run.id, host, &run.command, state, Some(&message)).await?;
        }
        let end = RunEnd { state, exit_code: None, message: Some(message), ended: shared.clock.now() };
        shared.store.end_run(run.id.clone(), end).await?;
        shared.tell(News::Ended { run: run.id, host: host.to_owned() });
    }
    Ok(())
}

/// Looks at the host's certificates, if that is due. What was known stays where they cannot be seen.
async fn certificates(shared: &Shared, host: &str) -> Result<(), StoreError> {
    let now = shared.clock.now();
    let known = shared.store.host(host.to_owned()).await?.and_then(|row| row.certificates_looked);
    if known.is_some_and(|at| now < at + CERTIFICATES_EVERY) {
        return Ok(());
    }
    let ends = match shared.commands.certificates(host).await {
        Ok(ends) => Some(ends),
        Err(problem) => {
            tracing::warn!(host, problem, "certificates cannot be looked at");
            None
        }
    };
    shared.store.saw_certificates(host.to_owned(), now, ends.as_ref().map(|ends| json!(ends))).await?;
    notices::certificates(shared, host, &ends.unwrap_or_default()).await
}

async fn judge(shared: &Shared, host: &str, seen: &Seen) -> Result<Decision, StoreError> {
    let now = shared.clock.now();
    let settings = shared.settings();
    let row = shared.store.host(host.to_owned()).await?.unwrap_or_default();
    let windows = settings.windows(host);
    let zone = zone(&settings);
    let circumstances = Circumstances {
        paused: row.is_paused(now),
        locked: seen.locked,
        in_window: windows.is_empty() || windows.iter().any(|window: &Window| window.is_open(now, &zone)),
        failed_before: row.attempt_failed && row.attempted.as_deref() == Some(&seen.fingerprint),
        rolled_back: seen
            .rollback
            .is_some_and(|rollback| rollback.at >= shared.inventory_changed() && (seen.moved.inventory || !rollback.finished)),
    };
    Ok(decide(settings.policy(host), seen.moved, circumstances))
}

/// Runs a command for a host, and writes down what it says and how it ends.
///
/// # Errors
/// The store fails.
pub async fn act(shared: &Shared, run: NewRun) -> Result<RunEnd, StoreError> {
    let (id, host, words, kind) = (run.id.clone(), run.host.clone(), run.command.clone(), run.kind);
    shared.store.begin_run(run).await?;
    shared.tell(News::Began { run: id.clone(), host: host.clone() });
    let (lines, mut queue) = mpsc::unbounded_channel::<Value>();
    let mut line = move |value: Value| drop(lines.send(value));
    let keep = async {
        while let Some(body) = queue.recv().await {
            let seq = shared.store.add_event(id.clone(), shared.clock.now(), body.clone()).await?;
            shared.tell(News::Event { run: id.clone(), host: host.clone(), seq, body });
        }
        Ok::<_, StoreError>(())
    };
    let command = async {
        // The daemon's own runs do not queue behind what somebody does by hand: that may be the opposite.
        let patience = if matches!(kind, RunKind::Heal | RunKind::Apply) { Duration::ZERO } else { PATIENCE };
        let job = Job { host: &host, run: &id, words: &words, patience };
        let ended = shared.commands.run(job, &mut line, &shared.stop).await;
        drop(line);
        ended
    };
    let (ended, kept) = tokio::join!(command, keep);
    kept?;
    let state = match ended.exit_code {
        Some(0) => RunState::Done,
        Some(20) => RunState::RolledBack,
        Some(130) | None => RunState::Interrupted,
        Some(_) => RunState::Failed,
    };
    // Who only wanted to look sees that it failed.
    if kind != RunKind::Look {
        notices::ended(shared, &id, &host, &words, state, ended.message.as_deref()).await?;
    }
    let end = RunEnd { state, exit_code: ended.exit_code, message: ended.message, ended: shared.clock.now() };
    shared.store.end_run(id.clone(), end.clone()).await?;
    shared.tell(News::Ended { run: id, host });
    Ok(end)
}
