//! Runs and their events.

use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, AuditEntry, Result, Store, millis, time};
use crate::daemon::allowed;

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// Compares, changes nothing.
    Look,
    /// Puts drift back.
    Heal,
    /// Brings a host to what the inventory declares.
    Apply,
    /// Anything else that a command does.
    Operation,
}

impl RunKind {
    /// What a command is that somebody asked for.
    pub fn of(words: &[String]) -> Self {
        if allowed::command(words).is_some_and(|command| command.looks) { Self::Look } else { Self::Operation }
    }
}

/// Where a run is, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// It waits for its turn at its host.
    Waiting,
    /// It goes on.
    Running,
    /// It succeeded.
    Done,
    /// It did not.
    Failed,
    /// It did not, and everything was put back.
    RolledBack,
    /// Somebody stopped it.
    Interrupted,
    /// The daemon ended while it went on or waited, and nobody knows how it ended.
    Lost,
}

impl RunState {
    /// Whether it has come to an end, whatever it is.
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }
}

macro_rules! kept_as_text {
    ($kind:ty) => {
        impl ToSql for $kind {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                match serde_json::to_value(self) {
                    Ok(Value::String(text)) => Ok(text.into()),
                    _ => Err(rusqlite::Error::ToSqlConversionFailure("it has no name".into())),
                }
            }
        }

        impl FromSql for $kind {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let text = value.as_str()?.to_owned();
                serde_json::from_value(Value::String(text)).map_err(FromSqlError::other)
            }
        }
    };
}
kept_as_text!(RunKind);
kept_as_text!(RunState);

/// A run that begins.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its id, the same as on the host and in the command's own log.
    pub id: String,
    /// The host's inventory name.
    pub host: String,
    /// What it is for.
    pub kind: RunKind,
    /// The command's words, without secrets.
    pub command: Vec<String>,
    /// Why: `schedule`, `inventory`, `api`, `dashboard`.
    pub cause: String,
    /// Who asked.
    pub who: String,
    /// When.
    pub started: Timestamp,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct RunEnd {
    /// How.
    pub state: RunState,
    /// The command's exit code, if it came to one.
    pub exit_code: Option<i32>,
    /// In words.
    pub message: Option<String>,
    /// When.
    pub ended: Timestamp,
}

/// A run as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunRow {
    /// Its id.
    pub id: String,
    /// The host.
    pub host: String,
    /// What it is for.
    pub kind: RunKind,
    /// The command's words.
    pub command: Vec<String>,
    /// Why.
    pub cause: String,
    /// Who asked.
    pub who: String,
    /// Where it is.
    pub state: RunState,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// With what.
    pub exit_code: Option<i32>,
    /// In words.
    pub message: Option<String>,
}

/// One line of a run's stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventRow {
    /// Counts from 1 within the run.
    pub seq: i64,
    /// When it came.
    pub at: Timestamp,
    /// The line.
    pub body: Value,
}

/// Which runs.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Of this host.
    pub host: Option<String>,
    /// Only those that change something.
    pub changing: bool,
    /// Begun before this time.
    pub before: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
}

/// How many runs ended how.
#[derive(Clone, Debug, PartialEq)]
pub struct RunCount {
    /// The host.
    pub host: String,
    /// [`RunKind`]'s name.
    pub kind: String,
    /// [`RunState`]'s name.
    pub state: String,
    /// How many.
    pub runs: i64,
    /// How long they took together.
    pub seconds: f64,
}

const COLUMNS: &str = "id, host, kind, command, cause, who, state, started, ended, exit_code, message";

fn row(row: &Row<'_>) -> rusqlite::Result<(RunRow, String)> {
    let run = RunRow {
        id: row.get(0)?,
        host: row.get(1)?,
        kind: row.get(2)?,
        command: Vec::new(),
        cause: row.get(4)?,
        who: row.get(5)?,
        state: row.get(6)?,
        started: time(row.get(7)?),
        ended: row.get::<_, Option<i64>>(8)?.map(time),
        exit_code: row.get(9)?,
        message: row.get(10)?,
    };
    Ok((run, row.get(3)?))
}

fn with_command((run, command): (RunRow, String)) -> Result<RunRow> {
    Ok(RunRow { command: serde_json::from_str(&command)?, ..run })
}

fn insert(transaction: &Transaction<'_>, run: &NewRun, command: &str, state: RunState, conflict: &str) -> Result<()> {
    transaction.execute(
        &format!("INSERT INTO runs ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, NULL, NULL) {conflict}"),
        params![run.id, run.host, run.kind, command, run.cause, run.who, state, millis(run.started)],
    )?;
    Ok(())
}

