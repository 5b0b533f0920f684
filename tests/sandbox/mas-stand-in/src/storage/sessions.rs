//! Sessions of old-style clients and their tokens, and the tokens of OAuth 2.0 clients.

use tokio_postgres::{GenericClient, Row};
use uuid::Uuid;

use crate::identifiers::{new_id, token};

/// A session that a token led to.
#[derive(Debug)]
pub struct Session {
    pub id: Uuid,
    pub user_id: Uuid,
    pub device_id: Option<String>,
    pub is_synapse_admin: bool,
    /// Seconds since 1970 when the token was issued.
    pub issued_at: i64,
    /// Seconds that the token still lives; `None` where it has no end.
    pub expires_in: Option<i64>,
}

const SESSION: &str = "s.compat_session_id, s.user_id, s.device_id, s.is_synapse_admin";

fn session(row: &Row) -> Session {
    Session {
        id: row.get(0),
        user_id: row.get(1),
        device_id: row.get(2),
        is_synapse_admin: row.get(3),
        issued_at: row.get(4),
        expires_in: row.get(5),
    }
}

/// A new session of a device.
pub struct NewSession<'a> {
    pub user: Uuid,
    pub device_id: &'a str,
    pub human_name: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub is_synapse_admin: bool,
}

/// Adds a session. One that the same device had is finished: a device has one session.
pub async fn add(client: &impl GenericClient, new: &NewSession<'_>) -> anyhow::Result<Uuid> {
    client
        .execute(
            "UPDATE compat_sessions SET finished_at = now()
             WHERE user_id = $1 AND device_id = $2 AND finished_at IS NULL",
            &[&new.user, &new.device_id],
        )
        .await?;
    let id = new_id()?;
    client
        .execute(
            "INSERT INTO compat_sessions (compat_session_id, user_id, device_id, human_name, user_agent, is_synapse_admin, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, now())",
            &[&id, &new.user, &new.device_id, &new.human_name, &new.user_agent, &new.is_synapse_admin],
        )
        .await?;
    Ok(id)
}

/// Issues an access token that lives for `seconds`, or for ever; gives its id and text.
pub async fn add_access_token(client: &impl GenericClient, session: Uuid, seconds: Option<u32>) -> anyhow::Result<(Uuid, String)> {
    let (id, token) = (new_id()?, token("mct")?);
    client
        .execute(
            "INSERT INTO compat_access_tokens (compat_access_token_id, compat_session_id, access_token, created_at, expires_at)
             VALUES ($1, $2, $3, now(), now() + make_interval(secs => $4))",
            &[&id, &session, &token, &seconds.map(f64::from)],
        )
        .await?;
    Ok((id, token))
}

pub async fn add_refresh_token(client: &impl GenericClient, session: Uuid, access_token: Uuid) -> anyhow::Result<String> {
    let token = token("mcr")?;
    client
        .execute(
            "INSERT INTO compat_refresh_tokens (compat_refresh_token_id, compat_session_id, compat_access_token_id, refresh_token, created_at)
             VALUES ($1, $2, $3, $4, now())",
            &[&new_id()?, &session, &access_token, &token],
        )
        .await?;
    Ok(token)
}

/// The unfinished session of an access token that has not expired.
pub async fn by_access_token(client: &impl GenericClient, token: &str) -> anyhow::Result<Option<Session>> {
    let query = format!(
        "SELECT {SESSION}, extract(epoch FROM t.created_at)::bigint,
                ceil(extract(epoch FROM t.expires_at - now()))::bigint
         FROM compat_access_tokens t JOIN compat_sessions s USING (compat_session_id)
         WHERE t.access_token = $1 AND s.finished_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())"
    );
    Ok(client.query_opt(&query, &[&token]).await?.as_ref().map(session))
}

/// Uses a refresh token up; gives its session. The access token that came with it ends.
pub async fn consume_refresh_token(client: &impl GenericClient, token: &str) -> anyhow::Result<Option<Session>> {
    let query = format!(
        "WITH used AS (
            UPDATE compat_refresh_tokens r SET consumed_at = now()
            FROM compat_sessions s
            WHERE r.refresh_token = $1 AND r.consumed_at IS NULL
              AND s.compat_session_id = r.compat_session_id AND s.finished_at IS NULL
            RETURNING r.compat_session_id, r.compat_access_token_id
         ), ended AS (
            UPDATE compat_access_tokens t SET expires_at = now() FROM used
            WHERE t.compat_access_token_id = used.compat_access_token_id
         )
         SELECT {SESSION}, extract(epoch FROM now())::bigint, NULL::bigint
         FROM used JOIN compat_sessions s USING (compat_session_id)"
    );
    Ok(client.query_opt(&query, &[&token]).await?.as_ref().map(session))
}

/// Ends a session.
pub async fn finish(client: &impl GenericClient, session: Uuid) -> anyhow::Result<()> {
    let sql = "UPDATE compat_sessions SET finished_at = now() WHERE compat_session_id = $1 AND finished_at IS NULL";
    client.execute(sql, &[&session]).await?;
    Ok(())
}

/// Ends every session of a user; gives how many.
pub async fn finish_all(client: &impl GenericClient, user: Uuid) -> anyhow::Result<u64> {
    let sql = "UPDATE compat_sessions SET finished_at = now() WHERE user_id = $1 AND finished_at IS NULL";
    Ok(client.execute(sql, &[&user]).await?)
}

/// The devices that a user's unfinished sessions have.
pub async fn devices(client: &impl GenericClient, user: Uuid) -> anyhow::Result<Vec<String>> {
    let sql = "SELECT DISTINCT device_id FROM compat_sessions
               WHERE user_id = $1 AND finished_at IS NULL AND device_id IS NOT NULL";
    Ok(client.query(sql, &[&user]).await?.iter().map(|row| row.get(0)).collect())
}

/// Issues a token to an OAuth 2.0 client for itself.
pub async fn add_client_token(client: &impl GenericClient, client_id: Uuid, scope: &str, seconds: u32) -> anyhow::Result<String> {
    let token = token("mat")?;
    client
        .execute(
            "INSERT INTO oauth2_access_tokens (oauth2_access_token_id, oauth2_client_id, access_token, scope, created_at, expires_at)
             VALUES ($1, $2, $3, $4, now(), now() + make_interval(secs => $5))",
            &[&new_id()?, &client_id, &token, &scope, &f64::from(seconds)],
        )
        .await?;
    Ok(token)
}

/// The client and scope of an OAuth 2.0 token, and the seconds it still lives.
pub async fn client_token(client: &impl GenericClient, token: &str) -> anyhow::Result<Option<(Uuid, String, i64)>> {
    let sql = "SELECT oauth2_client_id, scope, ceil(extract(epoch FROM expires_at - now()))::bigint
               FROM oauth2_access_tokens WHERE access_token = $1 AND expires_at > now()";
    Ok(client.query_opt(sql, &[&token]).await?.map(|row| (row.get(0), row.get(1), row.get(2))))
}
