//! The signing keys: reads them, refuses what is no private key, and publishes their public half.
//!
//! Formats: PKCS#1 (RFC 8017), SEC 1 (RFC 5915) and PKCS#8 (RFC 5958), in PEM or DER, unencrypted.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::config::{KeyConfig, SecretsConfig};

mod der;

use der::Reader;

const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];

/// An elliptic curve that the real program knows.
struct Curve {
    identifier: &'static [u8],
    name: &'static str,
    algorithm: &'static str,
    bytes: usize,
}

const CURVES: &[Curve] = &[
    Curve { identifier: &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07], name: "P-256", algorithm: "ES256", bytes: 32 },
    Curve { identifier: &[0x2B, 0x81, 0x04, 0x00, 0x22], name: "P-384", algorithm: "ES384", bytes: 48 },
    Curve { identifier: &[0x2B, 0x81, 0x04, 0x00, 0x0A], name: "secp256k1", algorithm: "ES256K", bytes: 32 },
];

/// A private key that was understood; only what may be published is kept.
#[derive(Debug)]
pub struct PublicKey {
    kid: String,
    algorithms: Vec<&'static str>,
    /// The members of the JWK that say the key (RFC 7517); empty where the file left them out.
    members: Value,
}

impl PublicKey {
    /// Its entries in the published key set, one for each algorithm.
    pub fn jwks(&self) -> Vec<Value> {
        self.algorithms
            .iter()
            .map(|algorithm| {
                let mut jwk = self.members.clone();
                jwk["kid"] = json!(self.kid);
                jwk["use"] = json!("sig");
                jwk["alg"] = json!(algorithm);
                jwk
            })
            .collect()
    }

    /// The algorithms that it signs with.
    pub fn algorithms(&self) -> &[&'static str] {
        &self.algorithms
    }
}

/// Reads every key of the configuration, `keys` first, then every file of `keys_dir`.
pub async fn load(secrets: &SecretsConfig) -> anyhow::Result<Vec<PublicKey>> {
    let mut keys = Vec::new();
    for key in secrets.keys.iter().flatten() {
        keys.push(load_one(key).await?);
    }
    if let Some(folder) = &secrets.keys_dir {
        for file in files_of(folder).await? {
            keys.push(read_file(&file, None).await?);
        }
    }
    Ok(keys)
}

async fn files_of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut entries = tokio::fs::read_dir(folder).await.with_context(|| format!("could not read the folder `{}`", folder.display()))?;
    let mut files = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        if !entry.path().is_dir() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

async fn load_one(key: &KeyConfig) -> anyhow::Result<PublicKey> {
    if key.password.is_some() || key.password_file.is_some() {
        bail!("this stand-in cannot read encrypted keys");
    }
    match (&key.key, &key.key_file) {
        (Some(text), _) => parse(text.as_bytes(), key.kid.as_deref()).context("could not parse `secrets.keys[].key`"),
        (None, Some(file)) => read_file(file, key.kid.as_deref()).await,
        (None, None) => bail!("missing `key` or `key_file` in `secrets.keys`"),
    }
}

async fn read_file(file: &Path, kid: Option<&str>) -> anyhow::Result<PublicKey> {
    let bytes = tokio::fs::read(file).await.with_context(|| format!("could not read the key file `{}`", file.display()))?;
    parse(&bytes, kid).with_context(|| format!("could not parse the key file `{}`", file.display()))
}

/// Understands one private key; without a `kid` it is named by its thumbprint.
pub fn parse(bytes: &[u8], kid: Option<&str>) -> anyhow::Result<PublicKey> {
    let (label, der) = match std::str::from_utf8(bytes) {
        Ok(text) if text.contains("-----BEGIN ") => unwrap_pem(text)?,
        _ => (String::new(), bytes.to_vec()),
    };
    let (algorithms, members) = match label.as_str() {
        "RSA PRIVATE KEY" => rsa(&der)?,
        "EC PRIVATE KEY" => elliptic(&der, None)?,
        "PRIVATE KEY" => pkcs8(&der)?,
        "ENCRYPTED PRIVATE KEY" => bail!("it is encrypted and no password is given"),
        "" => pkcs8(&der).or_else(|_| elliptic(&der, None)).or_else(|_| rsa(&der)).context("unsupported format")?,
        other => bail!("unsupported format: `{other}` is no private key"),
    };
    let kid = kid.map_or_else(|| thumbprint(&members), str::to_owned);
    Ok(PublicKey { kid, algorithms, members })
}

