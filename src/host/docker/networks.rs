//! Networks.

use std::collections::{BTreeMap, HashMap};

use bollard::models::NetworkCreateRequest;
use bollard::query_parameters::InspectNetworkOptions;

use super::{Docker, optional, status};
use crate::diagnostic::{Error, Kind, Result};

/// A network to create.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Its name.
    pub name: String,
    /// `bridge` where empty.
    pub driver: String,
    /// Whether containers get IPv6 addresses too.
    pub ipv6: bool,
    /// Options of the driver: `com.docker.network.driver.mtu`.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// A network that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// `bridge`, `host`, `null`...
    pub driver: String,
    /// Whether containers get IPv6 addresses too.
    pub ipv6: bool,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

impl From<bollard::models::Network> for Network {
    fn from(network: bollard::models::Network) -> Self {
        Self {
            name: network.name.unwrap_or_default(),
            id: network.id.unwrap_or_default(),
            driver: network.driver.unwrap_or_default(),
            ipv6: network.enable_ipv6.unwrap_or_default(),
            options: sorted(network.options),
            labels: sorted(network.labels),
        }
    }
}

fn sorted(map: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    map.into_iter().flatten().collect()
}

impl Docker {
    /// Every network, by name.
    pub async fn networks(&self) -> Result<BTreeMap<String, Network>> {
        let listed = self.api.list_networks(None::<bollard::query_parameters::ListNetworksOptions>).await;
        let listed = listed.map_err(|error| self.failed("listing networks", error))?;
        Ok(listed.into_iter().map(Network::from).map(|network| (network.name.clone(), network)).collect())
    }

    /// The id of the network that was created. Engines before 25 would make a second one of the same
    /// name; we do not.
    pub async fn create_network(&self, spec: &NetworkSpec) -> Result<String> {
        if self.networks().await?.contains_key(&spec.name) {
            return Err(Error::new(
                Kind::HostFailed,
                format!("`{}`: Docker: there is a network `{}` already", self.host.name(), spec.name),
            ));
        }
        let request = NetworkCreateRequest {
            name: spec.name.clone(),
            driver: Some(if spec.driver.is_empty() { "bridge".to_owned() } else { spec.driver.clone() }),
            enable_ipv6: Some(spec.ipv6),
            options: Some(spec.options.clone().into_iter().collect()),
            labels: Some(spec.labels.clone().into_iter().collect()),
            ..NetworkCreateRequest::default()
        };
        let created = self.api.create_network(request).await;
        let created = created.map_err(|error| {
            let pools = error.to_string().contains("address pool");
            let error = self.failed(&format!("creating the network `{}`", spec.name), error);
            if pools { error.hint("remove unused networks with `docker network prune`, or give Docker more in `default-address-pools` of `/etc/docker/daemon.json`") } else { error }
        })?;
        Ok(created.id)
    }

    /// Whether there was such a network to remove.
    pub async fn remove_network(&self, name: &str) -> Result<bool> {
        match self.api.remove_network(name).await {
            Ok(()) => Ok(true),
            Err(error) if status(&error) == Some(404) => Ok(false),
            Err(error) => Err(self.failed(&format!("removing the network `{name}`"), error)),
        }
    }

    /// The names of the containers in a network; nothing where there is no such network.
    pub async fn network_members(&self, name: &str) -> Result<Option<Vec<String>>> {
        let inspected = self.api.inspect_network(name, None::<InspectNetworkOptions>).await;
        let network = optional(inspected).map_err(|error| self.failed(&format!("looking at the network `{name}`"), error))?;
        Ok(network.map(|network| {
            let mut names: Vec<String> = network.containers.into_iter().flatten().filter_map(|(_, container)| container.name).collect();
            names.sort();
            names
        }))
    }
}
