//! Users, their passwords and addresses.

use tokio_postgres::{GenericClient, Row};
use uuid::Uuid;

use crate::identifiers::new_id;

#[derive(Debug, Clone)]
pub struct User {
    pub id: Uuid,
    pub username: String,
    /// Moments are RFC 3339 in UTC.
    pub created_at: String,
    pub locked_at: Option<String>,
    pub deactivated_at: Option<String>,
    pub can_request_admin: bool,
    pub is_guest: bool,
}

impl User {
    /// Whether its sessions count.
    pub fn is_valid(&self) -> bool {
        self.locked_at.is_none() && self.deactivated_at.is_none()
    }
}

/// The columns of a user, with every moment as text.
fn columns() -> String {
    let moment = |column: &str| format!("to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    format!(
        "user_id, username, {}, {}, {}, can_request_admin, is_guest",
        moment("created_at"),
        moment("locked_at"),
        moment("deactivated_at")
    )
}

fn user(row: &Row) -> User {
    User {
        id: row.get(0),
        username: row.get(1),
        created_at: row.get(2),
        locked_at: row.get(3),
        deactivated_at: row.get(4),
        can_request_admin: row.get(5),
        is_guest: row.get(6),
    }
}

pub async fn find(client: &impl GenericClient, username: &str) -> anyhow::Result<Option<User>> {
    let query = format!("SELECT {} FROM users WHERE lower(username) = lower($1) ORDER BY username = $1 DESC LIMIT 1", columns());
    Ok(client.query_opt(&query, &[&username]).await?.as_ref().map(user))
}

pub async fn get(client: &impl GenericClient, id: Uuid) -> anyhow::Result<Option<User>> {
    let query = format!("SELECT {} FROM users WHERE user_id = $1", columns());
    Ok(client.query_opt(&query, &[&id]).await?.as_ref().map(user))
}

/// At most `limit` users after the one with id `after`, those that fit the filters.
pub async fn list(
    client: &impl GenericClient,
    after: Option<Uuid>,
    limit: i64,
    admin: Option<bool>,
    status: Option<&str>,
) -> anyhow::Result<(i64, Vec<User>)> {
    let filter = "($1::boolean IS NULL OR can_request_admin = $1) AND CASE coalesce($2, '') \
        WHEN 'active' THEN locked_at IS NULL AND deactivated_at IS NULL \
        WHEN 'locked' THEN locked_at IS NOT NULL \
        WHEN 'deactivated' THEN deactivated_at IS NOT NULL ELSE TRUE END";
    let count = client.query_one(&format!("SELECT count(*) FROM users WHERE {filter}"), &[&admin, &status]).await?.get(0);
    let query = format!("SELECT {} FROM users WHERE {filter} AND ($3::uuid IS NULL OR user_id > $3) ORDER BY user_id LIMIT $4", columns());
    let rows = client.query(&query, &[&admin, &status, &after, &limit]).await?;
    Ok((count, rows.iter().map(user).collect()))
}

pub async fn add(client: &impl GenericClient, username: &str, admin: bool) -> anyhow::Result<Uuid> {
    let id = new_id()?;
    client
        .execute(
            "INSERT INTO users (user_id, username, created_at, can_request_admin) VALUES ($1, $2, now(), $3)",
            &[&id, &username, &admin],
        )
        .await?;
    Ok(id)
}

pub async fn add_email(client: &impl GenericClient, user: Uuid, email: &str) -> anyhow::Result<Uuid> {
    let row = client
        .query_one(
            "INSERT INTO user_emails (user_email_id, user_id, email, created_at) VALUES ($1, $2, $3, now())
             ON CONFLICT (user_id, email) DO UPDATE SET email = excluded.email RETURNING user_email_id",
            &[&new_id()?, &user, &email],
        )
        .await?;
    Ok(row.get(0))
}

pub async fn emails(client: &impl GenericClient, user: Uuid) -> anyhow::Result<Vec<String>> {
    let rows = client.query("SELECT email FROM user_emails WHERE user_id = $1 ORDER BY email", &[&user]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The user who has an e-mail address, if exactly one has it.
pub async fn by_email(client: &impl GenericClient, email: &str) -> anyhow::Result<Option<User>> {
    let query =
        format!("SELECT {} FROM users WHERE user_id IN (SELECT user_id FROM user_emails WHERE lower(email) = lower($1))", columns());
    let rows = client.query(&query, &[&email]).await?;
    match rows.as_slice() {
        [row] => Ok(Some(user(row))),
        _ => Ok(None),
    }
}

/// Adds a hash; the newest one of a user counts.
pub async fn set_password(client: &impl GenericClient, user: Uuid, version: u16, hashed: &str) -> anyhow::Result<()> {
    client
        .execute(
            "INSERT INTO user_passwords (user_password_id, user_id, hashed_password, version, created_at)
             VALUES ($1, $2, $3, $4, clock_timestamp())",
            &[&new_id()?, &user, &hashed, &i32::from(version)],
        )
        .await?;
    Ok(())
}

/// The scheme's version and the hash that count for a user.
pub async fn password(client: &impl GenericClient, user: Uuid) -> anyhow::Result<Option<(u16, String)>> {
    let row = client
        .query_opt(
            "SELECT version, hashed_password FROM user_passwords WHERE user_id = $1
             ORDER BY created_at DESC, user_password_id DESC LIMIT 1",
            &[&user],
        )
        .await?;
    row.map(|row| {
        let version: i32 = row.get(0);
        Ok((u16::try_from(version)?, row.get(1)))
    })
    .transpose()
}

pub async fn set_locked(client: &impl GenericClient, user: Uuid, locked: bool) -> anyhow::Result<()> {
    let sql = "UPDATE users SET locked_at = CASE WHEN $2 THEN coalesce(locked_at, now()) END WHERE user_id = $1";
    client.execute(sql, &[&user, &locked]).await?;
    Ok(())
}

pub async fn set_deactivated(client: &impl GenericClient, user: Uuid, deactivated: bool) -> anyhow::Result<()> {
    let sql = "UPDATE users SET deactivated_at = CASE WHEN $2 THEN coalesce(deactivated_at, now()) END WHERE user_id = $1";
    client.execute(sql, &[&user, &deactivated]).await?;
    Ok(())
}