fn unwrap_pem(text: &str) -> anyhow::Result<(String, Vec<u8>)> {
    // `openssl ecparam -genkey` writes the curve's parameters before the key.
    let mut rest = text;
    loop {
        let (_, after) = rest.split_once("-----BEGIN ").context("no private key in the PEM file")?;
        let (label, after) = after.split_once("-----").context("broken PEM header")?;
        let end = format!("-----END {label}-----");
        let (body, after) = after.split_once(end.as_str()).context("the PEM block has no end")?;
        if label == "EC PARAMETERS" {
            rest = after;
            continue;
        }
        if body.contains("Proc-Type:") {
            bail!("it is encrypted and no password is given");
        }
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).context("the PEM block is not base 64")?;
        return Ok((label.to_owned(), der));
    }
}

type Parsed = (Vec<&'static str>, Value);

fn rsa(der: &[u8]) -> anyhow::Result<Parsed> {
    // `ring` refuses keys whose parts do not belong together.
    ring::signature::RsaKeyPair::from_der(der).map_err(|error| anyhow::anyhow!("invalid RSA private key: {error}"))?;
    let mut fields = Reader::new(der).sequence()?;
    fields.integer()?;
    let members = json!({
        "kty": "RSA",
        "n": URL_SAFE_NO_PAD.encode(fields.integer()?),
        "e": URL_SAFE_NO_PAD.encode(fields.integer()?),
    });
    Ok((vec!["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"], members))
}

fn pkcs8(der: &[u8]) -> anyhow::Result<Parsed> {
    let mut fields = Reader::new(der).sequence()?;
    fields.integer()?;
    let mut algorithm = fields.sequence()?;
    let identifier = algorithm.object_identifier()?;
    let curve = if identifier == EC { Some(algorithm.object_identifier()?) } else { None };
    let key = fields.octets()?;
    match (identifier, curve) {
        (RSA, _) => rsa(key),
        (_, Some(curve)) => elliptic(key, Some(curve)),
        _ => bail!("unsupported key algorithm"),
    }
}

fn elliptic(der: &[u8], curve: Option<&[u8]>) -> anyhow::Result<Parsed> {
    let mut fields = Reader::new(der).sequence()?;
    fields.integer()?;
    let private = fields.octets()?;
    let mut own_curve = None;
    let mut public = None;
    while let Some((tag, mut inner)) = fields.optional_context()? {
        match tag {
            0 => own_curve = Some(inner.object_identifier()?),
            1 => public = Some(inner.bits()?),
            _ => bail!("unexpected field in the EC key"),
        }
    }
    let identifier = curve.or(own_curve).context("the EC key does not name its curve")?;
    let curve = CURVES.iter().find(|curve| curve.identifier == identifier).context("unsupported elliptic curve")?;
    if private.len() != curve.bytes || private.iter().all(|byte| *byte == 0) {
        bail!("the EC key has the wrong size for {}", curve.name);
    }
    let mut members = json!({ "kty": "EC", "crv": curve.name });
    if let Some(point) = public {
        if point.len() != 1 + 2 * curve.bytes || point[0] != 4 {
            bail!("the EC key's public half does not fit {}", curve.name);
        }
        members["x"] = json!(URL_SAFE_NO_PAD.encode(&point[1..=curve.bytes]));
        members["y"] = json!(URL_SAFE_NO_PAD.encode(&point[1 + curve.bytes..]));
    }
    Ok((vec![curve.algorithm], members))
}

/// The JWK thumbprint of RFC 7638: the members in the order of their names.
fn thumbprint(members: &Value) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(members.to_string().as_bytes()))
}

#[cfg(test)]
mod tests;
