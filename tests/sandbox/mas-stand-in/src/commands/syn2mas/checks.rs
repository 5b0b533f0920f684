//! What stands in the way of a migration, and what should be thought of before it.

use tokio_postgres::Client;

use super::synapse::SynapseConfig;
use crate::config::{Algorithm, RawConfig};

/// The version of the scheme that Synapse's hashes are taken over as.
pub const MIGRATED_SCHEME: u16 = 1;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    pub errors: Vec<String>,
    pub warnings: Vec<String>,
}

impl Findings {
    pub fn extend(&mut self, other: Self) {
        self.errors.extend(other.errors);
        self.warnings.extend(other.warnings);
    }
}

/// Looks at Synapse's configuration alone.
pub fn synapse_config(synapse: &SynapseConfig) -> Findings {
    let mut found = Findings::default();
    if synapse.enable_registration {
        found.warnings.push("Synapse has `enable_registration` on; switch it off before Synapse starts after the migration.".to_owned());
    }
    if synapse.user_consent.is_some() {
        found.warnings.push("Synapse has `user_consent`; remove it after the migration.".to_owned());
    }
    for (name, enabled) in [
        ("CAS", synapse.cas_config.enabled),
        ("SAML2", synapse.saml2_config.enabled),
        ("JWT", synapse.jwt_config.enabled),
        ("password provider", synapse.password_config.enabled && !synapse.password_config.localdb_enabled),
    ] {
        if enabled {
            found.warnings.push(format!("Synapse authenticates by {name}, which must be mapped to an upstream provider by hand."));
        }
    }
    if synapse.enable_3pid_changes {
        found.errors.push("Synapse has `enable_3pid_changes` on; switch it off or remove it.".to_owned());
    }
    if synapse.login_via_existing_session.enabled {
        found.errors.push("Synapse has `login_via_existing_session.enabled` on; switch it off.".to_owned());
    }
    found
}

/// Compares Synapse's configuration with the one here.
pub async fn against_mas(synapse: &SynapseConfig, raw: &RawConfig) -> anyhow::Result<Findings> {
    let mut found = Findings::default();
    let schemes = raw.passwords()?.load().await?;
    match schemes.iter().find(|scheme| scheme.version == MIGRATED_SCHEME) {
        None => found.errors.push("MAS has no password scheme with version 1.".to_owned()),
        Some(scheme) => {
            if scheme.algorithm != Algorithm::Bcrypt {
                found.errors.push("MAS's password scheme with version 1 must use `bcrypt`: Synapse's hashes are made with it.".to_owned());
            }
            // An empty pepper is not the same as none.
            if scheme.secret != synapse.password_config.pepper {
                found
                    .errors
                    .push("MAS's password scheme with version 1 must have Synapse's `password_config.pepper` as `secret`.".to_owned());
            }
        }
    }
    if synapse.allow_guest_access {
        found.errors.push("Synapse has `allow_guest_access` on; MAS knows no guests, switch it off.".to_owned());
    }
    let matrix = raw.matrix()?;
    if synapse.server_name != matrix.homeserver {
        found.errors.push(format!(
            "MAS has `matrix.homeserver` {:?}, Synapse has `server_name` {:?}; they must be the same.",
            matrix.homeserver, synapse.server_name
        ));
    }
    if synapse.enable_registration_captcha && raw.captcha()?.service.is_none() {
        found.warnings.push("Synapse asks for a captcha at registration, MAS has no `captcha`.".to_owned());
    }
    if synapse.user_consent.is_some() && raw.branding()?.tos_uri.is_none() {
        found.warnings.push("Synapse has `user_consent`, MAS has no `branding.tos_uri` in its place.".to_owned());
    }
    Ok(found)
}

/// Looks into Synapse's database.
pub async fn synapse_database(client: &Client, synapse: &SynapseConfig, raw: &RawConfig, ignore_missing: bool) -> anyhow::Result<Findings> {
    let count = async |query: &str| -> anyhow::Result<i64> { Ok(client.query_one(query, &[]).await?.get(0)) };
    let guests = count("SELECT count(*) FROM users WHERE is_guest <> 0").await?;
    let other_threepids = count("SELECT count(*) FROM user_threepids WHERE medium <> 'email'").await?;
    let rows =
        client.query("SELECT auth_provider, count(*) FROM user_external_ids GROUP BY auth_provider ORDER BY auth_provider", &[]).await?;
    let used: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();

    let mut found = Findings::default();
    if guests > 0 {
        found.warnings.push(format!("Synapse's database has {guests} guests; they are carried over but MAS knows no guests."));
    }
    if other_threepids > 0 {
        found
            .warnings
            .push(format!("Synapse's database has {other_threepids} addresses that are no e-mail addresses; MAS cannot use them."));
    }
    let known: Vec<Option<String>> = raw.upstream()?.providers.iter().map(|provider| provider.synapse_idp_id.clone()).collect();
    found.extend(providers(synapse, &known, &used, ignore_missing));
    Ok(found)
}

/// Each provider that users have accounts at must be in both configurations.
fn providers(synapse: &SynapseConfig, known: &[Option<String>], used: &[(String, i64)], ignore_missing: bool) -> Findings {
    let mut found = Findings::default();
    let listed = synapse.oidc_providers();
    for (provider, users) in used {
        match listed.get(provider) {
            None if ignore_missing => {}
            None => found.errors.push(format!(
                "Synapse's database has {users} users of the provider '{provider}', which Synapse's configuration does not list."
            )),
            Some(_) if known.iter().flatten().any(|known| known == provider) => {}
            Some(listed) => found.errors.push(format!(
                "Synapse's provider '{provider}' (issuer: {:?}) has {users} users; MAS needs an upstream provider with `synapse_idp_id: {provider}`.",
                listed.issuer.as_deref().unwrap_or("<unspecified>")
            )),
        }
    }
    found
}

#[cfg(test)]
mod tests;
