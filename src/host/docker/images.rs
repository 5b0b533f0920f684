//! Images.

use std::collections::HashMap;

use bollard::auth::DockerCredentials;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::{CreateImageOptionsBuilder, RemoveImageOptionsBuilder, TagImageOptionsBuilder};
use futures_util::StreamExt as _;

use super::{Docker, message, optional};
use crate::diagnostic::{Error, Kind, Result};
use crate::secret::Secret;

/// An image on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `sha256:...` of its configuration: the same content has the same id on every host.
    pub id: String,
    /// `name@sha256:...` for each registry that it came from.
    pub digests: Vec<String>,
    /// `name:tag`.
    pub tags: Vec<String>,
    /// What it says about itself.
    pub labels: HashMap<String, String>,
}

/// How far a layer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullEvent {
    /// The layer's short id; empty for a word about the whole image.
    pub layer: String,
    /// `Pulling fs layer`, `Downloading`, `Extracting`, `Pull complete`...
    pub status: String,
    /// Bytes so far, where known.
    pub current: Option<u64>,
    /// Bytes in all, where known.
    pub total: Option<u64>,
}

/// A login at a registry.
#[derive(Clone, Debug)]
pub struct RegistryLogin {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: Secret<String>,
    /// The registry's host name.
    pub registry: String,
}

impl From<CreateImageInfo> for PullEvent {
    fn from(info: CreateImageInfo) -> Self {
        let detail = info.progress_detail.unwrap_or_default();
        let bytes = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok());
        Self {
            layer: info.id.unwrap_or_default(),
            status: info.status.unwrap_or_default(),
            current: bytes(detail.current),
            total: bytes(detail.total),
        }
    }
}

impl Docker {
    /// The image, where it is on the host.
    pub async fn image(&self, reference: &str) -> Result<Option<Image>> {
        let found = optional(self.api.inspect_image(reference).await)
            .map_err(|error| self.failed(&format!("looking at the image `{reference}`"), error))?;
        Ok(found.map(|image| Image {
            id: image.id.unwrap_or_default(),
            digests: image.repo_digests.unwrap_or_default(),
            tags: image.repo_tags.unwrap_or_default(),
            labels: image.config.and_then(|config| config.labels).unwrap_or_default(),
        }))
    }

    /// Pulls an image, telling `progress` about each layer.
    pub async fn pull(
        &self,
        reference: &str,
        login: Option<&RegistryLogin>,
        progress: &mut (dyn FnMut(PullEvent) + Send),
    ) -> Result<Image> {
        let _permit = self.long_running().await?;
        let options = CreateImageOptionsBuilder::default().from_image(&tagged(reference)).build();
        let credentials = login.map(|login| DockerCredentials {
            username: Some(login.user.clone()),
            password: Some(login.password.reveal().clone()),
            serveraddress: Some(login.registry.clone()),
            ..DockerCredentials::default()
        });
        let mut events = self.api.create_image(Some(options), None, credentials);
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => progress(event.into()),
                Err(error) => return Err(self.not_pulled(reference, error).await),
            }
        }
        // Old engines end the stream without an error when the registry goes away.
        self.image(reference).await?.ok_or_else(|| {
            Error::new(Kind::HostFailed, format!("`{}`: the image `{reference}` was pulled, but is not there", self.host.name()))
        })
    }

    /// Gives an image a name; the one that had it before loses it.
    ///
    /// # Errors
    /// There is no such image.
    pub async fn tag(&self, id: &str, name: &str) -> Result<()> {
        let (repository, tag) = split(name);
        let options = TagImageOptionsBuilder::default().repo(repository).tag(tag).build();
        let tagged = self.api.tag_image(id, Some(options)).await;
        tagged.map_err(|error| self.failed(&format!("naming the image `{id}` `{name}`"), error))
    }

    /// Takes a name away from an image, and leaves the image.
    ///
    /// # Errors
    /// The engine refuses.
    pub async fn untag(&self, name: &str) -> Result<()> {
        let options = RemoveImageOptionsBuilder::default().noprune(true).build();
        let removed = optional(self.api.remove_image(name, Some(options), None).await);
        removed.map(drop).map_err(|error| self.failed(&format!("taking the name `{name}` away"), error))
    }

    async fn not_pulled(&self, reference: &str, error: bollard::errors::Error) -> Error {
        if matches!(error, bollard::errors::Error::IOError { .. }) {
            return self.broke_off(&format!("pulling `{reference}`"), error).await;
        }
        let why = message(&error);
        let registry = registry(reference);
        let failure = Error::new(
            Kind::HostFailed,
            format!("`{}`: the image `{reference}` cannot be pulled from `{registry}`: {why}", self.host.name()),
        );
        let lower = why.to_lowercase();
        let any = |texts: &[&str]| texts.iter().any(|text| lower.contains(text));
        if any(&["toomanyrequests", "rate limit"]) {
            failure.hint(format!("`{registry}` limits how often anonymous users pull: wait, log in with `docker login {registry}` on the host, or set a mirror with `matrix_container_global_registry_prefix_override`"))
        } else if any(&["manifest unknown", "not found", "manifest for"]) {
            failure.hint("does this version exist? Check the tag that the inventory asks for")
        } else if any(&["unauthorized", "denied", "authentication required"]) {
            failure.hint(format!("does the image exist, and does it need a login? On the host: `docker login {registry}`"))
        } else if any(&["no such host", "lookup", "timeout", "i/o", "connection refused", "unreachable", "deadline"]) {
            failure.hint(format!("can the host reach it? On the host: `curl -I https://{registry}/v2/`"))
        } else if any(&["no space left"]) {
            failure.hint("the disk is full: `docker system df`, `docker image prune`")
        } else {
            failure
        }
    }
}

/// Without a tag, the API would pull every tag that there is.
fn tagged(reference: &str) -> String {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    if name.contains([':', '@']) { reference.to_owned() } else { format!("{reference}:latest") }
}

/// Name and tag.
fn split(reference: &str) -> (&str, &str) {
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (reference, "latest"),
    }
}

/// The registry's host name (the rule is that of `docker pull`).
fn registry(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => "docker.io",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart_as_docker_does() {
        assert_eq!(registry("ghcr.io/element-hq/synapse:v1"), "ghcr.io");
        assert_eq!(registry("localhost:5000/x"), "localhost:5000");
        assert_eq!(registry("library/postgres"), "docker.io");
        assert_eq!(registry("postgres:16"), "docker.io");
        assert_eq!(tagged("localhost:5000/x"), "localhost:5000/x:latest");
        assert_eq!(tagged("postgres@sha256:00"), "postgres@sha256:00");
        assert_eq!(tagged("postgres:16"), "postgres:16");
        assert_eq!(split("localhost:5000/x:1"), ("localhost:5000/x", "1"));
        assert_eq!(split("localhost:5000/x"), ("localhost:5000/x", "latest"));
    }
}
