//! How a host or a run is, in a word and a mark.

use serde::Serialize;
use serde_json::Value;

use super::render::Now;
use crate::daemon::store::{HostRow, RunState};

/// A word with a mark before it; `class` says how good it is, for colours.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Glance {
    /// `good`, `warn`, `bad`, `busy`, `unknown`.
    pub class: &'static str,
    /// Tells it without colours.
    pub mark: &'static str,
    /// In words.
    pub word: String,
}

impl Glance {
    fn of(class: &'static str, word: impl Into<String>) -> Self {
        let mark = match class {
            "good" => "●",
            "warn" => "▲",
            "bad" => "✕",
            "busy" => "▶",
            _ => "○",
        };
        Self { class, mark, word: word.into() }
    }
}

/// How a host is.
pub fn host(row: &HostRow) -> Glance {
    match (row.looked, row.reachable, &row.problem, row.drift_since) {
        (None, ..) => Glance::of("unknown", "not looked at yet"),
        (_, Some(false), ..) => Glance::of("bad", "does not answer"),
        (_, _, Some(_), _) => Glance::of("bad", "cannot be looked at"),
        (_, _, None, Some(_)) if row.attempt_failed => Glance::of("bad", "putting back failed"),
        (_, _, None, Some(_)) => Glance::of("warn", "drift"),
        _ => Glance::of("good", "in order"),
    }
}

/// How a run is.
pub fn run(state: RunState) -> Glance {
    match state {
        RunState::Waiting => Glance::of("unknown", "waiting"),
        RunState::Running => Glance::of("busy", "running"),
        RunState::Done => Glance::of("good", "done"),
        RunState::Failed => Glance::of("bad", "failed"),
        RunState::RolledBack => Glance::of("bad", "rolled back"),
        RunState::Interrupted => Glance::of("warn", "interrupted"),
        RunState::Lost => Glance::of("warn", "lost"),
    }
}

/// What moved, as a sentence; nothing where all is as declared.
pub fn moved(row: &HostRow) -> Option<&'static str> {
    let truth = |name: &str| row.moved.as_ref().and_then(|moved| moved.get(name)?.as_bool()).unwrap_or_default();
    match (truth("host"), truth("inventory")) {
        (false, false) => None,
        (true, false) => Some("The host is not as the last run left it."),
        (false, true) => Some("The inventory wants something else than what is there."),
        (true, true) => Some("The host is not as the last run left it, and the inventory wants something else."),
    }
}

/// What the daemon does about it, as a sentence.
pub fn decision(row: &HostRow) -> Option<&'static str> {
    let of = |name: &str| row.decision.as_ref().and_then(|decision| decision.get(name)?.as_str());
    match (of("do")?, of("because")) {
        ("heal", _) => Some("The daemon puts it back."),
        ("apply", _) => Some("The daemon rolls it out."),
        ("report", Some("paused")) => Some("The daemon leaves it: the host is paused."),
        ("report", Some("locked")) => Some("The daemon leaves it: another run is at work there."),
        ("report", Some("outside_window")) => Some("The daemon waits for the next maintenance window."),
        ("report", Some("inventory_moved_too")) => Some("The daemon leaves it: putting back would roll out the inventory too."),
        ("report", Some("failed_before")) => Some("The daemon leaves it: the same was tried before, and failed."),
        ("report", Some("rolled_back")) => Some("The daemon leaves it: somebody rolled it back, and nothing has moved since."),
        ("report", _) => Some("The daemon leaves it: the policy is to report."),
        _ => None,
    }
}

/// When a certificate ends.
#[derive(Debug, Serialize)]
pub struct Certificate {
    /// Whose.
    pub name: String,
    /// Days from now.
    pub days: i64,
    /// How good that is.
    pub glance: Glance,
}

/// A host's certificates, the one that ends first at the beginning. `before` is how many days before its end a
/// certificate is worth a word.
pub fn certificates(row: &HostRow, now: &Now, before: i64) -> Vec<Certificate> {
    let ends = row.certificates.as_ref().and_then(Value::as_object);
    let mut all: Vec<Certificate> = ends
        .into_iter()
        .flatten()
        .filter_map(|(name, end)| {
            let days = (end.as_i64()? - now.second()).div_euclid(86_400);
            let (class, word) = match days {
                _ if days < 0 => ("bad", "ended".to_owned()),
                1 if before > 1 => ("warn", "1 day".to_owned()),
                _ if days < before => ("warn", format!("{days} days")),
                _ => ("good", format!("{days} days")),
            };
            Some(Certificate { name: name.clone(), days, glance: Glance::of(class, word) })
        })
        .collect();
    all.sort_by(|left, right| (left.days, &left.name).cmp(&(right.days, &right.name)));
    all
}

/// How a unit is: in order, or with problems.
pub fn unit(state: &str, problems: usize) -> Glance {
    Glance::of(if problems == 0 { "good" } else { "bad" }, state)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_host_is_one_word() {
        let at = Some("2026-11-22T12:00:00Z".parse().unwrap());
        let fine = HostRow { looked: at, reachable: Some(true), ..HostRow::default() };
        let word = |row: HostRow| host(&row).word;
        assert_eq!(word(HostRow::default()), "not looked at yet");
        assert_eq!(word(fine.clone()), "in order");
        assert_eq!(word(HostRow { drift_since: at, ..fine.clone() }), "drift");
        assert_eq!(word(HostRow { drift_since: at, attempt_failed: true, ..fine.clone() }), "putting back failed");
        assert_eq!(word(HostRow { problem: Some("no".into()), ..fine.clone() }), "cannot be looked at");
        assert_eq!(word(HostRow { reachable: Some(false), drift_since: at, ..fine }), "does not answer");
    }

    #[test]
    fn certificates_that_end_first_stand_first() {
        let ends = json!({"a:443": 100 * 86_400, "b:443": 86_400 + 5, "c:443": -1, "d": "x"});
        let row = HostRow { certificates: Some(ends), ..HostRow::default() };
        let now = Now::new(jiff::Timestamp::UNIX_EPOCH, jiff::tz::TimeZone::UTC);
        let all: Vec<String> =
            certificates(&row, &now, 14).iter().map(|one| format!("{} {} {}", one.name, one.glance.class, one.glance.word)).collect();
        assert_eq!(all, ["c:443 bad ended", "b:443 warn 1 day", "a:443 good 100 days"]);
    }
}
