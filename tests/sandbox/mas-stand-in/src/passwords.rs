//! Password hashes: schemes with a version, a pepper and Unicode normalization.

use anyhow::{Context as _, bail};
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use unicode_normalization::UnicodeNormalization as _;

use crate::config::{Algorithm, LoadedScheme, PasswordsConfig};

/// Hashes and verifies passwords with the configured schemes.
#[derive(Debug, Clone)]
pub struct Passwords {
    enabled: bool,
    minimum_complexity: u8,
    schemes: Vec<LoadedScheme>,
}

/// What came of checking a password.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, and its hash should be replaced by one of the newest scheme.
    RightButOld,
}

impl Passwords {
    /// Reads the schemes' secrets.
    pub async fn load(config: &PasswordsConfig) -> anyhow::Result<Self> {
        let schemes = if config.enabled { config.load().await? } else { Vec::new() };
        if let Some(scheme) = schemes.iter().find(|scheme| scheme.algorithm == Algorithm::Pbkdf2) {
            crate::warning!("this stand-in cannot use pbkdf2, the algorithm of scheme {}", scheme.version);
        }
        Ok(Self { enabled: config.enabled, minimum_complexity: config.minimum_complexity, schemes })
    }

    /// Whether people may log in with a password.
    pub fn enabled(&self) -> bool {
        self.enabled
    }

    /// Whether a password is as hard to guess as `minimum_complexity` asks, by zxcvbn's score.
    pub fn is_complex_enough(&self, password: &str) -> bool {
        u8::from(zxcvbn::zxcvbn(password, &[]).score()) >= self.minimum_complexity
    }

    /// Hashes with the newest scheme; gives its version and the hash.
    pub async fn hash(&self, password: &str) -> anyhow::Result<(u16, String)> {
        let scheme = self.schemes.first().context("password authentication is disabled")?.clone();
        let password = password.to_owned();
        tokio::task::spawn_blocking(move || Ok((scheme.version, hash(&scheme, &password)?))).await?
    }

    /// Checks a password against a hash of a scheme's version.
    pub async fn verify(&self, version: u16, hashed: &str, password: &str) -> anyhow::Result<Verdict> {
        let scheme = self
            .schemes
            .iter()
            .find(|scheme| scheme.version == version)
            .with_context(|| format!("no password scheme has version {version}"))?
            .clone();
        let newest = self.schemes.first().map(|scheme| scheme.version) == Some(version);
        let (hashed, password) = (hashed.to_owned(), password.to_owned());
        let right = tokio::task::spawn_blocking(move || verify(&scheme, &hashed, &password)).await??;
        Ok(match (right, newest) {
            (false, _) => Verdict::Wrong,
            (true, true) => Verdict::Right,
            (true, false) => Verdict::RightButOld,
        })
    }
}

fn prepared(scheme: &LoadedScheme, password: &str) -> String {
    if scheme.unicode_normalization { password.nfkc().collect() } else { password.to_owned() }
}

/// Synapse appends its pepper to the password before it hashes with bcrypt.
fn peppered(scheme: &LoadedScheme, password: &str) -> String {
    prepared(scheme, password) + scheme.secret.as_deref().unwrap_or_default()
}

fn argon(scheme: &LoadedScheme) -> anyhow::Result<Argon2<'_>> {
    match scheme.secret.as_deref() {
        None => Ok(Argon2::default()),
        Some(secret) => {
            Argon2::new_with_secret(secret.as_bytes(), argon2::Algorithm::Argon2id, argon2::Version::V0x13, argon2::Params::default())
                .map_err(|error| anyhow::anyhow!("argon2id refuses the secret: {error}"))
        }
    }
}

fn hash(scheme: &LoadedScheme, password: &str) -> anyhow::Result<String> {
    match scheme.algorithm {
        Algorithm::Bcrypt => Ok(bcrypt::hash(peppered(scheme, password), scheme.cost)?),
        Algorithm::Argon2id => argon(scheme)?
            .hash_password(prepared(scheme, password).as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|error| anyhow::anyhow!("could not hash with argon2id: {error}")),
        Algorithm::Pbkdf2 => bail!("this stand-in cannot use pbkdf2"),
    }
}

fn verify(scheme: &LoadedScheme, hashed: &str, password: &str) -> anyhow::Result<bool> {
    match scheme.algorithm {
        Algorithm::Bcrypt => bcrypt::verify(peppered(scheme, password), hashed).context("the stored bcrypt hash is broken"),
        Algorithm::Argon2id => {
            let parsed =
                argon2::PasswordHash::new(hashed).map_err(|error| anyhow::anyhow!("the stored argon2id hash is broken: {error}"))?;
            let password = prepared(scheme, password);
            Ok(argon(scheme)?.verify_password(password.as_bytes(), &parsed).is_ok())
        }
        Algorithm::Pbkdf2 => bail!("this stand-in cannot use pbkdf2"),
    }
}

#[cfg(test)]
mod tests;
