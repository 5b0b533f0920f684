//! `matrix` and `secrets`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use url::Url;

use super::secret_from_file;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HomeserverKind {
    #[default]
    Synapse,
    SynapseModern,
    SynapseLegacy,
    SynapseReadOnly,
}

#[derive(Debug, Clone, Deserialize)]
pub struct MatrixConfig {
    #[serde(default)]
    pub kind: HomeserverKind,
    pub homeserver: String,
    pub endpoint: Url,
    secret: Option<String>,
    secret_file: Option<PathBuf>,
}

impl MatrixConfig {
    pub fn validate(&self) -> anyhow::Result<()> {
        match (&self.secret, &self.secret_file) {
            (Some(_), Some(_)) => {
                bail!("only one of `matrix.secret` and `matrix.secret_file` may be given")
            }
            (None, None) => bail!("missing `matrix.secret` or `matrix.secret_file`"),
            _ if self.kind == HomeserverKind::SynapseLegacy => {
                bail!("this stand-in only speaks Synapse's stable integration; `matrix.kind: synapse_legacy` is not served")
            }
            _ => Ok(()),
        }
    }

    /// The secret that is shared with Synapse; reads `secret_file`.
    pub async fn secret(&self) -> anyhow::Result<String> {
        match (&self.secret, &self.secret_file) {
            (Some(secret), _) => Ok(secret.clone()),
            (None, Some(file)) => secret_from_file("matrix.secret_file", file).await,
            (None, None) => bail!("missing `matrix.secret` or `matrix.secret_file`"),
        }
    }

    /// The full id of a user.
    pub fn user_id(&self, localpart: &str) -> String {
        format!("@{localpart}:{}", self.homeserver)
    }

    /// The local part of a full id of this homeserver, or the text as it is.
    pub fn localpart<'a>(&self, user: &'a str) -> &'a str {
        user.strip_prefix('@')
            .and_then(|rest| rest.split_once(':'))
            .filter(|(_, server)| *server == self.homeserver)
            .map_or(user, |(localpart, _)| localpart)
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct SecretsConfig {
    encryption: Option<String>,
    encryption_file: Option<PathBuf>,
    pub keys: Option<Vec<KeyConfig>>,
    pub keys_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct KeyConfig {
    pub kid: Option<String>,
    pub key: Option<String>,
    pub key_file: Option<PathBuf>,
    pub password: Option<String>,
    pub password_file: Option<PathBuf>,
}

impl SecretsConfig {
    pub fn validate(&self) -> anyhow::Result<()> {
        match (&self.encryption, &self.encryption_file) {
            (Some(_), Some(_)) => {
                bail!("only one of `secrets.encryption` and `secrets.encryption_file` may be given")
            }
            (None, None) => bail!("missing `secrets.encryption` or `secrets.encryption_file`"),
            (Some(key), None) => check_encryption("secrets.encryption", key)?,
            (None, Some(_)) => {}
        }
        if self.keys.is_none() && self.keys_dir.is_none() {
            bail!("missing field `keys` for key `secrets`");
        }
        for key in self.keys.iter().flatten() {
            match (&key.key, &key.key_file) {
                (Some(_), Some(_)) => {
                    bail!("only one of `key` and `key_file` may be given in `secrets.keys`")
                }
                (None, None) => bail!("missing `key` or `key_file` in `secrets.keys`"),
                _ => {}
            }
            if key.password.is_some() && key.password_file.is_some() {
                bail!("only one of `password` and `password_file` may be given in `secrets.keys`");
            }
        }
        Ok(())
    }

    /// Checks the encryption key that a file holds. Unlike every other `*_file` this one may not
    /// end with a newline.
    pub async fn check_encryption_file(&self) -> anyhow::Result<()> {
        let Some(file) = &self.encryption_file else {
            return Ok(());
        };
        let text = read(file).await?;
        check_encryption("secrets.encryption_file", &text)
    }
}

async fn read(file: &Path) -> anyhow::Result<String> {
    tokio::fs::read_to_string(file).await.with_context(|| format!("could not read `{}`", file.display()))
}

fn check_encryption(name: &str, key: &str) -> anyhow::Result<()> {
    if key.len() != 64 || !key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("`{name}` must be exactly 64 hexadecimal digits (32 bytes)");
    }
    Ok(())
}
