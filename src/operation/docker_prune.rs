//! `run-docker-prune`: removes what Docker keeps and nobody uses.

use super::Context;
use crate::diagnostic::Result;
use crate::host::{self, Exec};

/// Stopped containers, images that no container runs, and what builds left behind. Networks and volumes stay:
/// the networks are those of services that may stand still, and volumes hold data. The arguments are images
/// to keep: those that the inventory asks for, so that a stopped service can start without a registry.
const PRUNE: &str = r#"
docker container prune --force >/dev/null || exit 1
docker image prune --force >/dev/null || exit 1
docker image ls --format '{{.Repository}}:{{.Tag}}' | while IFS= read -r image; do
  case $image in *'<none>'*) continue ;; esac
  used=$(docker container ls --all --quiet --filter "ancestor=$image") || exit 1
  [ -z "$used" ] || continue
  kept=
  for wanted in "$@"; do
    [ "${wanted#docker.io/}" != "${image#docker.io/}" ] && [ "$wanted" != "docker.io/library/$image" ] || { kept=yes; break; }
  done
  [ -n "$kept" ] || { docker image rm -- "$image" >/dev/null && printf '%s\n' "$image"; } || exit 1
done || exit 1
docker builder prune --force >/dev/null 2>&1 || true
"#;

/// Removes them, and says which images went.
///
/// # Errors
/// Docker refuses.
pub async fn docker_prune(context: &Context<'_>) -> Result<()> {
    context.stage("removing what Docker keeps and nobody uses");
    let desired = &context.prepared.desired;
    let built = desired.builds.iter().flat_map(|build| [build.name.as_str(), build.base.as_str()]);
    let keep: Vec<&str> = desired.images.iter().map(|image| image.name.as_str()).chain(built).collect();
    let output = host::run(&**context.host, "cleaning up Docker", Exec::new(PRUNE).arguments(&keep)).await?;
    let gone: Vec<String> = String::from_utf8_lossy(&output).lines().map(str::to_owned).collect();
    context.done(match gone.as_slice() {
        [] => "no image was left over".to_owned(),
        gone => format!("{} images removed: {}", gone.len(), gone.join(", ")),
    });
    Ok(())
}
