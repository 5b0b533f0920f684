//! What was told already, so that nobody is told twice.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::{Result, Store, millis};

impl Store {
    /// Whether `said` is news about `key`: it differs from what was told last, or that is older than `again`
    /// says. Writes it down when it is.
    ///
    /// # Errors
    /// The database fails.
    pub async fn is_news(&self, key: String, said: String, now: Timestamp, again: std::time::Duration) -> Result<bool> {
        self.change(move |transaction| {
            let before: Option<(i64, String)> =
                transaction.query_row("SELECT at, said FROM notices WHERE key = ?1", [&key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
            let again = i64::try_from(again.as_millis()).unwrap_or(i64::MAX);
            if before.is_some_and(|(at, before)| before == said && millis(now).saturating_sub(at) < again) {
                return Ok(false);
            }
            transaction.execute(
                "INSERT INTO notices (key, at, said) VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET at = excluded.at, said = excluded.said",
                params![key, millis(now), said],
            )?;
            Ok(true)
        })
        .await
    }

    /// Forgets what was told about `key`: it is over. Whether there was something.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_notice(&self, key: String) -> Result<bool> {
        self.change(move |transaction| Ok(transaction.execute("DELETE FROM notices WHERE key = ?1", [key])? > 0)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn the_same_is_no_news_for_a_while() {
        let store = Store::in_memory().unwrap();
        let day = Duration::from_secs(86_400);
        let news = async |said: &str, at: &str| store.is_news("drift a".into(), said.into(), at.parse().unwrap(), day).await.unwrap();
        assert!(news("x", "2026-11-22T12:00:00Z").await);
        assert!(!news("x", "2026-11-23T11:59:59Z").await);
        assert!(news("y", "2026-11-23T11:59:59Z").await);
        assert!(news("y", "2026-11-24T12:00:00Z").await);
        assert!(store.forget_notice("drift a".into()).await.unwrap());
        assert!(!store.forget_notice("drift a".into()).await.unwrap());
        assert!(news("y", "2026-11-24T12:00:01Z").await);
    }
}
