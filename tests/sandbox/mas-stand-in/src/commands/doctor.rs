//! `doctor`: ask the deployment whether its parts find each other.
//!
//! A good check is a line with a tick; everything else is logged as a warning or an error. The exit
//! code is 0 in either case. A good well-known document prints nothing.

use std::process::ExitCode;

use anyhow::Context as _;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use url::{Host, Url};

use crate::config::{Config, RawConfig};
use crate::homeserver::http_client;

/// No server ever issued this token.
const INVALID_TOKEN: &str = "mas-stand-in-doctor-asks-with-an-invalid-token";

pub async fn run(raw: &RawConfig) -> anyhow::Result<ExitCode> {
    crate::info!("💡 running diagnostics; Synapse and this service must both be running, with the configuration that this command reads");
    let config = raw.root()?;
    let secret = config.matrix.secret().await?;
    let server = Host::parse(&config.matrix.homeserver).context("`matrix.homeserver` is not a valid domain")?;
    if config.http.issuer().scheme() != "https" {
        crate::warning!("⚠️ the issuer `{}` is not an HTTPS address: some clients refuse it", config.http.issuer());
    }
    let client = http_client()?;
    let discovered = well_known(&client, &server).await;
    if versions(&client, &config).await? {
        whoami(&client, &config).await?;
        provisioning(&client, &config, &secret).await?;
    }
    compat_login(&client, discovered.as_ref().unwrap_or(&config.matrix.endpoint)).await?;
    Ok(ExitCode::SUCCESS)
}

/// Fetches `https://<server name>/.well-known/matrix/client`; gives the homeserver's address in it.
async fn well_known(client: &Client, server: &Host) -> Option<Url> {
    let address = format!("https://{server}/.well-known/matrix/client");
    let response = match client.get(&address).send().await {
        Ok(response) => response,
        Err(error) => {
            crate::warning!("⚠️ could not fetch the well-known document at \"{address}\": {}", chain(&error));
            return None;
        }
    };
    let status = response.status();
    if !status.is_success() {
        crate::warning!("⚠️ the well-known document at \"{address}\" replied with {status}, expected 2xx");
    }
    let body: Value = match response.json().await {
        Ok(body) => body,
        Err(error) => {
            crate::warning!("⚠️ the well-known document at \"{address}\" is not valid JSON: {}", chain(&error));
            return None;
        }
    };
    body["m.homeserver"]["base_url"].as_str().and_then(|url| Url::parse(url).ok())
}

async fn versions(client: &Client, config: &Config) -> anyhow::Result<bool> {
    let address = config.matrix.endpoint.join("/_matrix/client/versions")?;
    match client.get(address.clone()).send().await {
        Ok(response) if response.status().is_success() => {
            crate::info!("✅ homeserver is reachable at \"{address}\"");
            Ok(true)
        }
        Ok(response) => {
            let status = response.status();
            crate::error!("❌ can't reach the homeserver at \"{address}\", got {status}; is `matrix.endpoint` right?");
            Ok(false)
        }
        Err(error) => {
            crate::error!("❌ can't reach the homeserver at \"{address}\": {}; is `matrix.endpoint` right?", chain(&error));
            Ok(false)
        }
    }
}

async fn whoami(client: &Client, config: &Config) -> anyhow::Result<()> {
    let address = config.matrix.endpoint.join("/_matrix/client/v3/account/whoami")?;
    let response = match client.get(address.clone()).bearer_auth(INVALID_TOKEN).send().await {
        Ok(response) => response,
        Err(error) => {
            crate::error!("❌ can't reach the homeserver at \"{address}\": {}", chain(&error));
            return Ok(());
        }
    };
    let status = response.status();
    let body = response.text().await.unwrap_or_default();
    match status.as_u16() {
        401 => crate::info!("✅ homeserver at \"{address}\" is reachable and rejected an invalid token"),
        0..=399 => crate::error!("❌ the homeserver at \"{address}\" replied with {status} to an invalid token"),
        503 => crate::error!(
            "❌ the homeserver at \"{address}\" replied with {status}: it could not ask this service about a token. \
             It says: {}",
            body.trim()
        ),
        _ => crate::warning!("⚠️ the homeserver at \"{address}\" replied with {status}"),
    }
    Ok(())
}

/// Asks a provisioning endpoint without its parameter: Synapse answers 400 to the right secret, 403
/// to a wrong one and 404 when the integration is off.
async fn provisioning(client: &Client, config: &Config, secret: &str) -> anyhow::Result<()> {
    let address = config.matrix.endpoint.join("/_synapse/mas/is_localpart_available")?;
    match client.get(address.clone()).bearer_auth(secret).send().await {
        Ok(response) if response.status() == StatusCode::BAD_REQUEST => {
            crate::info!("✅ the Synapse admin API is reachable with authentication at \"{address}\"");
        }
        Ok(response) => {
            let status = response.status();
            crate::error!(
                "❌ the Synapse admin API at \"{address}\" replied with {status}; `matrix.secret` must equal \
                 `matrix_authentication_service.secret` in Synapse's configuration"
            );
        }
        Err(error) => crate::error!("❌ can't reach the Synapse admin API at \"{address}\": {}", chain(&error)),
    }
    Ok(())
}

async fn compat_login(client: &Client, base: &Url) -> anyhow::Result<()> {
    let address = base.join("/_matrix/client/v3/login")?;
    let response = match client.get(address.clone()).send().await {
        Ok(response) => response,
        Err(error) => {
            crate::warning!("⚠️ can't reach the legacy login API at \"{address}\": {}", chain(&error));
            return Ok(());
        }
    };
    let status = response.status();
    if !status.is_success() {
        // Without a cross: not every failure of the real program carries one.
        crate::error!("the legacy login API at \"{address}\" replied with {status}; does the reverse proxy send it here?");
        return Ok(());
    }
    let body: Value = response.json().await.unwrap_or_default();
    let is_delegated = body["flows"].as_array().is_some_and(|flows| {
        flows.iter().any(|flow| flow["type"] == "m.login.sso" && flow["org.matrix.msc3824.delegated_oidc_compatibility"] == true)
    });
    if is_delegated {
        crate::info!("✅ the legacy login API at \"{address}\" is reachable and is handled by MAS");
    } else {
        crate::warning!("⚠️ the legacy login API at \"{address}\" is reachable but is not handled by MAS; check the reverse proxy");
    }
    Ok(())
}

/// An error with its causes: the outermost one alone says too little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
