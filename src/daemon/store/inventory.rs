//! When the inventory was read last, and what is wrong with it.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;
use serde_json::Value;

use super::{Result, Store, millis, time};

/// What is known about the inventory.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InventoryRow {
    /// When it was read.
    pub at: Timestamp,
    /// What is wrong, in words.
    pub problem: Option<String>,
    /// The findings.
    pub findings: Option<Value>,
}

impl Store {
    /// Writes down that the inventory was read, and what tells its state from others. Where that is another one than before,
    /// what failed before may be tried again.
    ///
    /// # Errors
    /// The database fails.
    pub async fn read_inventory(&self, at: Timestamp, digest: String) -> Result<()> {
        self.change(move |transaction| {
            let same = "SELECT EXISTS (SELECT 1 FROM inventory WHERE digest = ?1)";
            if !transaction.query_row(same, [&digest], |row| row.get::<_, bool>(0))? {
                transaction.execute("UPDATE hosts SET attempted = NULL, attempt_failed = 0", [])?;
            }
            let keep = "INSERT OR REPLACE INTO inventory (only, at, digest) VALUES (1, ?1, ?2)";
            transaction.execute(keep, params![millis(at), digest])?;
            Ok(())
        })
        .await
    }

    /// Writes down what is wrong with the inventory, and the findings.
    ///
    /// # Errors
    /// The database fails.
    pub async fn misread_inventory(&self, at: Timestamp, problem: String, findings: Value) -> Result<()> {
        self.change(move |transaction| {
            transaction.execute(
                "INSERT INTO inventory (only, at, problem, findings) VALUES (1, ?1, ?2, ?3) \
                 ON CONFLICT (only) DO UPDATE SET at = excluded.at, problem = excluded.problem, findings = excluded.findings",
                params![millis(at), problem, findings.to_string()],
            )?;
            Ok(())
        })
        .await
    }

    /// What was written down last.
    ///
    /// # Errors
    /// The database fails.
    pub async fn inventory(&self) -> Result<Option<InventoryRow>> {
        self.with(|connection| {
            let query = "SELECT at, problem, findings FROM inventory";
            let row = connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?))).optional()?;
            let Some((at, problem, findings)) = row else { return Ok(None) };
            let findings = findings.map(|text| serde_json::from_str(&text)).transpose()?;
            Ok(Some(InventoryRow { at: time(at), problem, findings }))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_reading_counts() {
        let store = Store::in_memory().unwrap();
        assert_eq!(store.inventory().await.unwrap(), None);
        let at = "2026-11-22T12:00:00Z".parse().unwrap();
        store.misread_inventory(at, "wrong".into(), serde_json::json!([1])).await.unwrap();
        assert_eq!(store.inventory().await.unwrap().unwrap().problem.as_deref(), Some("wrong"));
        store.read_inventory(at, "d1".into()).await.unwrap();
        assert_eq!(store.inventory().await.unwrap(), Some(InventoryRow { at, problem: None, findings: None }));
    }

    #[tokio::test]
    async fn what_failed_may_be_tried_again_with_another_inventory() {
        let store = Store::in_memory().unwrap();
        let at = "2026-11-22T12:00:00Z".parse().unwrap();
        store.read_inventory(at, "d1".into()).await.unwrap();
        store.attempted("a".into(), "drift".into(), true).await.unwrap();
        let failed = async || store.host("a".into()).await.unwrap().unwrap().attempt_failed;
        store.read_inventory(at, "d1".into()).await.unwrap();
        store.misread_inventory(at, "wrong".into(), Value::Null).await.unwrap();
        store.read_inventory(at, "d1".into()).await.unwrap();
        assert!(failed().await);
        store.read_inventory(at, "d2".into()).await.unwrap();
        assert!(!failed().await);
    }
}
