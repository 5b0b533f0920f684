//! The answers to requests that may come twice.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

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

    /// Keeps an answer. The first one under a key stays.
    ///
    /// # Errors
    /// The database fails.
    pub async fn keep_answer(&self, key: String, answer: Answer, now: Timestamp) -> Result<()> {
        self.change(move |transaction| {
            transaction.execute(
                "INSERT INTO answers (key, at, request, status, body) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                params![key, millis(now), answer.request, answer.status, answer.body],
            )?;
            Ok(())
        })
        .await
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
        store.keep_answer("k".into(), answer("1"), at("12:00:00")).await.unwrap();
        store.keep_answer("k".into(), answer("2"), at("12:00:01")).await.unwrap();
        assert_eq!(store.answer("k".into()).await.unwrap(), Some(answer("1")));
        assert_eq!(store.answer("l".into()).await.unwrap(), None);
    }
}
