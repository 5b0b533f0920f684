//! What is to be told, until it was.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Transaction, params};

use super::{Result, Store, millis, time};

/// How many wait for one messenger at most: the oldest go then.
const WAITING: u32 = 1000;

/// Something that one messenger is to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its number, which no other has or had.
    pub id: i64,
    /// The messenger's name.
    pub whom: String,
    /// When it happened.
    pub at: Timestamp,
    /// The notice, JSON.
    pub body: String,
}

/// Writes a letter to each; it waits with those that already do.
pub(super) fn write(transaction: &Transaction<'_>, whom: &[&'static str], at: Timestamp, body: &str) -> Result<()> {
    for name in whom {
        transaction.execute(
            "INSERT INTO letters (whom, at, due, body)
             VALUES (?1, ?2, coalesce((SELECT max(due) FROM letters WHERE whom = ?1), ?2), ?3)",
            params![name, millis(at), body],
        )?;
        transaction.execute(
            "DELETE FROM letters WHERE whom = ?1 AND id <= (SELECT id FROM letters WHERE whom = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            params![name, WAITING],
        )?;
    }
    Ok(())
}

impl Store {
    /// When the next letter is to be tried; nothing where there is none.
    ///
    /// # Errors
    /// The database fails.
    pub async fn letters_due(&self) -> Result<Option<Timestamp>> {
        self.with(|connection| {
            let due: Option<i64> = connection.query_row("SELECT min(due) FROM letters", [], |row| row.get(0))?;
            Ok(due.map(time))
        })
        .await
    }

    /// The letters that are due, in their order.
    ///
    /// # Errors
    /// The database fails.
    pub async fn letters(&self, now: Timestamp) -> Result<Vec<Letter>> {
        self.with(move |connection| {
            let mut statement = connection.prepare("SELECT id, whom, at, body FROM letters WHERE due <= ?1 ORDER BY id")?;
            let rows = statement.query_map([millis(now)], |row| {
                Ok(Letter { id: row.get(0)?, whom: row.get(1)?, at: time(row.get(2)?), body: row.get(3)? })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// A letter was told, or never will be.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_letter(&self, id: i64) -> Result<()> {
        self.change(move |transaction| {
            transaction.execute("DELETE FROM letters WHERE id = ?1", [id])?;
            Ok(())
        })
        .await
    }

    /// Everything that waits for a messenger is tried again at `due`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn put_letters_off(&self, whom: String, due: Timestamp) -> Result<()> {
        self.change(move |transaction| {
            transaction.execute("UPDATE letters SET due = ?2 WHERE whom = ?1", params![whom, millis(due)])?;
            Ok(())
        })
        .await
    }

    /// Forgets what happened longer ago than `age`, and what is for others than `known`. How many letters that were.
    ///
    /// # Errors
    /// The database fails.
    pub async fn forget_letters(&self, now: Timestamp, age: Duration, known: Vec<&'static str>) -> Result<usize> {
        self.change(move |transaction| {
            let before = millis(now).saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
            let known = serde_json::to_string(&known)?;
            Ok(transaction
                .execute("DELETE FROM letters WHERE at < ?1 OR whom NOT IN (SELECT value FROM json_each(?2))", params![before, known])?)
        })
        .await
    }
}
