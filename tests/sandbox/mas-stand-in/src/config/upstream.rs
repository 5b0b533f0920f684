//! `clients` and `upstream_oauth2`.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::secret_from_file;
use crate::identifiers::from_ulid;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMethod {
    None,
    ClientSecretBasic,
    ClientSecretPost,
    ClientSecretJwt,
    PrivateKeyJwt,
}

impl ClientAuthMethod {
    /// Its name in the configuration and in OAuth 2.0.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    fn has_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt)
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct ClientConfig {
    pub client_id: String,
    pub client_auth_method: ClientAuthMethod,
    client_secret: Option<String>,
    client_secret_file: Option<PathBuf>,
    jwks: Option<Value>,
    jwks_uri: Option<Url>,
    #[serde(default, rename = "redirect_uris")]
    _redirect_uris: Vec<Url>,
}

impl ClientConfig {
    pub fn validate(&self) -> anyhow::Result<()> {
        let id = &self.client_id;
        from_ulid(id).with_context(|| format!("`clients[].client_id` `{id}`"))?;
        let secret = self.client_secret.is_some() || self.client_secret_file.is_some();
        let keys = self.jwks.is_some() || self.jwks_uri.is_some();
        if self.client_secret.is_some() && self.client_secret_file.is_some() {
            bail!("client `{id}`: only one of `client_secret` and `client_secret_file` may be given");
        }
        let method = self.client_auth_method;
        if method.has_secret() && !secret {
            bail!("client `{id}`: `{}` needs `client_secret`", method.name());
        }
        if !method.has_secret() && secret {
            bail!("client `{id}`: `client_secret` does not go with `{}`", method.name());
        }
        if (method == ClientAuthMethod::PrivateKeyJwt) != keys {
            bail!("client `{id}`: `jwks` or `jwks_uri` goes with `private_key_jwt` and with nothing else");
        }
        Ok(())
    }

    /// The secret; reads `client_secret_file`.
    pub async fn secret(&self) -> anyhow::Result<Option<String>> {
        match (&self.client_secret, &self.client_secret_file) {
            (Some(secret), _) => Ok(Some(secret.clone())),
            (None, Some(file)) => secret_from_file("clients[].client_secret_file", file).await.map(Some),
            (None, None) => Ok(None),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct UpstreamConfig {
    #[serde(default)]
    pub providers: Vec<Provider>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TokenAuthMethod {
    None,
    ClientSecretBasic,
    ClientSecretPost,
    ClientSecretJwt,
    PrivateKeyJwt,
    SignInWithApple,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DiscoveryMode {
    #[default]
    Oidc,
    Insecure,
    Disabled,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PkceMethod {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ResponseMode {
    Query,
    FormPost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ImportAction {
    Ignore,
    Suggest,
    Force,
    Require,
}

#[derive(Debug, Clone, Deserialize)]
struct Import {
    #[serde(rename = "action")]
    _action: Option<ImportAction>,
    #[serde(rename = "template")]
    _template: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct ClaimsImports {
    #[serde(rename = "subject")]
    _subject: Option<Import>,
    #[serde(rename = "localpart")]
    _localpart: Option<Import>,
    #[serde(rename = "displayname")]
    _displayname: Option<Import>,
    #[serde(rename = "email")]
    _email: Option<Import>,
    #[serde(rename = "account_name")]
    _account_name: Option<Import>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Provider {
    #[serde(default = "yes")]
    pub enabled: bool,
    id: String,
    pub synapse_idp_id: Option<String>,
    pub issuer: Option<String>,
    pub human_name: Option<String>,
    pub brand_name: Option<String>,
    pub client_id: String,
    client_secret: Option<String>,
    client_secret_file: Option<PathBuf>,
    token_endpoint_auth_method: TokenAuthMethod,
    sign_in_with_apple: Option<Value>,
    pub scope: Option<String>,
    #[serde(default)]
    discovery_mode: DiscoveryMode,
    #[serde(rename = "pkce_method")]
    _pkce_method: Option<PkceMethod>,
    #[serde(default, rename = "fetch_userinfo")]
    _fetch_userinfo: bool,
    authorization_endpoint: Option<Url>,
    #[serde(rename = "userinfo_endpoint")]
    _userinfo_endpoint: Option<Url>,
    token_endpoint: Option<Url>,
    #[serde(rename = "jwks_uri")]
    _jwks_uri: Option<Url>,
    #[serde(rename = "response_mode")]
    _response_mode: Option<ResponseMode>,
    #[serde(default, rename = "claims_imports")]
    _claims_imports: ClaimsImports,
}

fn yes() -> bool {
    true
}

impl Provider {
    /// Its id as the database keeps it.
    pub fn id(&self) -> anyhow::Result<Uuid> {
        from_ulid(&self.id).with_context(|| format!("`upstream_oauth2.providers[].id` `{}`", self.id))
    }

    fn validate(&self) -> anyhow::Result<()> {
        self.id()?;
        let id = &self.id;
        if self.client_secret.is_some() && self.client_secret_file.is_some() {
            bail!("provider `{id}`: only one of `client_secret` and `client_secret_file` may be given");
        }
        let secret = self.client_secret.is_some() || self.client_secret_file.is_some();
        match self.token_endpoint_auth_method {
            TokenAuthMethod::ClientSecretBasic | TokenAuthMethod::ClientSecretPost | TokenAuthMethod::ClientSecretJwt if !secret => {
                bail!("provider `{id}`: its `token_endpoint_auth_method` needs `client_secret`")
            }
            TokenAuthMethod::None | TokenAuthMethod::PrivateKeyJwt | TokenAuthMethod::SignInWithApple if secret => {
                bail!("provider `{id}`: `client_secret` does not go with its `token_endpoint_auth_method`")
            }
            _ => {}
        }
        if (self.token_endpoint_auth_method == TokenAuthMethod::SignInWithApple) != self.sign_in_with_apple.is_some() {
            bail!("provider `{id}`: `sign_in_with_apple` goes with that `token_endpoint_auth_method` alone");
        }
        if self.discovery_mode == DiscoveryMode::Disabled {
            if self.authorization_endpoint.is_none() {
                bail!("provider `{id}`: `authorization_endpoint` is missing and discovery is disabled");
            }
            if self.token_endpoint.is_none() {
                bail!("provider `{id}`: `token_endpoint` is missing and discovery is disabled");
            }
        } else if self.issuer.is_none() {
            bail!("provider `{id}`: `issuer` is missing and discovery is enabled");
        }
        Ok(())
    }
}

impl UpstreamConfig {
    pub fn validate(&self) -> anyhow::Result<()> {
        self.providers.iter().try_for_each(Provider::validate)
    }
}
