//! The answers to requests that may come twice.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Result, Store, millis};

/// What was answered to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// sha256 of method, path and body, in hex.
    pub request: String,
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Store {
    /// What was answered to a request with this key before.
    ///
    /// # Errors
    /// The database fails.
    pub async fn answer(&self, key: String) -> Result<Option<Answer>> {
        self.with(move |connection| {
            let answer = |row: &rusqlite::Row<'_>| Ok(Answer { request: row.get(0)?, status: row.get(1)?, body: row.get(2)? });
            Ok(connection.query_row("SELECT request, status, body FROM answers WHERE key = ?1", [key], answer).optional()?)
        })
        .await
    }
}

impl Answer {
    /// Keeps it. The first one under a key stays.
    pub(super) fn insert(&self, transaction: &Transaction<'_>, key: &str, now: Timestamp) -> Result<()> {
        transaction.execute(
            "INSERT INTO answers (key, at, request, status, body) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            params![key, millis(now), self.request, self.status, self.body],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-22T{text}Z").parse().unwrap()
    }

    #[tokio::test]
    async fn the_first_answer_stays() {
        let store = Store::in_memory().unwrap();
        let answer = |body: &str| Answer { request: "ab".into(), status: 202, body: body.into() };
        for (body, time) in [("1", "12:00:00"), ("2", "12:00:01")] {
            let answer = answer(body);
            store.change(move |transaction| answer.insert(transaction, "k", at(time))).await.unwrap();
        }
        assert_eq!(store.answer("k".into()).await.unwrap(), Some(answer("1")));
        assert_eq!(store.answer("l".into()).await.unwrap(), None);
    }
}
