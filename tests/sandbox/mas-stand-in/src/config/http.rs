//! `http`: public addresses and listeners.

use std::path::PathBuf;

use anyhow::bail;
use ipnet::IpNet;
use serde::Deserialize;
use serde::de::{self, Deserializer};
use serde_json::Value;
use url::Url;

#[derive(Debug, Clone, Deserialize)]
pub struct HttpConfig {
    #[serde(default)]
    pub listeners: Vec<ListenerConfig>,
    #[serde(default = "default_proxies", deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    pub public_base: Url,
    pub issuer: Option<Url>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ListenerConfig {
    pub name: Option<String>,
    pub resources: Vec<Resource>,
    pub prefix: Option<String>,
    pub binds: Vec<Bind>,
    #[serde(default)]
    pub proxy_protocol: bool,
    pub tls: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Resource {
    Health,
    Prometheus,
    Discovery,
    Human,
    Graphql,
    Oauth,
    Compat,
    Assets,
    Adminapi,
    #[serde(rename = "connection-info")]
    ConnectionInfo,
}

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// A port of a host, or of every address.
    Port { host: Option<String>, port: u16 },
    /// An address such as `[::]:8080`.
    Address(String),
    /// A UNIX socket.
    Socket { socket: PathBuf, mode: Option<u32> },
    /// A descriptor handed in by the service manager.
    Descriptor,
}

impl<'de> Deserialize<'de> for Bind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            host: Option<String>,
            port: Option<u16>,
            address: Option<String>,
            socket: Option<PathBuf>,
            mode: Option<String>,
        }
        let fields = Fields::deserialize(deserializer)?;
        if let Some(port) = fields.port {
            return Ok(Self::Port { host: fields.host, port });
        }
        if let Some(address) = fields.address {
            return Ok(Self::Address(address));
        }
        if let Some(socket) = fields.socket {
            let mode = fields
                .mode
                .map(|mode| u32::from_str_radix(&mode, 8))
                .transpose()
                .map_err(|_| de::Error::custom("the socket's `mode` is not octal"))?;
            return Ok(Self::Socket { socket, mode });
        }
        Ok(Self::Descriptor)
    }
}

/// The addresses of proxies that are believed when nothing is configured. `10.0.0.0/10` is what
/// the real program has; it leaves out 10.64.0.0 and above.
fn default_proxies() -> Vec<IpNet> {
    ["192.168.0.0/16", "172.16.0.0/12", "10.0.0.0/10", "127.0.0.1/8", "fd00::/8", "::1/128"]
        .iter()
        .filter_map(|network| network.parse().ok())
        .collect()
}

fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    Vec::<String>::deserialize(deserializer)?
        .iter()
        .map(|text| {
            text.parse::<IpNet>()
                .or_else(|_| text.parse().map(|address: std::net::IpAddr| IpNet::from(address)))
                .map_err(|_| de::Error::custom(format!("`{text}` is no network")))
        })
        .collect()
}

impl HttpConfig {
    /// Refuses what the real program refuses, and what this stand-in does not do.
    pub fn validate(&self) -> anyhow::Result<()> {
        for listener in &self.listeners {
            if let Some(tls) = &listener.tls {
                let has = |name: &str| tls.get(name).is_some_and(|value| !value.is_null());
                for name in ["certificate", "key", "password"] {
                    if has(name) && has(&format!("{name}_file")) {
                        bail!("only one of `{name}` and `{name}_file` may be given in `http.listeners[].tls`");
                    }
                }
                for name in ["certificate", "key"] {
                    if !has(name) && !has(&format!("{name}_file")) {
                        bail!("`{name}` or `{name}_file` is missing in `http.listeners[].tls`");
                    }
                }
            }
            if let Some(prefix) = &listener.prefix
                && !prefix.starts_with('/')
            {
                bail!("`http.listeners[].prefix` must begin with `/`");
            }
        }
        Ok(())
    }

    /// What the discovery document and the tokens name as issuer: `issuer`, else `public_base`.
    pub fn issuer(&self) -> &Url {
        self.issuer.as_ref().unwrap_or(&self.public_base)
    }

    /// The address of an endpoint. It is relative to `public_base` as in a browser: a base with a
    /// path but no trailing slash loses its last segment.
    pub fn endpoint(&self, path: &str) -> String {
        self.public_base.join(path).map_or_else(|_| path.to_owned(), String::from)
    }
}
