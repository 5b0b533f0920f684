//! What of Synapse's configuration matters to a migration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::{merge, parse_yaml};

#[derive(Debug, Deserialize)]
pub struct SynapseConfig {
    pub server_name: String,
    database: Database,
    #[serde(default)]
    pub password_config: PasswordSection,
    #[serde(default)]
    pub allow_guest_access: bool,
    #[serde(default)]
    pub enable_registration: bool,
    #[serde(default)]
    pub enable_registration_captcha: bool,
    #[serde(default)]
    pub enable_3pid_changes: bool,
    pub user_consent: Option<Value>,
    #[serde(default)]
    pub login_via_existing_session: Switch,
    #[serde(default)]
    pub cas_config: Switch,
    #[serde(default)]
    pub saml2_config: Switch,
    #[serde(default)]
    pub jwt_config: Switch,
    oidc_config: Option<OidcProvider>,
    #[serde(default)]
    oidc_providers: Vec<OidcProvider>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Switch {
    #[serde(default)]
    pub enabled: bool,
}

#[derive(Debug, Deserialize)]
pub struct PasswordSection {
    #[serde(default = "yes", deserialize_with = "truth")]
    pub enabled: bool,
    #[serde(default = "yes")]
    pub localdb_enabled: bool,
    pub pepper: Option<String>,
}

/// `enabled: only_for_reauth` is a third value of Synapse's.
fn truth<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Value::deserialize(deserializer)? != Value::Bool(false))
}

impl Default for PasswordSection {
    fn default() -> Self {
        Self { enabled: true, localdb_enabled: true, pepper: None }
    }
}

#[derive(Debug, Deserialize)]
struct Database {
    name: String,
    #[serde(default)]
    args: DatabaseArgs,
}

#[derive(Debug, Default, Deserialize)]
struct DatabaseArgs {
    user: Option<String>,
    password: Option<String>,
    dbname: Option<String>,
    database: Option<String>,
    host: Option<String>,
    port: Option<Port>,
}

/// Synapse hands the port to libpq, which takes text as well.
#[derive(Debug)]
struct Port(u16);

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.parse().map(Self).map_err(|_| serde::de::Error::custom(format!("`{text}` is no port")))
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct OidcProvider {
    idp_id: Option<String>,
    pub issuer: Option<String>,
    client_id: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
}

fn yes() -> bool {
    true
}

impl SynapseConfig {
    /// Reads and merges the files.
    pub async fn load(files: &[PathBuf]) -> anyhow::Result<Self> {
        let mut merged = Value::Object(Map::new());
        for file in files {
            let text = tokio::fs::read_to_string(file).await.with_context(|| format!("could not read `{}`", file.display()))?;
            let value = parse_yaml(&text).with_context(|| format!("could not parse `{}`", file.display()))?;
            merge(&mut merged, value);
        }
        Ok(serde_path_to_error::deserialize(merged)?)
    }

    #[cfg(test)]
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(serde_path_to_error::deserialize(parse_yaml(text)?)?)
    }

    /// How Synapse reaches Postgres; a host that begins with `/` is a folder of sockets.
    pub fn postgres(&self) -> anyhow::Result<tokio_postgres::Config> {
        if self.database.name != "psycopg2" {
            bail!("Synapse uses the database driver `{}`, only `psycopg2` can be migrated", self.database.name);
        }
        let args = &self.database.args;
        if args.database.is_some() && args.dbname.is_some() {
            bail!("only one of `database` and `dbname` may be given in Synapse's database `args`");
        }
        let mut postgres = tokio_postgres::Config::new();
        if let Some(host) = &args.host {
            postgres.host(host);
        }
        if let Some(Port(port)) = args.port {
            postgres.port(port);
        }
        if let Some(user) = &args.user {
            postgres.user(user);
        }
        if let Some(password) = &args.password {
            postgres.password(password);
        }
        if let Some(database) = args.dbname.as_ref().or(args.database.as_ref()) {
            postgres.dbname(database);
        }
        Ok(postgres)
    }

    /// The OpenID providers by the id that Synapse's database has for them: it puts `oidc-` before
    /// every `idp_id`, except for the old unnamed one.
    pub fn oidc_providers(&self) -> BTreeMap<String, OidcProvider> {
        let old = self
            .oidc_config
            .iter()
            .filter(|provider| provider.enabled && provider.issuer.is_some() && provider.client_id.is_some())
            .map(|provider| (provider.idp_id.clone().unwrap_or_else(|| "oidc".to_owned()), provider.clone()));
        let named = self.oidc_providers.iter().map(|provider| {
            let id = match provider.idp_id.as_deref() {
                None | Some("oidc") => "oidc".to_owned(),
                Some(id) => format!("oidc-{id}"),
            };
            (id, provider.clone())
        });
        old.chain(named).collect()
    }
}
