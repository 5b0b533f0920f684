//! `database`: how to reach Postgres.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::secret_from_file;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct DatabaseConfig {
    uri: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    socket: Option<PathBuf>,
    username: Option<String>,
    password: Option<String>,
    password_file: Option<PathBuf>,
    database: Option<String>,
    pub ssl_mode: Option<SslMode>,
    pub ssl_ca: Option<String>,
    pub ssl_ca_file: Option<PathBuf>,
    ssl_certificate: Option<String>,
    ssl_certificate_file: Option<PathBuf>,
    ssl_key: Option<String>,
    ssl_key_file: Option<PathBuf>,
    #[serde(rename = "max_connections")]
    _max_connections: Option<std::num::NonZeroU32>,
    #[serde(rename = "min_connections")]
    _min_connections: Option<u32>,
    connect_timeout: Option<u64>,
    #[serde(rename = "idle_timeout")]
    _idle_timeout: Option<u64>,
    #[serde(rename = "max_lifetime")]
    _max_lifetime: Option<u64>,
}

impl DatabaseConfig {
    /// Refuses `uri` beside the split fields, and two ways of saying one thing.
    pub fn validate(&self) -> anyhow::Result<()> {
        let split = self.host.is_some()
            || self.port.is_some()
            || self.socket.is_some()
            || self.username.is_some()
            || self.password.is_some()
            || self.password_file.is_some()
            || self.database.is_some();
        if self.uri.is_some() && split {
            bail!(
                "`database.uri` must not be given together with `host`, `port`, `socket`, \
                 `username`, `password` or `database`"
            );
        }
        if self.host.is_some() && self.socket.is_some() {
            bail!("`database.host` must not be given together with `database.socket`");
        }
        for (name, inline, file) in [
            ("password", self.password.is_some(), self.password_file.is_some()),
            ("ssl_ca", self.ssl_ca.is_some(), self.ssl_ca_file.is_some()),
            ("ssl_certificate", self.ssl_certificate.is_some(), self.ssl_certificate_file.is_some()),
            ("ssl_key", self.ssl_key.is_some(), self.ssl_key_file.is_some()),
        ] {
            if inline && file {
                bail!("only one of `database.{name}` and `database.{name}_file` may be given");
            }
        }
        let certificate = self.ssl_certificate.is_some() || self.ssl_certificate_file.is_some();
        let key = self.ssl_key.is_some() || self.ssl_key_file.is_some();
        if certificate != key {
            bail!("`database.ssl_certificate` and `database.ssl_key` belong together");
        }
        Ok(())
    }

    /// What the driver needs; reads `password_file`. Missing values come from the `PG*` variables.
    pub async fn postgres(&self) -> anyhow::Result<tokio_postgres::Config> {
        if self.ssl_certificate.is_some() || self.ssl_certificate_file.is_some() {
            bail!("this stand-in cannot show a client certificate to Postgres");
        }
        let mut postgres = match self.uri.as_deref() {
            Some(uri) => parse_uri(uri).context("`database.uri` is no connection string")?,
            None => tokio_postgres::Config::new(),
        };
        if let Some(host) = &self.host {
            postgres.host(host);
        }
        if let Some(socket) = &self.socket {
            postgres.host_path(socket);
        }
        if let Some(port) = self.port {
            postgres.port(port);
        }
        if let Some(username) = &self.username {
            postgres.user(username);
        }
        if let Some(password) = &self.password {
            postgres.password(password);
        }
        if let Some(file) = &self.password_file {
            postgres.password(secret_from_file("database.password_file", file).await?);
        }
        if let Some(database) = &self.database {
            postgres.dbname(database);
        }
        postgres.application_name("mas-stand-in");
        postgres.connect_timeout(Duration::from_secs(self.connect_timeout.unwrap_or(30)));
        fill_from_environment(&mut postgres);
        Ok(postgres)
    }
}

/// Parses a connection URI; the bare forms `postgresql:` and `postgresql://` are empty.
pub fn parse_uri(uri: &str) -> anyhow::Result<tokio_postgres::Config> {
    if uri == "postgresql:" || uri == "postgres:" {
        return Ok(tokio_postgres::Config::new());
    }
    if !uri.starts_with("postgresql://") && !uri.starts_with("postgres://") {
        bail!("`{uri}` is no `postgresql://` URI");
    }
    Ok(uri.parse()?)
}

/// Takes what the connection does not say from `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD` and
/// `PGDATABASE`, with libpq's defaults.
pub fn fill_from_environment(postgres: &mut tokio_postgres::Config) {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if postgres.get_hosts().is_empty() {
        postgres.host(variable("PGHOST").unwrap_or_else(|| "localhost".to_owned()));
    }
    if postgres.get_ports().is_empty() {
        postgres.port(variable("PGPORT").and_then(|port| port.parse().ok()).unwrap_or(5432));
    }
    if postgres.get_user().is_none() {
        postgres.user(variable("PGUSER").unwrap_or_else(|| "postgres".to_owned()));
    }
    if postgres.get_password().is_none()
        && let Some(password) = variable("PGPASSWORD")
    {
        postgres.password(password);
    }
    if postgres.get_dbname().is_none()
        && let Some(database) = variable("PGDATABASE")
    {
        postgres.dbname(database);
    }
}
