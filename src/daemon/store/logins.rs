//! Links that log a browser in, and the sessions that come of them. Codes and cookies come in as their sha256.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Result, Store, millis, time};

/// A session that begins.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// sha256 of its cookie, in hex.
    pub hash: String,
    /// What sets it apart from other sessions; who made the link is added to it.
    pub name: String,
    /// When it ends.
    pub ends: Timestamp,
}

/// A session as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// As the audit calls it.
    pub name: String,
    /// When it ends.
    pub ends: Timestamp,
}

impl Store {
    /// Keeps a link that `who` made.
    ///
    /// # Errors
    /// The database fails.
    pub async fn add_login_link(&self, hash: String, who: String, ends: Timestamp, now: Timestamp) -> Result<()> {
        self.change(move |transaction| {
            forget_ended(transaction, now)?;
            transaction.execute("INSERT INTO login_links (hash, ends, who) VALUES (?1, ?2, ?3)", params![hash, millis(ends), who])?;
            Ok(())
        })
        .await
    }

    /// Whether a link still works. It works afterwards too.
    ///
    /// # Errors
    /// The database fails.
    pub async fn knows_login_link(&self, hash: String, now: Timestamp) -> Result<bool> {
        self.with(move |connection| {
            let query = "SELECT count(*) FROM login_links WHERE hash = ?1 AND ends > ?2";
            Ok(connection.query_row(query, params![hash, millis(now)], |row| row.get::<_, i64>(0))? > 0)
        })
        .await
    }

    /// Uses up a link and begins a session; gives the session's whole name. Nothing where the link does not work (any
    /// more).
    ///
    /// # Errors
    /// The database fails.
    pub async fn use_login_link(&self, hash: String, session: NewSession, now: Timestamp) -> Result<Option<String>> {
        self.change(move |transaction| {
            let delete = "DELETE FROM login_links WHERE hash = ?1 AND ends > ?2 RETURNING who";
            let who: Option<String> = transaction.query_row(delete, params![hash, millis(now)], |row| row.get(0)).optional()?;
            let Some(who) = who else { return Ok(None) };
            let name = format!("{} ({who})", session.name);
            let insert = "INSERT INTO sessions (hash, name, ends) VALUES (?1, ?2, ?3)";
            transaction.execute(insert, params![session.hash, name, millis(session.ends)])?;
            Ok(Some(name))
        })
        .await
    }

    /// A session that has not ended.
    ///
    /// # Errors
    /// The database fails.
    pub async fn session(&self, hash: String, now: Timestamp) -> Result<Option<SessionRow>> {
        self.with(move |connection| {
            let query = "SELECT name, ends FROM sessions WHERE hash = ?1 AND ends > ?2";
            let row = |row: &rusqlite::Row<'_>| Ok(SessionRow { name: row.get(0)?, ends: time(row.get(1)?) });
            Ok(connection.query_row(query, params![hash, millis(now)], row).optional()?)
        })
        .await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The database fails.
    pub async fn end_session(&self, hash: String) -> Result<()> {
        self.change(move |transaction| {
            transaction.execute("DELETE FROM sessions WHERE hash = ?1", [hash])?;
            Ok(())
        })
        .await
    }
}

/// Forgets links and sessions that have ended.
pub(super) fn forget_ended(transaction: &Transaction<'_>, now: Timestamp) -> Result<()> {
    transaction.execute("DELETE FROM login_links WHERE ends <= ?1", [millis(now)])?;
    transaction.execute("DELETE FROM sessions WHERE ends <= ?1", [millis(now)])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-22T{text}Z").parse().unwrap()
    }

    #[tokio::test]
    async fn a_link_makes_one_session_and_both_end() {
        let store = Store::in_memory().unwrap();
        store.add_login_link("l".into(), "me".into(), at("12:10:00"), at("12:00:00")).await.unwrap();
        assert!(store.knows_login_link("l".into(), at("12:09:59")).await.unwrap());
        assert!(!store.knows_login_link("l".into(), at("12:10:00")).await.unwrap());
        let session = || NewSession { hash: "s".into(), name: "session ab".into(), ends: at("14:00:00") };
        assert_eq!(store.use_login_link("l".into(), session(), at("12:10:00")).await.unwrap(), None);
        let name = "session ab (me)".to_owned();
        assert_eq!(store.use_login_link("l".into(), session(), at("12:01:00")).await.unwrap(), Some(name.clone()));
        assert_eq!(store.use_login_link("l".into(), session(), at("12:01:00")).await.unwrap(), None);
        let row = SessionRow { name, ends: at("14:00:00") };
        assert_eq!(store.session("s".into(), at("13:59:59")).await.unwrap(), Some(row));
        assert_eq!(store.session("s".into(), at("14:00:00")).await.unwrap(), None);
        store.end_session("s".into()).await.unwrap();
        assert_eq!(store.session("s".into(), at("13:00:00")).await.unwrap(), None);
    }
}
