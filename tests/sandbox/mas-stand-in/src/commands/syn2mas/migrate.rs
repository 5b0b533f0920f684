//! The migration itself: reads Synapse's tables and writes this database, in one transaction.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use tokio_postgres::{Client, IsolationLevel, Transaction};
use uuid::Uuid;

use super::checks::MIGRATED_SCHEME;
use crate::identifiers::{new_id, new_id_at};

pub struct Migration {
    pub server_name: String,
    /// Synapse's provider ids and the providers here.
    pub providers: HashMap<String, Uuid>,
    pub ignore_missing_providers: bool,
    pub dry_run: bool,
}

/// A user that was carried over.
struct Migrated {
    id: Uuid,
    created_at: f64,
    /// Neither deactivated nor a guest: sessions of others stay behind.
    keeps_sessions: bool,
    is_admin: bool,
}

type Users = HashMap<String, Migrated>;

/// The session of each device, and when it began.
type Sessions = HashMap<(Uuid, String), (Uuid, f64)>;

impl Migration {
    /// Runs it; a dry run is rolled back at the end.
    pub async fn run(&self, synapse: &mut Client, client: &mut Client) -> anyhow::Result<()> {
        let from = synapse.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
        let to = client.transaction().await?;
        let users = self.users(&from, &to).await.context("could not migrate users")?;
        self.threepids(&from, &to, &users).await.context("could not migrate addresses")?;
        self.external_ids(&from, &to, &users).await.context("could not migrate upstream accounts")?;
        let mut sessions = Sessions::new();
        let tokens = self.tokens(&from, &users, &mut sessions).await.context("could not read access tokens")?;
        self.devices(&from, &to, &users, &mut sessions).await.context("could not migrate devices")?;
        write_tokens(&to, tokens).await.context("could not migrate access tokens")?;
        from.rollback().await?;
        if self.dry_run {
            to.rollback().await?;
            crate::info!("dry run: the users were rolled back");
        } else {
            to.commit().await?;
            crate::info!("migration committed");
        }
        Ok(())
    }

