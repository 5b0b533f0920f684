//! Brings the configured clients and upstream providers into the database.

use tokio_postgres::Client;
use uuid::Uuid;

use crate::config::{ClientConfig, UpstreamConfig};
use crate::identifiers::from_ulid;

/// What to do with rows that the configuration no longer names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftover {
    Keep,
    Remove,
}

/// Writes providers and clients; with `dry_run` everything is rolled back.
pub async fn run(
    client: &mut Client,
    upstream: &UpstreamConfig,
    clients: &[ClientConfig],
    leftover: Leftover,
    dry_run: bool,
) -> anyhow::Result<()> {
    let transaction = client.transaction().await?;
    transaction.batch_execute("SELECT pg_advisory_xact_lock(hashtext('mas-stand-in config sync'))").await?;

    let mut providers: Vec<Uuid> = Vec::new();
    for provider in &upstream.providers {
        let id = provider.id()?;
        if !provider.enabled {
            continue;
        }
        transaction
            .execute(
                "INSERT INTO upstream_oauth_providers
                    (upstream_oauth_provider_id, issuer, human_name, brand_name, client_id, scope, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, now())
                 ON CONFLICT (upstream_oauth_provider_id) DO UPDATE SET issuer = excluded.issuer,
                    human_name = excluded.human_name, brand_name = excluded.brand_name,
                    client_id = excluded.client_id, scope = excluded.scope, disabled_at = NULL",
                &[
                    &id,
                    &provider.issuer,
                    &provider.human_name,
                    &provider.brand_name,
                    &provider.client_id,
                    &provider.scope.as_deref().unwrap_or("openid"),
                ],
            )
            .await?;
        providers.push(id);
    }
    // A provider that has links cannot go; it is disabled. `Remove` deletes it with its links.
    let gone = match leftover {
        Leftover::Keep => "UPDATE upstream_oauth_providers SET disabled_at = coalesce(disabled_at, now())",
        Leftover::Remove => "DELETE FROM upstream_oauth_providers",
    };
    let gone = format!("{gone} WHERE NOT upstream_oauth_provider_id = ANY ($1)");
    transaction.execute(&gone, &[&providers]).await?;

    let mut ids: Vec<Uuid> = Vec::new();
    for client in clients {
        let id = from_ulid(&client.client_id)?;
        transaction
            .execute(
                "INSERT INTO oauth2_clients (oauth2_client_id, token_endpoint_auth_method, secret, is_static)
                 VALUES ($1, $2, $3, TRUE)
                 ON CONFLICT (oauth2_client_id) DO UPDATE SET is_static = TRUE, secret = excluded.secret,
                    token_endpoint_auth_method = excluded.token_endpoint_auth_method",
                &[&id, &client.client_auth_method.name(), &client.secret().await?],
            )
            .await?;
        ids.push(id);
    }
    if leftover == Leftover::Remove {
        transaction.execute("DELETE FROM oauth2_clients WHERE is_static AND NOT oauth2_client_id = ANY ($1)", &[&ids]).await?;
    }
    crate::info!("synchronised {} providers and {} clients", providers.len(), ids.len());
    if dry_run {
        transaction.rollback().await?;
        crate::info!("dry run, nothing was saved");
    } else {
        transaction.commit().await?;
    }
    Ok(())
}
