//! Images that are made on the host.

use std::collections::HashMap;

use bollard::models::BuildInfo;
use bollard::query_parameters::BuildImageOptionsBuilder;
use futures_util::StreamExt as _;

use super::{Docker, message};
use crate::diagnostic::{Error, Kind, Result};

/// An image to make.
#[derive(Clone, Debug, Default)]
pub struct BuildSpec {
    /// Name with tag, as messages use it.
    pub name: String,
    /// Name with tag that the image gets.
    pub tag: String,
    /// All that the build sees.
    pub dockerfile: String,
    /// Labels of the image.
    pub labels: HashMap<String, String>,
    /// Without the cache of layers.
    pub no_cache: bool,
}

/// How much of what a failing step wrote is told.
const LAST_LINES: usize = 15;

impl Docker {
    /// Builds an image; `progress` gets each line that the build writes.
    ///
    /// # Errors
    /// A step fails; the last lines come along.
    pub async fn build(&self, spec: &BuildSpec, progress: &mut (dyn FnMut(&str) + Send)) -> Result<()> {
        let _permit = self.long_running().await?;
        let context =
            context(&spec.dockerfile).map_err(|error| Error::new(Kind::Usage, "the Dockerfile cannot be packed").caused_by(error))?;
        let options = BuildImageOptionsBuilder::default()
            .dockerfile("Dockerfile")
            .t(&spec.tag)
            .labels(&spec.labels)
            .nocache(spec.no_cache)
            .rm(true)
            .forcerm(true)
            .build();
        let mut lines: Vec<String> = Vec::new();
        let mut events = self.api.build_image(options, None, Some(bollard::body_full(context.into())));
        while let Some(event) = events.next().await {
            let info = event.map_err(|error| self.not_built(&spec.name, &message(&error), &lines))?;
            if let Some(detail) = &info.error_detail {
                return Err(self.not_built(&spec.name, detail.message.as_deref().unwrap_or("no reason was given"), &lines));
            }
            for line in written(&info) {
                progress(&line);
                lines.push(line);
            }
        }
        match self.image(&spec.tag).await? {
            Some(_) => Ok(()),
            None => Err(self.not_built(&spec.name, "the build ended without an image", &lines)),
        }
    }

    fn not_built(&self, name: &str, why: &str, lines: &[String]) -> Error {
        let error = Error::new(Kind::HostFailed, format!("`{}`: the image `{name}` cannot be built: {}", self.host.name(), why.trim()));
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        if last.is_empty() { error } else { error.hint(format!("the last lines of the build:\n    {}", last.join("\n    "))) }
    }
}

/// A tar archive that holds the Dockerfile.
fn context(dockerfile: &str) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(dockerfile.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append_data(&mut header, "Dockerfile", dockerfile.as_bytes())?;
    archive.into_inner()
}

fn written(info: &BuildInfo) -> Vec<String> {
    let text = info.stream.as_deref().unwrap_or_default();
    text.lines().map(str::trim_end).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}
