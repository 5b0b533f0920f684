//! The Docker engine's socket: where it is, whether it answers, and why it does not.

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::http_pipeline::{Answer, pipeline};
use super::{Exec, Host, Stream, complaint};
use crate::diagnostic::{Error, Kind, Result};

/// Where Docker listens unless told otherwise.
pub(super) const SOCKET: &str = "/var/run/docker.sock";

/// Joins stdin and stdout to the socket (Docker 18.09 and later).
pub(super) const DIAL: &str = "exec docker system dial-stdio";

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
    Ok(ask(host, &["/_ping"]).await?.0)
}

/// Finds the way that works by asking what is to be asked.
async fn ask(host: &dyn Open, paths: &[&str]) -> Result<(Route, Vec<Answer>)> {
    for route in [Route::Socket, Route::Dial] {
        match host.open(route).await {
            // Opening proves nothing: a refusal may show as an early end only.
            Ok(stream) => {
                if let Ok(answers) = pipeline(stream, paths).await {
                    return Ok((route, answers));
                }
            }
            Err(error) if error.kind == Kind::Unreachable => return Err(error),
            Err(_) => {}
        }
    }
    Err(explain(host).await)
}

/// [`Host::docker_get`], by a way that is known or found on this occasion.
pub(super) async fn get(host: &dyn Open, known: &OnceCell<Route>, paths: &[&str]) -> Result<Vec<Vec<u8>>> {
    let answers = match known.get() {
        Some(route) => pipeline(host.open(*route).await?, paths).await.map_err(|error| unanswered(host).caused_by(error))?,
        None => {
            let (route, answers) = ask(host, paths).await?;
            // Somebody else found it meanwhile: it is the same.
            let _ = known.set(route);
            answers
        }
    };
    bodies(host, paths, answers)
}

/// The bodies of answers that all must be good.
pub(super) fn bodies(host: &dyn Host, paths: &[&str], answers: Vec<Answer>) -> Result<Vec<Vec<u8>>> {
    let body = |(path, answer): (&&str, Answer)| match answer.status {
        200 => Ok(answer.body),
        status => Err(Error::new(Kind::HostFailed, format!("`{}`: Docker: `GET {path}` gives status {status}", host.name()))),
    };
    paths.iter().zip(answers).map(body).collect()
}

/// The error for an engine that was there and is not.
pub(super) fn unanswered(host: &dyn Host) -> Error {
    Error::new(Kind::HostFailed, format!("`{}`: the Docker engine does not answer", host.name()))
        .hint("on the host: `systemctl status docker` and `journalctl -u docker -n 50`")
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
