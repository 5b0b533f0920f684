//! What is worth telling about a host.

use std::collections::BTreeMap;

use super::commands::{LookFailed, Seen};
use super::engine::Shared;
use super::notify::Notice;
use super::store::{RunState, StoreError};

/// How long before the end of a certificate it is told, where the settings do not say it.
const CERTIFICATE_BEFORE: std::time::Duration = std::time::Duration::from_hours(14 * 24);

/// The host answered: what is not as declared, and that it answers again.
///
/// # Errors
/// The store fails.
pub async fn answered(shared: &Shared, host: &str, seen: &Seen) -> Result<(), StoreError> {
    let notice = |kind: &'static str, text: String, over| Notice { kind: kind.into(), host: Some(host.to_owned()), text, over };
    shared.notify(&format!("unreachable {host}"), notice("unreachable", "it answers again".to_owned(), true)).await?;
    let (text, over) = match (seen.moved.host, seen.moved.inventory) {
        (false, false) => ("it is as declared again", true),
        (true, false) => ("the host is not as the last run left it", false),
        (false, true) => ("the inventory wants something else than what is there", false),
        (true, true) => ("the host is not as the last run left it, and the inventory wants something else", false),
    };
    shared.notify(&format!("drift {host}"), notice("drift", text.to_owned(), over)).await?;
    Ok(())
}

/// A host's certificates: those that end soon, and those that were renewed.
///
/// # Errors
/// The store fails.
pub async fn certificates(shared: &Shared, host: &str, ends: &BTreeMap<String, i64>) -> Result<(), StoreError> {
    let before = shared.settings().notify.certificate_before.unwrap_or(CERTIFICATE_BEFORE);
    let now = shared.clock.now().as_second();
    for (name, end) in ends {
        let days = (end - now).div_euclid(86_400);
        let near = end - now < i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
        let text = match (near, days < 0) {
            (false, _) => format!("the certificate of {name} was renewed"),
            (true, true) => format!("the certificate of {name} has ended"),
            (true, false) => format!("the certificate of {name} ends in {days} days"),
        };
        let notice = Notice { kind: "certificate".into(), host: Some(host.to_owned()), text, over: !near };
        shared.notify(&format!("certificate {host} {name}"), notice).await?;
    }
    Ok(())
}

/// The host did not answer, or something there is wrong.
///
/// # Errors
/// The store fails.
pub async fn failed(shared: &Shared, host: &str, failed: &LookFailed) -> Result<(), StoreError> {
    if failed.inventory {
        return Ok(());
    }
    let notice = Notice { kind: "unreachable".into(), host: Some(host.to_owned()), text: failed.problem.clone(), over: false };
    shared.notify(&format!("unreachable {host}"), notice).await
}

/// A run ended.
///
/// # Errors
/// The store fails.
pub async fn ended(
    shared: &Shared,
    run: &str,
    host: &str,
    words: &[String],
    state: RunState,
    message: Option<&str>,
) -> Result<(), StoreError> {
    let how = match state {
        RunState::Failed => "failed",
        RunState::RolledBack => "failed, and everything was put back",
        RunState::Interrupted | RunState::Lost => "was interrupted",
        RunState::Done | RunState::Waiting | RunState::Running => return Ok(()),
    };
    let why = message.and_then(|message| message.lines().next()).map_or_else(String::new, |line| format!(": {line}"));
    let text = format!("`{}` {how}{why}", words.join(" "));
    shared.notify(&format!("run {run}"), Notice { kind: "run".into(), host: Some(host.to_owned()), text, over: false }).await
}
