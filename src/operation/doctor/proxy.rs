//! The way in: homestead's Traefik, asked from the host at its container's own addresses.

use std::net::{IpAddr, SocketAddr};

use super::{Client, Context};
use crate::diagnostic::Result;
use crate::host::ForwardingRefused;
use crate::host::docker::Docker;

/// Traefik, and how to ask it.
pub(super) struct Proxy {
    /// Its addresses in the networks of Docker.
    pub(super) addresses: Vec<IpAddr>,
    /// Asks as the world does.
    pub(super) public: Client,
    /// Asks as other containers do, at [`Self::inside`].
    pub(super) internal: Client,
    /// `http://matrix-traefik:8008`, where there is such an entrypoint.
    pub(super) inside: Option<String>,
    /// The port of HTTPS, where there is one.
    pub(super) secure: Option<u16>,
}

pub(super) enum Found {
    Here(Box<Proxy>),
    /// Why the reverse proxy is not asked.
    Not(String),
}

pub(super) async fn find(context: &Context<'_>, docker: &Docker, client: &Client) -> Result<Found> {
    let Some(service) = context.service("traefik") else {
        return Ok(Found::Not("the reverse proxy is not homestead's; `homestead self-check` asks it from outside".to_owned()));
    };
    let container = docker.container(&service.container).await?.filter(|container| container.running);
    let addresses: Vec<IpAddr> = container.iter().flat_map(|container| container.networks.values().flatten().copied()).collect();
    let Some(address) = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()).copied() else {
        return Ok(Found::Not(format!("{} does not run", service.unit)));
    };
    let port = |name: &str| -> Result<Option<u16>> {
        Ok(context
            .variable(name)?
            .and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()))
            .and_then(|port| u16::try_from(port).ok()))
    };
    let mut ports = Vec::new();
    let mut secure = None;
    if context.is_true("traefik_config_entrypoint_web_secure_enabled")?
        && let Some(inner) = port("traefik_config_entrypoint_web_secure_port_in_container")?
    {
        ports.push((443, SocketAddr::new(address, inner)));
        secure = Some(443);
    }
    if let Some(inner) = port("traefik_config_entrypoint_web_port_in_container")? {
        ports.push((80, SocketAddr::new(address, inner)));
    }
    if let Some((_, target)) = ports.first()
        && let Err(error) = context.host.tcp_stream(target.ip(), target.port()).await
        && error.source.as_ref().is_some_and(|source| source.is::<ForwardingRefused>())
    {
        return Ok(Found::Not(format!("{ForwardingRefused}; `homestead self-check` asks from outside")));
    }
    let mut inside = None;
    let mut inner_ports = Vec::new();
    if context.is_true("matrix_playbook_internal_matrix_client_api_traefik_entrypoint_enabled")?
        && let Some(inner) = port("matrix_playbook_internal_matrix_client_api_traefik_entrypoint_port")?
    {
        inner_ports.push((inner, SocketAddr::new(address, inner)));
        inside = Some(format!("http://{}:{inner}", service.container));
    }
    Ok(Found::Here(Box::new(Proxy {
        addresses,
        public: client.through(context.host.clone(), ports),
        internal: client.through(context.host.clone(), inner_ports),
        inside,
        secure,
    })))
}
