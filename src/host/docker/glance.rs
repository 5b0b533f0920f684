//! What an engine has, in one round trip: enough to see that nothing is missing.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::networks::Network;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::Host;

/// Images and networks of an engine.
#[derive(Clone, Debug, Default)]
pub struct Glance {
    /// Every network, by name.
    pub networks: BTreeMap<String, Network>,
    images: HashMap<String, Seen>,
}

/// An image of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// `sha256:...` of its configuration.
    pub id: String,
    /// What it says about itself.
    pub labels: HashMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
    repo_tags: Option<Vec<String>>,
    repo_digests: Option<Vec<String>>,
    labels: Option<HashMap<String, String>>,
}

impl Glance {
    /// An image by the name that an inventory gives it. An image that is here under another spelling of its name
    /// may not be found: absence needs a second look.
    pub fn image(&self, reference: &str) -> Option<&Seen> {
        self.images.get(&familiar(reference))
    }
}

/// Asks for it.
///
/// # Errors
/// No engine answers, or its answer makes no sense.
pub async fn glance(host: &dyn Host) -> Result<Glance> {
    let bodies = host.docker_get(&["/images/json", "/networks"]).await?;
    let [images, networks] = bodies.as_slice() else {
        return Err(Error::new(Kind::HostFailed, format!("`{}`: Docker: an answer is missing", host.name())));
    };
    let images: Vec<Listed> = understand(host, images)?;
    let networks: Vec<bollard::models::Network> = understand(host, networks)?;
    let mut glance = Glance::default();
    for image in images {
        let seen = Seen { id: image.id, labels: image.labels.unwrap_or_default() };
        for name in [image.repo_tags, image.repo_digests].into_iter().flatten().flatten() {
            glance.images.insert(name, seen.clone());
        }
    }
    glance.networks = networks.into_iter().map(Network::from).map(|network| (network.name.clone(), network)).collect();
    Ok(glance)
}

fn understand<T: DeserializeOwned>(host: &dyn Host, body: &[u8]) -> Result<T> {
    serde_json::from_slice(body)
        .map_err(|error| Error::new(Kind::HostFailed, format!("`{}`: Docker: its answer cannot be read", host.name())).caused_by(error))
}

/// A name as the engine lists it: without what Docker Hub's names begin with, with a tag, and with a digest alone
/// where there is one.
fn familiar(reference: &str) -> String {
    let name = reference.strip_prefix("docker.io/").unwrap_or(reference);
    let name = name.strip_prefix("library/").unwrap_or(name);
    let (name, digest) = name.split_once('@').map_or((name, None), |(name, digest)| (name, Some(digest)));
    let untagged = |name: &str| name.rfind(':').filter(|colon| !name.get(*colon..).unwrap_or_default().contains('/'));
    match (digest, untagged(name)) {
        (Some(digest), colon) => format!("{}@{digest}", name.get(..colon.unwrap_or(name.len())).unwrap_or(name)),
        (None, Some(_)) => name.to_owned(),
        (None, None) => format!("{name}:latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_list() {
        assert_eq!(familiar("docker.io/library/postgres:18"), "postgres:18");
        assert_eq!(familiar("docker.io/tecnativa/docker-socket-proxy:1"), "tecnativa/docker-socket-proxy:1");
        assert_eq!(familiar("localhost:5000/x"), "localhost:5000/x:latest");
        assert_eq!(familiar("ghcr.io/a/b:v1@sha256:00"), "ghcr.io/a/b@sha256:00");
        assert_eq!(familiar("localhost:5000/x@sha256:00"), "localhost:5000/x@sha256:00");
    }
}
