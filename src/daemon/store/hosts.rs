//! What is known about each host.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};
use serde::Serialize;
use serde_json::Value;

use super::{Result, RunState, Store, millis, time};

/// What a look at a host gave.
#[derive(Clone, Debug)]
pub enum Look {
    /// The host answered.
    Answered {
        /// What `status` says of it.
        status: Value,
        /// What moved.
        moved: Value,
        /// Whether it is not as declared; nothing where that cannot be said now.
        drift: Option<bool>,
        /// What was decided.
        decision: Value,
    },
    /// The look failed.
    Failed {
        /// Whether the host answered at all; nothing where it was not asked.
        reachable: Option<bool>,
        /// Why, in words.
        problem: String,
    },
}

/// How long a host is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Until somebody says otherwise.
    Indefinitely,
    /// Until a time.
    Until(Timestamp),
}

/// A host as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HostRow {
    /// Its inventory name.
    pub name: String,
    /// When the last look ended.
    pub looked: Option<Timestamp>,
    /// Whether it answered then.
    pub reachable: Option<bool>,
    /// Of the last look that it answered.
    pub status: Option<Value>,
    /// Since when it is not as declared.
    pub drift_since: Option<Timestamp>,
    /// What moved.
    pub moved: Option<Value>,
    /// What was decided about it.
    pub decision: Option<Value>,
    /// Name -> when its certificate ends, in seconds since 1970.
    pub certificates: Option<Value>,
    /// When they were looked at last.
    pub certificates_looked: Option<Timestamp>,
    /// Why the last look failed.
    pub problem: Option<String>,
    /// What the last healing or roll-out was about.
    pub attempted: Option<String>,
    /// Whether it failed.
    pub attempt_failed: bool,
    /// Who paused it; nobody when it is not paused.
    pub paused_by: Option<String>,
    /// Until when; without an end where it is paused and this is empty.
    pub paused_until: Option<Timestamp>,
}

const FOREVER: i64 = -1;
const COLUMNS: &str = "name, looked, reachable, status, drift_since, moved, decision, problem, attempted, attempt_failed, paused_by, paused_until, certificates, certificates_looked";

fn row(row: &Row<'_>) -> rusqlite::Result<HostRow> {
    // What this program wrote is JSON; anything else is left out.
    let json =
        |index: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<String>>(index)?.and_then(|text| serde_json::from_str(&text).ok()));
    Ok(HostRow {
        name: row.get(0)?,
        looked: row.get::<_, Option<i64>>(1)?.map(time),
        reachable: row.get(2)?,
        status: json(3)?,
        drift_since: row.get::<_, Option<i64>>(4)?.map(time),
        moved: json(5)?,
        decision: json(6)?,
        problem: row.get(7)?,
        attempted: row.get(8)?,
        attempt_failed: row.get(9)?,
        paused_by: row.get(10)?,
        paused_until: row.get::<_, Option<i64>>(11)?.filter(|until| *until != FOREVER).map(time),
        certificates: json(12)?,
        certificates_looked: row.get::<_, Option<i64>>(13)?.map(time),
    })
}

impl HostRow {
    /// Whether it is paused at a time.
    pub fn is_paused(&self, now: Timestamp) -> bool {
        self.paused_by.is_some() && self.paused_until.is_none_or(|until| now < until)
    }
}

impl Store {
    /// Every host that was ever looked at or paused, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn hosts(&self) -> Result<Vec<HostRow>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM hosts ORDER BY name"))?;
            let rows = statement.query_map([], row)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// One host.
    ///
    /// # Errors
    /// The database fails.
    pub async fn host(&self, name: String) -> Result<Option<HostRow>> {
        self.with(move |connection| {
            Ok(connection.query_row(&format!("SELECT {COLUMNS} FROM hosts WHERE name = ?1"), [name], row).optional()?)
        })
        .await
    }

    /// Writes down what a look gave. What a host said last stays when it does not answer.
    ///
    /// # Errors
    /// The database fails.
    pub async fn looked(&self, name: String, at: Timestamp, look: Look) -> Result<()> {
        self.change(move |transaction| {
            transaction.execute("INSERT INTO hosts (name) VALUES (?1) ON CONFLICT DO NOTHING", [&name])?;
            match look {
                Look::Answered { status, moved, drift, decision } => transaction.execute(
                    "UPDATE hosts SET looked = ?2, reachable = 1, status = ?3, moved = ?4, decision = ?5, problem = NULL, \
                     drift_since = CASE ?6 WHEN 1 THEN coalesce(drift_since, ?2) WHEN 0 THEN NULL ELSE drift_since END WHERE name = ?1",
                    params![name, millis(at), status.to_string(), moved.to_string(), decision.to_string(), drift],
                )?,
                Look::Failed { reachable, problem } => transaction.execute(
                    "UPDATE hosts SET looked = ?2, reachable = coalesce(?3, reachable), problem = ?4 WHERE name = ?1",
                    params![name, millis(at), reachable, problem],
                )?,
            };
            Ok(())
        })
        .await
    }

