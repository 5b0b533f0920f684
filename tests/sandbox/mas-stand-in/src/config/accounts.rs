//! Sections about accounts: `account`, `passwords`, `rate_limiting`, `policy`, `captcha`, `branding`.

use std::path::PathBuf;

use anyhow::bail;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::secret_from_file;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    Bcrypt,
    Argon2id,
    Pbkdf2,
}

#[derive(Debug, Clone, Deserialize)]
pub struct PasswordScheme {
    version: u16,
    algorithm: Algorithm,
    #[serde(default)]
    unicode_normalization: bool,
    cost: Option<u32>,
    secret: Option<String>,
    secret_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct PasswordsConfig {
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default = "default_schemes")]
    schemes: Vec<PasswordScheme>,
    #[serde(default = "default_complexity")]
    pub minimum_complexity: u8,
}

/// A scheme whose secret was read.
#[derive(Debug, Clone)]
pub struct LoadedScheme {
    pub version: u16,
    pub algorithm: Algorithm,
    pub unicode_normalization: bool,
    pub cost: u32,
    /// `None` where neither `secret` nor `secret_file` is given: an empty secret is not the same.
    pub secret: Option<String>,
}

fn yes() -> bool {
    true
}

fn default_complexity() -> u8 {
    3
}

fn default_schemes() -> Vec<PasswordScheme> {
    vec![PasswordScheme {
        version: 1,
        algorithm: Algorithm::Argon2id,
        unicode_normalization: false,
        cost: None,
        secret: None,
        secret_file: None,
    }]
}

impl Default for PasswordsConfig {
    fn default() -> Self {
        Self { enabled: true, schemes: default_schemes(), minimum_complexity: default_complexity() }
    }
}

impl PasswordsConfig {
    pub fn validate(&self) -> anyhow::Result<()> {
        if !self.enabled {
            return Ok(());
        }
        if self.schemes.is_empty() {
            bail!("`passwords.schemes` needs at least one scheme");
        }
        for (index, scheme) in self.schemes.iter().enumerate() {
            if scheme.secret.is_some() && scheme.secret_file.is_some() {
                bail!("only one of `secret` and `secret_file` may be given in `passwords.schemes`");
            }
            if self.schemes[..index].iter().any(|other| other.version == scheme.version) {
                bail!("two of `passwords.schemes` have version {}", scheme.version);
            }
        }
        Ok(())
    }

    /// Reads the secrets. The first scheme of the result has the highest version: it is the one
    /// that hashes new passwords.
    pub async fn load(&self) -> anyhow::Result<Vec<LoadedScheme>> {
        let mut loaded = Vec::with_capacity(self.schemes.len());
        for scheme in &self.schemes {
            let secret = match (&scheme.secret, &scheme.secret_file) {
                (Some(secret), _) => Some(secret.clone()),
                (None, Some(file)) => Some(secret_from_file("passwords.schemes[].secret_file", file).await?),
                (None, None) => None,
            };
            loaded.push(LoadedScheme {
                version: scheme.version,
                algorithm: scheme.algorithm,
                unicode_normalization: scheme.unicode_normalization,
                cost: scheme.cost.unwrap_or(12),
                secret,
            });
        }
        loaded.sort_by_key(|scheme| std::cmp::Reverse(scheme.version));
        Ok(loaded)
    }
}

/// A token bucket: `burst` at once, then `per_second`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Limit {
    pub burst: std::num::NonZeroU32,
    pub per_second: f64,
}

impl Limit {
    fn new(burst: u32, per_second: f64) -> Self {
        Self { burst: std::num::NonZeroU32::new(burst).unwrap_or(std::num::NonZeroU32::MIN), per_second }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct LoginLimits {
    #[serde(default = "default_per_ip")]
    pub per_ip: Limit,
    #[serde(default = "default_per_account")]
    pub per_account: Limit,
}

fn default_per_ip() -> Limit {
    Limit::new(3, 3.0 / 60.0)
}

fn default_per_account() -> Limit {
    Limit::new(1800, 1800.0 / 3600.0)
}

impl Default for LoginLimits {
    fn default() -> Self {
        Self { per_ip: default_per_ip(), per_account: default_per_account() }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct RateLimitingConfig {
    #[serde(default)]
    pub login: LoginLimits,
    registration: Option<Limit>,
}

impl RateLimitingConfig {
    pub fn validate(&self) -> anyhow::Result<()> {
        let limits = [Some(self.login.per_ip), Some(self.login.per_account), self.registration];
        if limits.into_iter().flatten().any(|limit| limit.per_second <= 0.0) {
            bail!("`per_second` in `rate_limiting` must be greater than zero");
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct PolicyConfig {
    #[serde(default)]
    pub data: Value,
}

impl PolicyConfig {
    /// Whether a client may ask for the admin scope by itself.
    pub fn is_admin_client(&self, client_id: &str) -> bool {
        self.data
            .get("admin_clients")
            .and_then(Value::as_array)
            .is_some_and(|clients| clients.iter().any(|client| client.as_str() == Some(client_id)))
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptchaService {
    RecaptchaV2,
    CloudflareTurnstile,
    Hcaptcha,
}

#[derive(Debug, Default, Deserialize)]
pub struct CaptchaConfig {
    pub service: Option<CaptchaService>,
    site_key: Option<String>,
    secret_key: Option<String>,
}

impl CaptchaConfig {
    pub fn validate(&self) -> anyhow::Result<()> {
        if self.service.is_some() && self.site_key.is_none() {
            bail!("missing field `site_key` for key `captcha`");
        }
        if self.service.is_some() && self.secret_key.is_none() {
            bail!("missing field `secret_key` for key `captcha`");
        }
        Ok(())
    }
}

#[derive(Debug, Default, Deserialize)]
pub struct BrandingConfig {
    #[serde(rename = "policy_uri")]
    _policy_uri: Option<Url>,
    pub tos_uri: Option<Url>,
}

#[derive(Debug, Default, Deserialize)]
pub struct AccountConfig {
    #[serde(default)]
    pub password_recovery_enabled: bool,
}
