//! The tables, made and kept up to date by numbered steps.

use anyhow::{Context as _, bail};
use tokio_postgres::Client;

struct Step {
    version: i64,
    description: &'static str,
    sql: &'static str,
}

const STEPS: &[Step] = &[
    Step { version: 20_260_101_000_000, description: "accounts", sql: ACCOUNTS },
    Step { version: 20_260_101_000_100, description: "sessions", sql: SESSIONS },
    Step { version: 20_260_101_000_200, description: "clients, providers, queue", sql: SERVICES },
    Step { version: 20_260_101_000_300, description: "search", sql: SEARCH },
];

const ACCOUNTS: &str = "
    CREATE TABLE users (
        user_id uuid PRIMARY KEY,
        username text NOT NULL UNIQUE,
        created_at timestamptz NOT NULL,
        locked_at timestamptz,
        deactivated_at timestamptz,
        can_request_admin boolean NOT NULL DEFAULT FALSE,
        is_guest boolean NOT NULL DEFAULT FALSE
    );
    CREATE TABLE user_passwords (
        user_password_id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
        hashed_password text NOT NULL,
        version integer NOT NULL,
        created_at timestamptz NOT NULL
    );
    CREATE TABLE user_emails (
        user_email_id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
        email text NOT NULL,
        created_at timestamptz NOT NULL,
        UNIQUE (user_id, email)
    );
    CREATE TABLE user_unsupported_third_party_ids (
        user_id uuid NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
        medium text NOT NULL,
        address text NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (user_id, medium, address)
    );
";

const SESSIONS: &str = "
    CREATE TABLE compat_sessions (
        compat_session_id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (user_id) ON DELETE CASCADE,
        device_id text,
        human_name text,
        created_at timestamptz NOT NULL,
        finished_at timestamptz,
        is_synapse_admin boolean NOT NULL DEFAULT FALSE,
        last_active_at timestamptz,
        user_agent text
    );
    CREATE TABLE compat_access_tokens (
        compat_access_token_id uuid PRIMARY KEY,
        compat_session_id uuid NOT NULL REFERENCES compat_sessions (compat_session_id) ON DELETE CASCADE,
        access_token text NOT NULL UNIQUE,
        created_at timestamptz NOT NULL,
        expires_at timestamptz
    );
    CREATE TABLE compat_refresh_tokens (
        compat_refresh_token_id uuid PRIMARY KEY,
        compat_session_id uuid NOT NULL REFERENCES compat_sessions (compat_session_id) ON DELETE CASCADE,
        compat_access_token_id uuid NOT NULL REFERENCES compat_access_tokens (compat_access_token_id) ON DELETE CASCADE,
        refresh_token text NOT NULL UNIQUE,
        created_at timestamptz NOT NULL,
        consumed_at timestamptz
    );
";

const SERVICES: &str = "
    CREATE TABLE upstream_oauth_providers (
        upstream_oauth_provider_id uuid PRIMARY KEY,
        issuer text,
        human_name text,
        brand_name text,
        client_id text NOT NULL,
        scope text NOT NULL,
        created_at timestamptz NOT NULL,
        disabled_at timestamptz
    );
    CREATE TABLE upstream_oauth_links (
        upstream_oauth_link_id uuid PRIMARY KEY,
        upstream_oauth_provider_id uuid NOT NULL REFERENCES upstream_oauth_providers (upstream_oauth_provider_id) ON DELETE CASCADE,
        user_id uuid REFERENCES users (user_id) ON DELETE CASCADE,
        subject text NOT NULL,
        created_at timestamptz NOT NULL,
        UNIQUE (upstream_oauth_provider_id, subject)
    );
    CREATE TABLE oauth2_clients (
        oauth2_client_id uuid PRIMARY KEY,
        token_endpoint_auth_method text NOT NULL,
        secret text,
        is_static boolean NOT NULL
    );
    CREATE TABLE oauth2_access_tokens (
        oauth2_access_token_id uuid PRIMARY KEY,
        oauth2_client_id uuid NOT NULL REFERENCES oauth2_clients (oauth2_client_id) ON DELETE CASCADE,
        access_token text NOT NULL UNIQUE,
        scope text NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL
    );
    CREATE TABLE queue_jobs (
        queue_job_id uuid PRIMARY KEY,
        queue_name text NOT NULL,
        payload text NOT NULL,
        attempt integer NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL,
        scheduled_at timestamptz NOT NULL,
        completed_at timestamptz,
        failed_at timestamptz,
        failed_reason text
    );
";

// The real program searches user names by trigrams: the extension must be there, or the database's
// owner must be allowed to create it.
const SEARCH: &str = "
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX users_username_trgm ON users USING gin (username gin_trgm_ops);
";

/// Tables that a migration from Synapse fills; all must be empty before.
pub const FILLED_BY_SYN2MAS: &[&str] = &[
    "users",
    "user_passwords",
    "user_emails",
    "user_unsupported_third_party_ids",
    "upstream_oauth_links",
    "compat_sessions",
    "compat_access_tokens",
    "compat_refresh_tokens",
];

/// Brings the tables up to date; one instance at a time.
pub async fn migrate(client: &mut Client) -> anyhow::Result<()> {
    let transaction = client.transaction().await?;
    transaction
        .batch_execute(
            "SELECT pg_advisory_xact_lock(hashtext('mas-stand-in migrations'));
             CREATE TABLE IF NOT EXISTS _sqlx_migrations (
                version bigint PRIMARY KEY,
                description text NOT NULL,
                installed_on timestamptz NOT NULL DEFAULT now(),
                success boolean NOT NULL
             );",
        )
        .await
        .context("could not run migrations")?;
    let done: Vec<i64> = transaction.query("SELECT version FROM _sqlx_migrations", &[]).await?.iter().map(|row| row.get(0)).collect();
    if let Some(unknown) = done.iter().find(|version| STEPS.iter().all(|step| step.version != **version)) {
        bail!(
            "could not run migrations: the database has step {unknown}, which this stand-in does not \
             know; was it used by the real Matrix Authentication Service?"
        );
    }
    for step in STEPS.iter().filter(|step| !done.contains(&step.version)) {
        transaction
            .batch_execute(step.sql)
            .await
            .with_context(|| format!("could not run migrations: step {} ({})", step.version, step.description))?;
        transaction
            .execute(
                "INSERT INTO _sqlx_migrations (version, description, success) VALUES ($1, $2, TRUE)",
                &[&step.version, &step.description],
            )
            .await?;
    }
    transaction.commit().await.context("could not run migrations")
}