    /// Writes down that a host's certificates were looked at; what was known stays where nothing was seen.
    ///
    /// # Errors
    /// The database fails.
    pub async fn saw_certificates(&self, name: String, at: Timestamp, ends: Option<Value>) -> Result<()> {
        self.change(move |transaction| {
            let ends = ends.map(|ends| ends.to_string());
            let update = "UPDATE hosts SET certificates_looked = ?2, certificates = coalesce(?3, certificates) WHERE name = ?1";
            transaction.execute(update, params![name, millis(at), ends])?;
            Ok(())
        })
        .await
    }

    /// Writes down what a healing or a roll-out was about, and whether it failed.
    ///
    /// # Errors
    /// The database fails.
    pub async fn attempted(&self, name: String, about: String, failed: bool) -> Result<()> {
        self.change(move |transaction| {
            transaction.execute(
                "INSERT INTO hosts (name, attempted, attempt_failed) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (name) DO UPDATE SET attempted = excluded.attempted, attempt_failed = excluded.attempt_failed",
                params![name, about, failed],
            )?;
            Ok(())
        })
        .await
    }

    /// Leaves a host alone.
    ///
    /// # Errors
    /// The database fails.
    pub async fn pause(&self, name: String, who: String, pause: Pause) -> Result<()> {
        let until = match pause {
            Pause::Indefinitely => FOREVER,
            Pause::Until(at) => millis(at),
        };
        self.change(move |transaction| {
            transaction.execute(
                "INSERT INTO hosts (name, paused_by, paused_until) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (name) DO UPDATE SET paused_by = excluded.paused_by, paused_until = excluded.paused_until",
                params![name, who, until],
            )?;
            Ok(())
        })
        .await
    }

    /// Ends a pause.
    ///
    /// # Errors
    /// The database fails.
    pub async fn resume(&self, name: String) -> Result<()> {
        self.change(move |transaction| {
            transaction.execute("UPDATE hosts SET paused_by = NULL, paused_until = NULL WHERE name = ?1", [name])?;
            Ok(())
        })
        .await
    }

    /// Takes over which hosts the inventory has: new ones are there before they are looked at first, others are forgotten.
    /// The runs of those that have not ended are lost: id and host of each.
    ///
    /// # Errors
    /// The database fails.
    pub async fn take_over_hosts(&self, names: Vec<String>, now: Timestamp) -> Result<Vec<(String, String)>> {
        self.change(move |transaction| {
            let names = serde_json::to_string(&names)?;
            transaction.execute("DELETE FROM hosts WHERE name NOT IN (SELECT value FROM json_each(?1))", [&names])?;
            let add = "INSERT INTO hosts (name) SELECT value FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING";
            transaction.execute(add, [&names])?;
            let mut statement = transaction.prepare(
                "UPDATE runs SET state = ?2, ended = ?3, message = 'its host is not in the inventory any more' \
                 WHERE state IN (?4, ?5) AND host NOT IN (SELECT value FROM json_each(?1)) RETURNING id, host",
            )?;
            let lost = statement
                .query_map(params![names, RunState::Lost, millis(now), RunState::Waiting, RunState::Running], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect::<rusqlite::Result<_>>()?;
            Ok(lost)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-22T{text}Z").parse().unwrap()
    }

    fn answered(drift: bool) -> Look {
        Look::Answered { status: json!({"x": 1}), moved: json!({"host": drift}), drift: Some(drift), decision: json!({"do": "nothing"}) }
    }

    #[tokio::test]
    async fn drift_has_a_beginning_and_an_end() {
        let store = Store::in_memory().unwrap();
        let look = async |time: &str, look: Look| {
            store.looked("a".into(), at(time), look).await.unwrap();
            store.host("a".into()).await.unwrap().unwrap()
        };
        assert_eq!(look("12:00:00", answered(true)).await.drift_since, Some(at("12:00:00")));
        assert_eq!(look("12:15:00", answered(true)).await.drift_since, Some(at("12:00:00")));
        let silent = look("12:30:00", Look::Failed { reachable: Some(false), problem: "no answer".into() }).await;
        assert_eq!((silent.reachable, silent.drift_since, silent.status), (Some(false), Some(at("12:00:00")), Some(json!({"x": 1}))));
        let fine = look("12:45:00", answered(false)).await;
        assert_eq!((fine.reachable, fine.drift_since, fine.problem), (Some(true), None, None));
    }

    #[tokio::test]
    async fn a_pause_ends_by_itself_or_by_somebody() {
        let store = Store::in_memory().unwrap();
        let paused = async |time: &str| store.host("a".into()).await.unwrap().unwrap().is_paused(at(time));
        store.pause("a".into(), "me".into(), Pause::Until(at("13:00:00"))).await.unwrap();
        assert!(paused("12:59:59").await && !paused("13:00:00").await);
        store.pause("a".into(), "me".into(), Pause::Indefinitely).await.unwrap();
        assert!(paused("23:00:00").await);
        store.resume("a".into()).await.unwrap();
        assert!(!paused("12:00:00").await);
        store.take_over_hosts(vec!["b".into()], at("23:30:00")).await.unwrap();
        let new = HostRow { name: "b".into(), ..HostRow::default() };
        assert_eq!(store.hosts().await.unwrap(), [new]);
    }
}