impl Store {
    /// Writes down that a run waits for its turn, who asked for it, and what to answer to the same request under the same key:
    /// all of it or nothing.
    ///
    /// # Errors
    /// The database fails, or there is a run with this id.
    pub async fn queue_run(&self, run: NewRun, audit: AuditEntry, answer: Option<(String, Answer)>) -> Result<()> {
        let command = serde_json::to_string(&run.command)?;
        self.change(move |transaction| {
            let now = run.started;
            insert(transaction, &run, &command, RunState::Waiting, "")?;
            audit.insert(transaction)?;
            if let Some((key, answer)) = answer {
                answer.insert(transaction, &key, now)?;
            }
            Ok(())
        })
        .await
    }

    /// Writes down that a run begins.
    ///
    /// # Errors
    /// The database fails, or there is a run with this id that does not wait.
    pub async fn begin_run(&self, run: NewRun) -> Result<()> {
        let waited = "ON CONFLICT (id) DO UPDATE SET state = excluded.state, started = excluded.started WHERE state = 'waiting'";
        let command = serde_json::to_string(&run.command)?;
        self.change(move |transaction| insert(transaction, &run, &command, RunState::Running, waited)).await
    }

    /// Adds a line to a run's stream; gives its number.
    ///
    /// # Errors
    /// The database fails; there is no such run.
    pub async fn add_event(&self, run: String, at: Timestamp, body: Value) -> Result<i64> {
        self.change(move |transaction| {
            let next = "SELECT coalesce(max(seq), 0) + 1 FROM events WHERE run = ?1";
            let seq: i64 = transaction.query_row(next, [&run], |row| row.get(0))?;
            transaction.execute(
                "INSERT INTO events (run, seq, at, body) VALUES (?1, ?2, ?3, ?4)",
                params![run, seq, millis(at), body.to_string()],
            )?;
            Ok(seq)
        })
        .await
    }

    /// Writes down that a run ended.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_run(&self, id: String, end: RunEnd) -> Result<()> {
        self.change(move |transaction| {
            transaction.execute(
                "UPDATE runs SET state = ?2, ended = ?3, exit_code = ?4, message = ?5 WHERE id = ?1",
                params![id, end.state, millis(end.ended), end.exit_code, end.message],
            )?;
            Ok(())
        })
        .await
    }

    /// A run by its id.
    ///
    /// # Errors
    /// The database fails.
    pub async fn run(&self, id: String) -> Result<Option<RunRow>> {
        self.with(move |connection| {
            let found = connection.query_row(&format!("SELECT {COLUMNS} FROM runs WHERE id = ?1"), [id], row).optional()?;
            found.map(with_command).transpose()
        })
        .await
    }

    /// Runs, the newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn runs(&self, filter: RunFilter) -> Result<Vec<RunRow>> {
        self.with(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM runs WHERE (?1 IS NULL OR host = ?1) AND (NOT ?2 OR kind <> 'look') AND (?3 IS NULL OR started < ?3) \
                 ORDER BY started DESC, id DESC LIMIT ?4"
            ))?;
            let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![filter.host, filter.changing, filter.before.map(millis), limit], row)?;
            rows.map(|row| with_command(row?)).collect()
        })
        .await
    }

    /// The events of a run after a number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn events(&self, run: String, after: i64) -> Result<Vec<EventRow>> {
        self.with(move |connection| {
            let mut statement = connection.prepare_cached("SELECT seq, at, body FROM events WHERE run = ?1 AND seq > ?2 ORDER BY seq")?;
            let rows = statement.query_map(params![run, after], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)))?;
            rows.map(|row| {
                let (seq, at, body) = row?;
                Ok(EventRow { seq, at: time(at), body: serde_json::from_str(&body)? })
            })
            .collect()
        })
        .await
    }

    /// How many runs of each host ended how, as far as they are kept.
    ///
    /// # Errors
    /// The database fails.
    pub async fn run_counts(&self) -> Result<Vec<RunCount>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT host, kind, state, count(*), coalesce(sum(ended - started), 0) / 1000.0 FROM runs WHERE state NOT IN ('waiting', 'running') \
                 GROUP BY host, kind, state ORDER BY host, kind, state",
            )?;
            let count = |row: &Row<'_>| {
                Ok(RunCount { host: row.get(0)?, kind: row.get(1)?, state: row.get(2)?, runs: row.get(3)?, seconds: row.get(4)? })
            };
            let rows = statement.query_map([], count)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// The runs in a state, the oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn runs_in(&self, state: RunState) -> Result<Vec<RunRow>> {
        self.with(move |connection| {
            let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM runs WHERE state = ?1 ORDER BY started, id"))?;
            let rows = statement.query_map([state], row)?;
            rows.map(|row| with_command(row?)).collect()
        })
        .await
    }

    /// The runs of a host that go on, as far as is known.
    ///
    /// # Errors
    /// The database fails.
    pub async fn running_on(&self, host: String) -> Result<Vec<RunRow>> {
        Ok(self.runs_in(RunState::Running).await?.into_iter().filter(|run| run.host == host).collect())
    }
}

