//! Who did what, and when.

use jiff::Timestamp;
use rusqlite::{Transaction, params};
use serde::Serialize;
use serde_json::Value;

use super::{Result, Store, millis, time};

/// One line of the audit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// `daemon`, `socket uid 1000`, `token`, `session ...`.
    pub who: String,
    /// `run.start`, `host.pause`, `access.link`, `access.login`, `settings.reload`.
    pub what: String,
    /// The host, if it is about one.
    pub host: Option<String>,
    /// More, without secrets.
    pub details: Value,
}

impl AuditEntry {
    pub(super) fn insert(&self, transaction: &Transaction<'_>) -> Result<()> {
        transaction.execute(
            "INSERT INTO audit (at, who, what, host, details) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![millis(self.at), self.who, self.what, self.host, self.details.to_string()],
        )?;
        Ok(())
    }
}

impl Store {
    /// Adds a line.
    ///
    /// # Errors
    /// The database fails.
    pub async fn audit(&self, entry: AuditEntry) -> Result<()> {
        self.change(move |transaction| entry.insert(transaction)).await
    }

    /// The newest lines, the newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn audit_trail(&self, limit: usize) -> Result<Vec<AuditEntry>> {
        self.with(move |connection| {
            let mut statement = connection.prepare_cached("SELECT at, who, what, host, details FROM audit ORDER BY id DESC LIMIT ?1")?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows =
                statement.query_map([limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get::<_, String>(4)?)))?;
            rows.map(|row| {
                let (at, who, what, host, details) = row?;
                Ok(AuditEntry { at: time(at), who, what, host, details: serde_json::from_str(&details)? })
            })
            .collect()
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_back_the_newest_first() {
        let store = Store::in_memory().unwrap();
        for what in ["host.pause", "run.start"] {
            let at = "2026-11-22T12:00:00Z".parse().unwrap();
            let entry =
                AuditEntry { at, who: "token".into(), what: what.into(), host: Some("a".into()), details: serde_json::json!({"n": 1}) };
            store.audit(entry).await.unwrap();
        }
        let trail = store.audit_trail(10).await.unwrap();
        assert_eq!(trail.iter().map(|entry| entry.what.as_str()).collect::<Vec<_>>(), ["run.start", "host.pause"]);
        assert_eq!(store.audit_trail(1).await.unwrap().len(), 1);
    }
}
