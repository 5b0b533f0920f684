//! The configuration: its files, how they merge, and its sections.
//!
//! As in Matrix Authentication Service unknown keys are accepted and a wrong type is refused with
//! the key's path. Nothing here opens the files that the configuration points at, except where a
//! method says so.

mod accounts;
mod database;
mod email;
mod http;
mod matrix;
mod upstream;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use accounts::{
    AccountConfig, Algorithm, BrandingConfig, CaptchaConfig, Limit, LoadedScheme, PasswordsConfig, PolicyConfig, RateLimitingConfig,
};
pub use database::{DatabaseConfig, SslMode, fill_from_environment, parse_uri as parse_database_uri};
pub use email::{EmailConfig, EmailTransport, SmtpMode};
pub use http::{Bind, HttpConfig, ListenerConfig, Resource};
pub use matrix::{KeyConfig, MatrixConfig, SecretsConfig};
pub use upstream::{ClientConfig, UpstreamConfig};

/// The files to read: those of the command line, else of `MAS_CONFIG` (separated by `:`), else
/// `config.yaml` in the working directory.
pub fn files(arguments: Vec<PathBuf>, variable: Option<OsString>) -> Vec<PathBuf> {
    if !arguments.is_empty() {
        return arguments;
    }
    match variable {
        Some(paths) if !paths.is_empty() => std::env::split_paths(&paths).collect(),
        _ => vec![PathBuf::from("config.yaml")],
    }
}

/// The merged files before any section was looked at.
#[derive(Debug, Clone, Default)]
pub struct RawConfig(Value);

/// Every section, checked.
#[derive(Debug)]
pub struct Config {
    pub clients: Vec<ClientConfig>,
    pub http: HttpConfig,
    pub database: DatabaseConfig,
    pub secrets: SecretsConfig,
    pub passwords: PasswordsConfig,
    pub matrix: MatrixConfig,
    pub policy: PolicyConfig,
    pub rate_limiting: RateLimitingConfig,
    pub upstream: UpstreamConfig,
    pub account: AccountConfig,
    pub email: Option<EmailConfig>,
    pub compat_token_ttl: u32,
    pub access_token_ttl: u32,
}

#[derive(Debug, Deserialize)]
struct Experimental {
    #[serde(default = "five_minutes")]
    access_token_ttl: u32,
    #[serde(default = "five_minutes")]
    compat_token_ttl: u32,
}

impl Default for Experimental {
    fn default() -> Self {
        Self { access_token_ttl: five_minutes(), compat_token_ttl: five_minutes() }
    }
}

fn five_minutes() -> u32 {
    300
}

impl RawConfig {
    /// Reads and merges the files. A file that does not exist counts as empty, so that what is
    /// missing is reported as a missing section; one that cannot be read is an error.
    pub fn load(files: &[PathBuf]) -> anyhow::Result<Self> {
        let mut merged = Value::Object(Map::new());
        for file in files {
            if let Some(value) = read_yaml(file)? {
                merge(&mut merged, value);
            }
        }
        Ok(Self(merged))
    }

