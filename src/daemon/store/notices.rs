//! What was told already, so that nobody is told twice.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Result, Store, letters, millis};

/// What is to be told about a thing, and to whom.
#[derive(Clone, Debug)]
pub struct Told {
    /// What it is about: `drift matrix.example.com`.
    pub key: String,
    /// In words; nothing where it is over.
    pub said: Option<String>,
    /// The whole notice, JSON.
    pub body: String,
    /// The messengers' names.
    pub whom: Vec<&'static str>,
}

impl Store {
    /// Writes letters about `told` where it is news: it differs from what was told last, or that is older than `again` says;
    /// its end is news where something was told. Gives whether it is.
    ///
    /// # Errors
    /// The database fails.
    pub async fn write_if_news(&self, told: Told, now: Timestamp, again: std::time::Duration) -> Result<bool> {
        self.change(move |transaction| {
            let Told { key, said, body, whom } = told;
            let news = match said {
                Some(said) => is_news(transaction, &key, &said, now, again)?,
                None => transaction.execute("DELETE FROM notices WHERE key = ?1", [&key])? > 0,
            };
            if news {
                letters::write(transaction, &whom, now, &body)?;
            }
            Ok(news)
        })
        .await
    }
}

/// Whether something is news; writes down that it was told then.
fn is_news(transaction: &Transaction<'_>, key: &str, said: &str, now: Timestamp, again: std::time::Duration) -> Result<bool> {
    let before: Option<(i64, String)> =
        transaction.query_row("SELECT at, said FROM notices WHERE key = ?1", [key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let again = i64::try_from(again.as_millis()).unwrap_or(i64::MAX);
    if before.is_some_and(|(at, before)| before == said && millis(now).saturating_sub(at) < again) {
        return Ok(false);
    }
    transaction.execute(
        "INSERT INTO notices (key, at, said) VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET at = excluded.at, said = excluded.said",
        params![key, millis(now), said],
    )?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn the_same_is_no_news_for_a_while() {
        let store = Store::in_memory().unwrap();
        let day = Duration::from_secs(86_400);
        let news = async |said: &str, at: &str| {
            let said = Some(said.to_owned()).filter(|said| !said.is_empty());
            let told = Told { key: "drift a".into(), said, body: "{}".into(), whom: vec!["webhook", "matrix"] };
            store.write_if_news(told, at.parse().unwrap(), day).await.unwrap()
        };
        assert!(!news("", "2026-11-22T11:00:00Z").await);
        assert!(news("x", "2026-11-22T12:00:00Z").await);
        assert!(!news("x", "2026-11-23T11:59:59Z").await);
        assert!(news("y", "2026-11-23T11:59:59Z").await);
        assert!(news("y", "2026-11-24T12:00:00Z").await);
        assert!(news("", "2026-11-24T12:00:00Z").await);
        assert!(!news("", "2026-11-24T12:00:00Z").await);
        assert!(news("y", "2026-11-24T12:00:01Z").await);
        assert_eq!(store.letters("2026-11-24T12:00:01Z".parse().unwrap()).await.unwrap().len(), 10);
    }
}
