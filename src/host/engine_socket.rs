//! The Docker engine's socket: where it is, whether it answers, and why it does not.

use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::{Exec, Host, Stream, complaint};
use crate::diagnostic::{Error, Kind, Result};

/// Where Docker listens unless told otherwise.
pub(super) const SOCKET: &str = "/var/run/docker.sock";

/// Joins stdin and stdout to the socket (Docker 18.09 and later).
pub(super) const DIAL: &str = "exec docker system dial-stdio";

/// A socket-activated engine takes a moment to start.
const PATIENCE: Duration = Duration::from_secs(30);

const EXPLAIN: &str = r"if ! command -v docker >/dev/null 2>&1; then echo absent
elif ! docker version >/dev/null 2>&1; then echo silent; docker version 2>&1 | tail -n 1
else echo strange; fi";

/// A way to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// The login user may open the socket.
    Socket,
    /// [`DIAL`] as root.
    Dial,
}

/// Opens streams to the engine, one way or the other.
#[async_trait]
pub(super) trait Open: Host {
    async fn open(&self, route: Route) -> Result<Box<dyn Stream>>;
}

/// Finds the way that works.
pub(super) async fn find(host: &dyn Open) -> Result<Route> {
    for route in [Route::Socket, Route::Dial] {
        match host.open(route).await {
            // Opening proves nothing: a refusal may show as an early end only.
            Ok(stream) => {
                if answers(stream).await {
                    return Ok(route);
                }
            }
            Err(error) if error.kind == Kind::Unreachable => return Err(error),
            Err(_) => {}
        }
    }
    Err(explain(host).await)
}

/// Whether an engine answers on a fresh stream.
async fn answers(mut stream: Box<dyn Stream>) -> bool {
    let ping = async {
        stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n").await.ok()?;
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.ok()?;
        Some(start.starts_with(b"HTTP/1.1 200"))
    };
    timeout(PATIENCE, ping).await.ok().flatten().unwrap_or(false)
}

/// The error for an engine that no way leads to.
async fn explain(host: &dyn Open) -> Error {
    let name = host.name();
    let output = match host.exec(Exec::new(EXPLAIN)).await {
        Ok(output) => output,
        Err(error) => return error,
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    match lines.next().unwrap_or_default() {
        "absent" => Error::new(Kind::HostFailed, format!("`{name}`: Docker is not installed"))
            .hint("install it: https://docs.docker.com/engine/install/"),
        "silent" => {
            Error::new(Kind::HostFailed, format!("`{name}`: the Docker engine does not answer: {}", lines.next().unwrap_or_default()))
                .hint("on the host: `systemctl status docker` and `journalctl -u docker -n 50`")
        }
        _ => Error::new(Kind::HostFailed, format!("`{name}`: the Docker engine cannot be reached at `{SOCKET}`: {}", complaint(&output)))
            .hint("homestead needs the engine's socket at its usual place, or Docker 18.09 or later"),
    }
}
