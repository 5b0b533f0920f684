//! Docker from the distribution's packages, where a host has none.

use super::Run;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::Exec;

const INSTALL: &str = r"
set -eu
export DEBIAN_FRONTEND=noninteractive
if command -v apt-get >/dev/null; then
  apt-get update -qq >&2 && apt-get install -y -qq docker.io >&2
elif command -v dnf >/dev/null; then
  dnf install -y -q moby-engine >&2
elif command -v pacman >/dev/null; then
  pacman -S --noconfirm --needed docker >&2
elif command -v zypper >/dev/null; then
  zypper --non-interactive install docker >&2
else
  echo 'no package manager that homestead knows' >&2; exit 1
fi
systemctl enable --now docker.service >&2
";

/// Installs, enables, and starts Docker.
///
/// # Errors
/// The package manager refuses; its last words come along.
pub async fn install(run: &Run<'_>) -> Result<()> {
    run.stage("installing Docker from the distribution's packages");
    let output = run.host.exec(Exec::new(INSTALL)).await?;
    if output.status == 0 {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = complaint.lines().rev().take(5).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    Err(Error::new(Kind::HostFailed, "Docker could not be installed")
        .caused_by(last.join("; "))
        .hint("install Docker by hand and run this again"))
}
