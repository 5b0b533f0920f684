//! Synapse's provisioning endpoints under `/_synapse/mas/`, which take the shared secret as bearer
//! token (Synapse: `synapse/rest/synapse/mas/`).

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::StatusCode;
use serde_json::{Value, json};
use url::Url;

use crate::config::MatrixConfig;
use crate::tls;

/// An HTTP client that trusts the system's certificates and those of `SSL_CERT_FILE`.
pub fn http_client() -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls::https()?)
        .user_agent(concat!("mas-stand-in/", env!("CARGO_PKG_VERSION")))
        .timeout(Duration::from_secs(60))
        .connect_timeout(Duration::from_secs(10))
        .build()
        .context("could not build the HTTP client")
}

/// The homeserver as this service reaches it.
#[derive(Debug, Clone)]
pub struct Homeserver {
    client: reqwest::Client,
    endpoint: Url,
    secret: String,
}

impl Homeserver {
    /// Reads the shared secret.
    pub async fn new(config: &MatrixConfig) -> anyhow::Result<Self> {
        Ok(Self { client: http_client()?, endpoint: config.endpoint.clone(), secret: config.secret().await? })
    }

    /// Whether a bearer token is the shared secret.
    pub fn is_secret(&self, token: &str) -> bool {
        !self.secret.is_empty() && token == self.secret
    }

    fn url(&self, name: &str) -> anyhow::Result<Url> {
        Ok(self.endpoint.join(&format!("/_synapse/mas/{name}"))?)
    }

    async fn post(&self, name: &str, body: Value) -> anyhow::Result<()> {
        let response = self
            .client
            .post(self.url(name)?)
            .bearer_auth(&self.secret)
            .json(&body)
            .send()
            .await
            .with_context(|| format!("could not ask the homeserver for `{name}`"))?;
        expect_success(name, response).await
    }

    /// Whether a local part is free on the homeserver.
    pub async fn is_localpart_available(&self, localpart: &str) -> anyhow::Result<bool> {
        let name = "is_localpart_available";
        let response = self
            .client
            .get(self.url(name)?)
            .query(&[("localpart", localpart)])
            .bearer_auth(&self.secret)
            .send()
            .await
            .with_context(|| format!("could not ask the homeserver for `{name}`"))?;
        if response.status() == StatusCode::BAD_REQUEST {
            let body: Value = response.json().await.unwrap_or_default();
            return match body["errcode"].as_str() {
                Some("M_USER_IN_USE" | "M_INVALID_USERNAME" | "M_EXCLUSIVE") => Ok(false),
                other => bail!("the homeserver refused `{name}`: {}", other.unwrap_or("no errcode")),
            };
        }
        expect_success(name, response).await.map(|()| true)
    }

    /// Creates a user, or sets its name and addresses.
    pub async fn provision_user(&self, localpart: &str, display_name: Option<&str>, emails: &[String], locked: bool) -> anyhow::Result<()> {
        let mut body = json!({ "localpart": localpart, "locked": locked, "set_emails": emails });
        if let Some(display_name) = display_name {
            body["set_displayname"] = json!(display_name);
        }
        self.post("provision_user", body).await
    }

    /// Deactivates a user.
    pub async fn delete_user(&self, localpart: &str, erase: bool) -> anyhow::Result<()> {
        self.post("delete_user", json!({ "localpart": localpart, "erase": erase })).await
    }

    /// Makes a deactivated user active again.
    pub async fn reactivate_user(&self, localpart: &str) -> anyhow::Result<()> {
        self.post("reactivate_user", json!({ "localpart": localpart })).await
    }

    /// Creates a device or keeps the one that is there.
    pub async fn upsert_device(&self, localpart: &str, device_id: &str, display_name: Option<&str>) -> anyhow::Result<()> {
        let mut body = json!({ "localpart": localpart, "device_id": device_id });
        if let Some(display_name) = display_name {
            body["display_name"] = json!(display_name);
        }
        self.post("upsert_device", body).await
    }

    /// Makes the homeserver's devices of a user those and no others.
    pub async fn sync_devices(&self, localpart: &str, devices: &[String]) -> anyhow::Result<()> {
        self.post("sync_devices", json!({ "localpart": localpart, "devices": devices })).await
    }
}

async fn expect_success(name: &str, response: reqwest::Response) -> anyhow::Result<()> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let body = response.text().await.unwrap_or_default();
    bail!("the homeserver answered `{name}` with {status}: {}", body.trim());
}
