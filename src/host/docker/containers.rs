//! Containers that services run.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bollard::models::{ContainerInspectResponse, HealthStatusEnum};
use bollard::query_parameters::{InspectContainerOptions, LogsOptionsBuilder, RemoveContainerOptionsBuilder};
use futures_util::StreamExt as _;

use super::{Docker, optional, status};
use crate::diagnostic::Result;

/// A container that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// The id of its image.
    pub image_id: String,
    /// The image as it was named when the container was created.
    pub image: String,
    /// `created`, `running`, `restarting`, `exited`...
    pub status: String,
    /// Whether it runs.
    pub running: bool,
    /// Of the last run; 0 before its end.
    pub exit_code: i64,
    /// Whether the kernel ended it for lack of memory.
    pub oom_killed: bool,
    /// What its own health check says.
    pub health: Health,
    /// RFC 3339.
    pub started_at: String,
    /// Its addresses in each network that it is connected to.
    pub networks: BTreeMap<String, Vec<IpAddr>>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// The verdict of a container's own health check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It has none.
    #[default]
    None,
    /// Not yet known.
    Starting,
    /// Good.
    Healthy,
    /// Bad.
    Unhealthy,
}

impl From<ContainerInspectResponse> for Container {
    fn from(inspected: ContainerInspectResponse) -> Self {
        let state = inspected.state.unwrap_or_default();
        let config = inspected.config.unwrap_or_default();
        let networks = inspected.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        let addresses = |endpoint: bollard::models::EndpointSettings| {
            let texts = [endpoint.ip_address, endpoint.global_ipv6_address];
            texts.into_iter().flatten().filter_map(|text| text.parse().ok()).collect()
        };
        Self {
            id: inspected.id.unwrap_or_default(),
            image_id: inspected.image.unwrap_or_default(),
            image: config.image.unwrap_or_default(),
            status: state.status.map(|status| status.to_string()).unwrap_or_default(),
            running: state.running.unwrap_or_default(),
            exit_code: state.exit_code.unwrap_or_default(),
            oom_killed: state.oom_killed.unwrap_or_default(),
            health: match state.health.and_then(|health| health.status) {
                Some(HealthStatusEnum::STARTING) => Health::Starting,
                Some(HealthStatusEnum::HEALTHY) => Health::Healthy,
                Some(HealthStatusEnum::UNHEALTHY) => Health::Unhealthy,
                _ => Health::None,
            },
            started_at: state.started_at.unwrap_or_default(),
            networks: networks.into_iter().map(|(name, endpoint)| (name, addresses(endpoint))).collect(),
            labels: config.labels.into_iter().flatten().collect(),
        }
    }
}

impl Docker {
    /// A container, where it exists.
    pub async fn container(&self, name: &str) -> Result<Option<Container>> {
        let inspected = self.api.inspect_container(name, None::<InspectContainerOptions>).await;
        let found = optional(inspected).map_err(|error| self.failed(&format!("looking at the container `{name}`"), error))?;
        Ok(found.map(Container::from))
    }

    /// Ends and removes a container; whether there was one.
    pub async fn remove_container(&self, name: &str) -> Result<bool> {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.api.remove_container(name, Some(options)).await {
            Ok(()) => Ok(true),
            // 409: the engine is removing it already, as with `--rm`.
            Err(error) if matches!(status(&error), Some(404 | 409)) => Ok(false),
            Err(error) => Err(self.failed(&format!("removing the container `{name}`"), error)),
        }
    }

    /// The last lines that a container wrote, to both outputs; none where it does not exist.
    pub async fn container_log(&self, name: &str, lines: u32) -> Result<Vec<String>> {
        let options = LogsOptionsBuilder::default().stdout(true).stderr(true).tail(&lines.to_string()).build();
        let mut stream = self.api.logs(name, Some(options));
        let mut bytes = Vec::new();
        while let Some(output) = stream.next().await {
            match output {
                Ok(output) => bytes.extend_from_slice(&output.into_bytes()),
                Err(error) if status(&error) == Some(404) => break,
                Err(error) => return Err(self.failed(&format!("reading the log of `{name}`"), error)),
            }
        }
        Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
    }
}