#[cfg(test)]
impl NewRun {
    pub(super) fn test(id: &str, host: &str) -> Self {
        Self {
            id: id.into(),
            host: host.into(),
            kind: RunKind::Look,
            command: vec!["status".into()],
            cause: "schedule".into(),
            who: "daemon".into(),
            started: "2026-11-22T12:00:00Z".parse().unwrap(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_run_is_written_down_as_it_goes() {
        let store = Store::in_memory().unwrap();
        store.begin_run(NewRun::test("r1", "a")).await.unwrap();
        store.begin_run(NewRun { kind: RunKind::Heal, ..NewRun::test("r2", "b") }).await.unwrap();
        let at: Timestamp = "2026-11-22T12:00:05.25Z".parse().unwrap();
        assert_eq!(store.add_event("r1".into(), at, serde_json::json!({"event": "stage"})).await.unwrap(), 1);
        assert_eq!(store.add_event("r1".into(), at, serde_json::json!({"event": "done"})).await.unwrap(), 2);
        assert!(store.add_event("r9".into(), at, Value::Null).await.is_err());
        let after = store.events("r1".into(), 1).await.unwrap();
        assert_eq!(after, [EventRow { seq: 2, at, body: serde_json::json!({"event": "done"}) }]);

        let end = RunEnd { state: RunState::RolledBack, exit_code: Some(20), message: Some("no".into()), ended: at };
        store.end_run("r1".into(), end).await.unwrap();
        let run = store.run("r1".into()).await.unwrap().unwrap();
        assert_eq!((run.state, run.exit_code, run.ended), (RunState::RolledBack, Some(20), Some(at)));
        assert_eq!(run.command, ["status"]);
        let all = |filter| async { store.runs(filter).await.unwrap().into_iter().map(|run| run.id).collect::<Vec<_>>() };
        assert_eq!(all(RunFilter { limit: 10, ..RunFilter::default() }).await, ["r2", "r1"]);
        assert_eq!(all(RunFilter { limit: 10, changing: true, ..RunFilter::default() }).await, ["r2"]);
        assert_eq!(all(RunFilter { limit: 10, host: Some("a".into()), ..RunFilter::default() }).await, ["r1"]);
    }

    #[tokio::test]
    async fn a_run_waits_begins_and_may_lose_its_host() {
        let store = Store::in_memory().unwrap();
        let queue = async |run: NewRun| {
            let audit = AuditEntry {
                at: run.started,
                who: "me".into(),
                what: "run.start".into(),
                host: Some(run.host.clone()),
                details: Value::Null,
            };
            let answer = Answer { request: "ab".into(), status: 202, body: run.id.clone() };
            store.queue_run(run, audit, Some(("k".into(), answer))).await
        };
        queue(NewRun::test("r1", "a")).await.unwrap();
        queue(NewRun::test("r2", "b")).await.unwrap();
        // What is there already leaves no trace.
        assert!(queue(NewRun::test("r2", "b")).await.is_err());
        assert_eq!(store.answer("k".into()).await.unwrap().unwrap().body, "r1");
        assert_eq!(store.audit_trail(9).await.unwrap().len(), 2);
        let ids = |runs: Vec<RunRow>| runs.into_iter().map(|run| run.id).collect::<Vec<_>>();
        assert_eq!(ids(store.runs_in(RunState::Waiting).await.unwrap()), ["r1", "r2"]);
        let later = "2026-11-22T12:30:00Z".parse().unwrap();
        store.begin_run(NewRun { started: later, ..NewRun::test("r1", "a") }).await.unwrap();
        assert_eq!(ids(store.running_on("a".into()).await.unwrap()), ["r1"]);
        assert_eq!(ids(store.running_on("b".into()).await.unwrap()), Vec::<String>::new());
        assert_eq!(store.run("r1".into()).await.unwrap().unwrap().started, later);
        let lost = store.take_over_hosts(vec!["a".into()], later).await.unwrap();
        assert_eq!(lost, [("r2".to_owned(), "b".to_owned())]);
        assert_eq!(store.run("r2".into()).await.unwrap().unwrap().state, RunState::Lost);
        assert_eq!(ids(store.runs_in(RunState::Running).await.unwrap()), ["r1"]);
    }
}
