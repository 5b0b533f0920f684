//! Forgets what is old.

use std::time::Duration;

use jiff::Timestamp;

use super::{Result, Store, millis};

/// How much was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Runs, with their events.
    pub runs: usize,
    /// Lines of the audit.
    pub audit: usize,
}

/// Looks that found nothing are many: they go after a day.
const LOOKS_STAY: Duration = Duration::from_hours(24);

impl Store {
    /// Forgets runs and audit older than `keep`, looks older than a day, answers older than a
    /// day, what was told longer ago than `keep`, and links and sessions that have ended. A run that goes on stays.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_old(&self, now: Timestamp, keep: Duration) -> Result<Removed> {
        self.change(move |transaction| {
            let before = |age: Duration| millis(now).saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
            let old = transaction.execute("DELETE FROM runs WHERE started < ?1 AND state NOT IN ('waiting', 'running')", [before(keep)])?;
            let looks = transaction
                .execute("DELETE FROM runs WHERE kind = 'look' AND state = 'done' AND started < ?1", [before(LOOKS_STAY.min(keep))])?;
            let audit = transaction.execute("DELETE FROM audit WHERE at < ?1", [before(keep)])?;
            transaction.execute("DELETE FROM answers WHERE at < ?1", [before(LOOKS_STAY)])?;
            // What lasts is told, and written down, every day.
            transaction.execute("DELETE FROM notices WHERE at < ?1", [before(keep)])?;
            super::logins::forget_ended(transaction, now)?;
            Ok(Removed { runs: old + looks, audit })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NewRun, RunEnd, RunFilter, RunKind, RunState};
    use super::*;

    #[tokio::test]
    async fn old_runs_go_with_their_events_and_running_ones_stay() {
        let store = Store::in_memory().unwrap();
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let days = |days: u64| now - Duration::from_secs(days * 86_400);
        let runs = [("look", RunKind::Look, 2), ("heal", RunKind::Heal, 2), ("old", RunKind::Apply, 100), ("going", RunKind::Apply, 100)];
        for (id, kind, age) in runs {
            store.begin_run(NewRun { kind, started: days(age), ..NewRun::test(id, "a") }).await.unwrap();
            store.add_event(id.into(), days(age), serde_json::json!({})).await.unwrap();
            if id != "going" {
                let end = RunEnd { state: RunState::Done, exit_code: Some(0), message: None, ended: days(age) };
                store.end_run(id.into(), end).await.unwrap();
            }
        }
        let removed = store.forget_old(now, Duration::from_secs(90 * 86_400)).await.unwrap();
        assert_eq!(removed, Removed { runs: 2, audit: 0 });
        let left: Vec<String> =
            store.runs(RunFilter { limit: 10, ..RunFilter::default() }).await.unwrap().into_iter().map(|run| run.id).collect();
        assert_eq!(left, ["heal", "going"]);
        let events: i64 =
            store.with(|connection| Ok(connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?)).await.unwrap();
        assert_eq!(events, 2);
    }
}