    fn localpart<'a>(&self, user: &'a str) -> anyhow::Result<&'a str> {
        user.strip_prefix('@')
            .and_then(|rest| rest.strip_suffix(self.server_name.as_str()))
            .and_then(|rest| rest.strip_suffix(':'))
            .with_context(|| format!("`{user}` is no user of `{}`", self.server_name))
    }

    /// The user of a row of another table; `None` for a user of an application service.
    fn owner<'a>(&self, users: &'a Users, table: &str, user: &str) -> anyhow::Result<Option<&'a Migrated>> {
        let localpart = self.localpart(user)?;
        match users.get(localpart) {
            Some(migrated) => Ok(Some(migrated)),
            None if localpart.starts_with('_') => Ok(None),
            None => bail!("`{table}` has a row of `{user}`, who is not among the users"),
        }
    }

    async fn users(&self, from: &Transaction<'_>, to: &Transaction<'_>) -> anyhow::Result<Users> {
        let rows = from
            .query(
                "SELECT name, password_hash, coalesce(creation_ts, 0)::float8, admin <> 0, deactivated <> 0, is_guest <> 0,
                        coalesce(locked, FALSE)
                 FROM users WHERE appservice_id IS NULL",
                &[],
            )
            .await?;
        let mut users = Users::new();
        for row in rows {
            let (name, hash): (String, Option<String>) = (row.get(0), row.get(1));
            let (created_at, is_admin): (f64, bool) = (row.get(2), row.get(3));
            let (deactivated, is_guest, locked): (bool, bool, bool) = (row.get(4), row.get(5), row.get(6));
            let localpart = self.localpart(&name)?.to_owned();
            let id = id_at(created_at)?;
            to.execute(
                "INSERT INTO users (user_id, username, created_at, can_request_admin, is_guest, deactivated_at, locked_at)
                 VALUES ($1, $2, to_timestamp($3), $4, $5,
                         CASE WHEN $6 THEN to_timestamp($3) END, CASE WHEN $7 THEN to_timestamp($3) END)",
                &[&id, &localpart, &created_at, &is_admin, &is_guest, &deactivated, &locked],
            )
            .await?;
            if let Some(hash) = hash.filter(|hash| !hash.is_empty()) {
                to.execute(
                    "INSERT INTO user_passwords (user_password_id, user_id, hashed_password, version, created_at)
                     VALUES ($1, $2, $3, $4, to_timestamp($5))",
                    &[&new_id()?, &id, &hash, &i32::from(MIGRATED_SCHEME), &created_at],
                )
                .await?;
            }
            let keeps_sessions = !deactivated && !is_guest;
            users.insert(localpart, Migrated { id, created_at, keeps_sessions, is_admin });
        }
        crate::info!("migrated {} users", users.len());
        // Users of application services stay in Synapse; their rows elsewhere are passed over.
        Ok(users)
    }

    async fn threepids(&self, from: &Transaction<'_>, to: &Transaction<'_>, users: &Users) -> anyhow::Result<()> {
        let rows = from
            .query(
                "SELECT t.user_id, t.medium, t.address, t.added_at / 1000.0::float8 FROM user_threepids t
                 LEFT JOIN users u ON u.name = t.user_id WHERE u.appservice_id IS NULL",
                &[],
            )
            .await?;
        for row in &rows {
            let (user, medium, address, added_at): (String, String, String, f64) = (row.get(0), row.get(1), row.get(2), row.get(3));
            let Some(user) = self.owner(users, "user_threepids", &user)? else {
                continue;
            };
            if medium == "email" {
                let sql = "INSERT INTO user_emails (user_email_id, user_id, email, created_at) VALUES ($1, $2, $3, to_timestamp($4))";
                to.execute(sql, &[&new_id()?, &user.id, &address, &added_at]).await?;
            } else {
                let sql = "INSERT INTO user_unsupported_third_party_ids (user_id, medium, address, created_at) VALUES ($1, $2, $3, to_timestamp($4))";
                to.execute(sql, &[&user.id, &medium, &address, &added_at]).await?;
            }
        }
        crate::info!("migrated {} addresses", rows.len());
        Ok(())
    }

    async fn external_ids(&self, from: &Transaction<'_>, to: &Transaction<'_>, users: &Users) -> anyhow::Result<()> {
        let rows = from
            .query(
                "SELECT e.user_id, e.auth_provider, e.external_id FROM user_external_ids e
                 LEFT JOIN users u ON u.name = e.user_id WHERE u.appservice_id IS NULL",
                &[],
            )
            .await?;
        for row in &rows {
            let (name, provider, subject): (String, String, String) = (row.get(0), row.get(1), row.get(2));
            let Some(user) = self.owner(users, "user_external_ids", &name)? else {
                continue;
            };
            let Some(upstream) = self.providers.get(&provider) else {
                if self.ignore_missing_providers {
                    continue;
                }
                bail!("no upstream provider is mapped to Synapse's '{provider}', which `{name}` uses");
            };
            to.execute(
                "INSERT INTO upstream_oauth_links (upstream_oauth_link_id, upstream_oauth_provider_id, user_id, subject, created_at)
                 VALUES ($1, $2, $3, $4, to_timestamp($5))",
                &[&new_id()?, upstream, &user.id, &subject, &user.created_at],
            )
            .await?;
        }
        crate::info!("migrated {} upstream accounts", rows.len());
        Ok(())
    }

    /// Reads tokens and gives each device its session; they are written after the sessions.
    async fn tokens(&self, from: &Transaction<'_>, users: &Users, sessions: &mut Sessions) -> anyhow::Result<Vec<Token>> {
        let rows = from
            .query(
                "SELECT a.user_id, a.device_id, a.token, a.valid_until_ms / 1000.0::float8, a.last_validated / 1000.0::float8, r.token
                 FROM access_tokens a
                 LEFT JOIN refresh_tokens r ON r.id = a.refresh_token_id AND r.next_token_id IS NULL
                 LEFT JOIN users u ON u.name = a.user_id
                 WHERE a.puppets_user_id IS NULL AND u.appservice_id IS NULL
                   AND (a.refresh_token_id IS NULL OR r.id IS NOT NULL)
                 ORDER BY a.id",
                &[],
            )
            .await?;
        let mut tokens = Vec::new();
        for row in rows {
            let (user, device): (String, Option<String>) = (row.get(0), row.get(1));
            let Some(user) = self.owner(users, "access_tokens", &user)? else {
                continue;
            };
            if !user.keeps_sessions {
                continue;
            }
            // The last validation is often the moment of the login; nothing better is stored.
            let created_at = row.get::<_, Option<f64>>(4).unwrap_or_else(now);
            let session = match device {
                Some(device) => {
                    let fresh = (id_at(created_at)?, created_at);
                    (sessions.entry((user.id, device)).or_insert(fresh).0, None)
                }
                None => (id_at(created_at)?, Some(user.id)),
            };
            tokens.push(Token {
                session: session.0,
                deviceless_user: session.1,
                access_token: row.get(2),
                refresh_token: row.get(5),
                created_at,
                expires_at: row.get(3),
            });
        }
        Ok(tokens)
    }

    async fn devices(&self, from: &Transaction<'_>, to: &Transaction<'_>, users: &Users, sessions: &mut Sessions) -> anyhow::Result<()> {
        let rows = from
            .query(
                "SELECT d.user_id, d.device_id, d.display_name, d.last_seen / 1000.0::float8, d.user_agent FROM devices d
                 LEFT JOIN users u ON u.name = d.user_id
                 WHERE NOT coalesce(d.hidden, FALSE) AND d.device_id <> 'guest_device' AND u.appservice_id IS NULL",
                &[],
            )
            .await?;
        let mut written = 0;
        for row in &rows {
            let (name, device): (String, String) = (row.get(0), row.get(1));
            let Some(user) = self.owner(users, "devices", &name)?.filter(|user| user.keeps_sessions) else {
                continue;
            };
            let fresh = (new_id()?, now());
            let (session, created_at) = sessions.remove(&(user.id, device.clone())).unwrap_or(fresh);
            let (display_name, last_seen, agent): (Option<String>, Option<f64>, Option<String>) = (row.get(2), row.get(3), row.get(4));
            to.execute(
                "INSERT INTO compat_sessions (compat_session_id, user_id, device_id, human_name, created_at,
                    is_synapse_admin, last_active_at, user_agent)
                 VALUES ($1, $2, $3, $4, to_timestamp($5), $6, to_timestamp($7), $8)",
                &[&session, &user.id, &device, &display_name, &created_at, &user.is_admin, &last_seen, &agent],
            )
            .await?;
            written += 1;
        }
        if let Some((_, device)) = sessions.keys().next() {
            bail!("there is an access token of the device `{device}`, which is not among the devices");
        }
        crate::info!("migrated {written} devices");
        Ok(())
    }
}