    #[cfg(test)]
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(Self(parse_yaml(text)?))
    }

    /// The merged configuration.
    pub fn value(&self) -> &Value {
        &self.0
    }

    fn required<T: DeserializeOwned>(&self, section: &str) -> anyhow::Result<T> {
        self.optional(section)?.with_context(|| format!("missing field `{section}`"))
    }

    fn optional<T: DeserializeOwned>(&self, section: &str) -> anyhow::Result<Option<T>> {
        match self.0.get(section) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_path_to_error::deserialize(value).map(Some).map_err(|error| {
                let path = error.path().to_string();
                let key = if path == "." { section.to_owned() } else { format!("{section}.{path}") };
                anyhow::anyhow!("{} for key `{key}`", error.into_inner())
            }),
        }
    }

    /// The `database` section; without one the environment decides, as with `postgresql://`.
    pub fn database(&self) -> anyhow::Result<DatabaseConfig> {
        let section: DatabaseConfig = self.optional("database")?.unwrap_or_default();
        section.validate()?;
        Ok(section)
    }

    /// The `matrix` section.
    pub fn matrix(&self) -> anyhow::Result<MatrixConfig> {
        let section: MatrixConfig = self.required("matrix")?;
        section.validate()?;
        Ok(section)
    }

    /// The `passwords` section; without one there is argon2id alone.
    pub fn passwords(&self) -> anyhow::Result<PasswordsConfig> {
        let section: PasswordsConfig = self.optional("passwords")?.unwrap_or_default();
        section.validate()?;
        Ok(section)
    }

    /// The `upstream_oauth2` section.
    pub fn upstream(&self) -> anyhow::Result<UpstreamConfig> {
        let section: UpstreamConfig = self.optional("upstream_oauth2")?.unwrap_or_default();
        section.validate()?;
        Ok(section)
    }

    /// The `clients` section.
    pub fn clients(&self) -> anyhow::Result<Vec<ClientConfig>> {
        let clients: Vec<ClientConfig> = self.optional("clients")?.unwrap_or_default();
        for client in &clients {
            client.validate()?;
        }
        Ok(clients)
    }

    /// The `secrets` section.
    pub fn secrets(&self) -> anyhow::Result<SecretsConfig> {
        let section: SecretsConfig = self.required("secrets")?;
        section.validate()?;
        Ok(section)
    }

    /// The `captcha` section.
    pub fn captcha(&self) -> anyhow::Result<CaptchaConfig> {
        let section: CaptchaConfig = self.optional("captcha")?.unwrap_or_default();
        section.validate()?;
        Ok(section)
    }

    /// The `branding` section.
    pub fn branding(&self) -> anyhow::Result<BrandingConfig> {
        Ok(self.optional("branding")?.unwrap_or_default())
    }

    /// Every section; this is all that `config check` looks at.
    pub fn root(&self) -> anyhow::Result<Config> {
        let http: HttpConfig = self.required("http")?;
        http.validate()?;
        let rate_limiting: RateLimitingConfig = self.optional("rate_limiting")?.unwrap_or_default();
        rate_limiting.validate()?;
        let email: Option<EmailConfig> = self.optional("email")?;
        if let Some(email) = &email {
            email.validate()?;
        }
        self.captcha()?;
        self.branding()?;
        let experimental: Experimental = self.optional("experimental")?.unwrap_or_default();
        for (key, seconds) in [("access_token_ttl", experimental.access_token_ttl), ("compat_token_ttl", experimental.compat_token_ttl)] {
            if !(60..=86400).contains(&seconds) {
                bail!("`experimental.{key}` must lie between 60 and 86400 seconds");
            }
        }
        Ok(Config {
            clients: self.clients()?,
            http,
            database: self.database()?,
            secrets: self.secrets()?,
            passwords: self.passwords()?,
            matrix: self.matrix()?,
            policy: self.optional("policy")?.unwrap_or_default(),
            rate_limiting,
            upstream: self.upstream()?,
            account: self.optional("account")?.unwrap_or_default(),
            email,
            compat_token_ttl: experimental.compat_token_ttl,
            access_token_ttl: experimental.access_token_ttl,
        })
    }
}

fn read_yaml(file: &Path) -> anyhow::Result<Option<Value>> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("could not read `{}`", file.display()));
        }
    };
    parse_yaml(&text).with_context(|| format!("could not parse `{}`", file.display())).map(Some)
}

/// Parses a YAML document; an empty one is an empty mapping, anything but a mapping is refused.
pub fn parse_yaml(text: &str) -> anyhow::Result<Value> {
    let value: Value = serde_saphyr::from_str(text)?;
    match value {
        Value::Null => Ok(Value::Object(Map::new())),
        Value::Object(_) => Ok(value),
        _ => bail!("the document is not a mapping"),
    }
}

/// Merges mappings key by key; anything else in `from` replaces what was there.
pub fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// Reads the file of a `*_file` setting; a newline at its end does not count.
pub async fn secret_from_file(setting: &str, file: &Path) -> anyhow::Result<String> {
    let text = tokio::fs::read_to_string(file).await.with_context(|| format!("could not read `{}` of `{setting}`", file.display()))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests;
