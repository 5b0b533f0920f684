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
    /// Writes down that the inventory was read; `problem`: what is wrong, and the findings.
    ///
    /// # Errors
    /// The database fails.
    pub async fn set_inventory(&self, at: Timestamp, problem: Option<(String, Value)>) -> Result<()> {
        self.change(move |transaction| {
            let (problem, findings) = problem.map(|(problem, findings)| (problem, findings.to_string())).unzip();
            transaction.execute("INSERT OR REPLACE INTO inventory VALUES (1, ?1, ?2, ?3)", params![millis(at), problem, findings])?;
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
        store.set_inventory(at, Some(("wrong".into(), serde_json::json!([1])))).await.unwrap();
        assert_eq!(store.inventory().await.unwrap().unwrap().problem.as_deref(), Some("wrong"));
        store.set_inventory(at, None).await.unwrap();
        assert_eq!(store.inventory().await.unwrap(), Some(InventoryRow { at, problem: None, findings: None }));
    }
}
