//! What going back would lose: all that came to MAS since the accounts moved.

use super::super::Context;
use super::super::postgres::query;
use super::database::{Databases, literal};
use crate::diagnostic::Result;
use crate::migration::Migration;

/// One kind of loss.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Loss {
    /// In words: `sessions that began: these devices must log in again`.
    pub what: &'static str,
    /// How many.
    pub count: u64,
    /// The first names of users that it is about.
    pub users: Vec<String>,
}

/// Words, table, column of the time, and how a row leads to its user.
const KINDS: &[(&str, &str, &str, &str)] = &[
    ("users that are new: they have no account in Synapse's keeping", "users", "created_at", "t.username"),
    ("passwords that were set or changed: the old one counts again", "user_passwords", "created_at", OWNER),
    ("sessions that began: these devices must log in again", "compat_sessions", "created_at", OWNER),
    ("sessions of new clients that began: these devices must log in again", "oauth2_sessions", "created_at", OWNER_OF_SESSION),
    ("sessions that were ended: their old tokens work again, unless MAS told Synapse of it", "compat_sessions", "finished_at", OWNER),
    ("e-mail addresses that were added", "user_emails", "created_at", OWNER),
    ("links to identity providers that were made", "upstream_oauth_links", "created_at", OWNER),
    ("users that were locked: they can log in again", "users", "locked_at", "t.username"),
    ("users that were deactivated: Synapse may not know it", "users", "deactivated_at", "t.username"),
];
const OWNER: &str = "(SELECT username FROM users u WHERE u.user_id = t.user_id)";
const OWNER_OF_SESSION: &str =
    "(SELECT username FROM users u JOIN user_sessions s ON s.user_id = u.user_id WHERE s.user_session_id = t.user_session_id)";

/// MAS hashes a password anew when somebody logs in with an old hash: the password is the same. Other tables have no such column.
const NOT_UPGRADED: &str = "to_jsonb(t) ->> 'upgraded_from_id' IS NULL";

/// How many names are told.
const NAMES: usize = 10;

/// Looks for what would be lost. What tried the logins does not count.
///
/// # Errors
/// Postgres does not answer.
pub async fn losses(context: &Context<'_>, databases: &Databases, migration: &Migration) -> Result<Vec<Loss>> {
    let Some(cut_over) = &migration.cut_over else { return Ok(Vec::new()) };
    let names: Vec<&str> = KINDS.iter().map(|(_, table, _, _)| *table).chain(["user_sessions"]).collect();
    let there = databases.mas_tables(context, &names).await?;
    let is_there = |table: &str| there.iter().any(|name| name == table);
    let mut losses = Vec::new();
    for (what, table, column, user) in KINDS {
        if !is_there(table) || (user == &OWNER_OF_SESSION && !is_there("user_sessions")) {
            continue;
        }
        let sql = format!(
            "SELECT coalesce({user}, '') FROM {table} t WHERE t.{column} > {since}::timestamptz AND {NOT_UPGRADED} \
             AND coalesce({user}, '') NOT LIKE '{PROBE}%' ORDER BY t.{column};\n",
            since = literal(&cut_over.at),
            PROBE = super::probe::PREFIX,
        );
        let rows = query(context, &databases.container, &databases.mas, &sql).await?;
        let mut users: Vec<String> = rows.iter().filter_map(|row| row.first().filter(|name| !name.is_empty()).cloned()).collect();
        users.dedup();
        users.truncate(NAMES);
        if !rows.is_empty() {
            losses.push(Loss { what, count: rows.len() as u64, users });
        }
    }
    Ok(losses)
}