/// A token that waits for its session.
struct Token {
    session: Uuid,
    /// The user of a token that has no device: its session is made with it.
    deviceless_user: Option<Uuid>,
    access_token: String,
    refresh_token: Option<String>,
    created_at: f64,
    expires_at: Option<f64>,
}

async fn write_tokens(to: &Transaction<'_>, tokens: Vec<Token>) -> anyhow::Result<()> {
    for token in &tokens {
        if let Some(user) = token.deviceless_user {
            let sql = "INSERT INTO compat_sessions (compat_session_id, user_id, created_at) VALUES ($1, $2, to_timestamp($3))";
            to.execute(sql, &[&token.session, &user, &token.created_at]).await?;
        }
        let id = new_id()?;
        to.execute(
            "INSERT INTO compat_access_tokens (compat_access_token_id, compat_session_id, access_token, created_at, expires_at)
             VALUES ($1, $2, $3, to_timestamp($4), to_timestamp($5))",
            &[&id, &token.session, &token.access_token, &token.created_at, &token.expires_at],
        )
        .await?;
        if let Some(refresh_token) = &token.refresh_token {
            to.execute(
                "INSERT INTO compat_refresh_tokens (compat_refresh_token_id, compat_session_id, compat_access_token_id, refresh_token, created_at)
                 VALUES ($1, $2, $3, $4, to_timestamp($5))",
                &[&new_id()?, &token.session, &id, refresh_token, &token.created_at],
            )
            .await?;
        }
    }
    crate::info!("migrated {} access tokens", tokens.len());
    Ok(())
}

/// An identifier for a moment in seconds since 1970.
fn id_at(seconds: f64) -> anyhow::Result<Uuid> {
    // A cast of a float saturates, so that a moment before 1970 becomes 1970.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    new_id_at((seconds * 1000.0) as u64)
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |passed| passed.as_secs_f64())
}
