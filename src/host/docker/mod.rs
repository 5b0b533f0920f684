//! The Docker engine of a host, through its API over [`Host::docker_stream`].
//!
//! [`Docker`] gives what provisioning asks for, in our words and with our errors; nobody outside this
//! folder names `bollard`.

mod builds;
mod containers;
mod glance;
mod images;
mod networks;
mod programs;
mod transport;

use std::sync::Arc;

use bollard::ClientVersion;
use bollard::errors::Error as ApiError;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

pub use self::builds::BuildSpec;
pub use self::containers::{Container, Health};
pub use self::glance::{Glance, Seen, glance};
pub use self::images::{Image, PullEvent, RegistryLogin};
pub use self::networks::{Network, NetworkSpec};
pub use self::programs::{ExecSpec, RunSpec};
use super::{Exec, Host};
use crate::diagnostic::{Error, Kind, Result};

/// Seconds that the engine has to begin its answer. A pull begins to answer when the registry does.
const PATIENCE: u64 = 600;

/// Where the engine is reached through sessions of sshd, each running program takes one of ten, and
/// what it needs besides must find another.
const LONG_RUNNING: usize = 4;

/// What is known about a host's engine.
pub struct EngineState {
    version: OnceCell<ClientVersion>,
    /// For pulls and programs.
    long_running: Semaphore,
}

impl Default for EngineState {
    fn default() -> Self {
        Self { version: OnceCell::new(), long_running: Semaphore::new(LONG_RUNNING) }
    }
}

/// A connected engine.
#[derive(Clone)]
pub struct Docker {
    api: bollard::Docker,
    host: Arc<dyn Host>,
}

impl Docker {
    /// Connects to the engine and agrees on a version of its API, the latter once a host.
    pub async fn connect(host: Arc<dyn Host>) -> Result<Self> {
        let failed = |error| translate(host.as_ref(), "asking for its version", error);
        let api = |version: &ClientVersion| {
            // The address is never resolved: every request opens a stream of the host's.
            bollard::Docker::connect_with_custom_transport(transport::over(Arc::clone(&host)), Some("http://docker"), PATIENCE, version)
        };
        let agree = async || {
            let api = api(bollard::API_DEFAULT_VERSION).map_err(failed)?;
            Ok::<_, Error>(api.negotiate_version().await.map_err(failed)?.client_version())
        };
        let version = host.engine().version.get_or_try_init(agree).await?;
        let api = api(version).map_err(failed)?;
        Ok(Self { api, host })
    }

    /// The engine's version: `27.3.1`.
    pub async fn version(&self) -> Result<String> {
        let version = self.api.version().await.map_err(|error| self.failed("asking for its version", error))?;
        Ok(version.version.unwrap_or_default())
    }

    /// Waits until a pull or a program may start; it counts as long as the permit is held.
    async fn long_running(&self) -> Result<SemaphorePermit<'_>> {
        let permit = self.host.engine().long_running.acquire().await;
        permit.map_err(|error| Error::new(Kind::Usage, "the engine's semaphore is closed").caused_by(error))
    }

    fn failed(&self, what: &str, error: ApiError) -> Error {
        translate(self.host.as_ref(), what, error)
    }

    /// The same for an answer that broke off: the engine may have closed it, or the connection to the host is gone.
    async fn broke_off(&self, what: &str, error: ApiError) -> Error {
        match self.host.exec(Exec::new(":")).await {
            Err(lost) if lost.kind == Kind::Unreachable => lost,
            _ => self.failed(what, error),
        }
    }
}

/// The HTTP status of an error that the engine itself gave.
fn status(error: &ApiError) -> Option<u16> {
    match error {
        ApiError::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Something that is not there is a value, not a failure.
fn optional<T>(result: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if status(&error) == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the engine said, without the words of the library around it.
fn message(error: &ApiError) -> String {
    match error {
        ApiError::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        ApiError::DockerStreamError { error } => error.trim().to_owned(),
        ApiError::RequestTimeoutError => format!("no answer in {PATIENCE} s"),
        error => error.to_string(),
    }
}

fn translate(host: &dyn Host, what: &str, error: ApiError) -> Error {
    // The transport wraps an error of the host: it comes out as it was.
    let error = match error {
        ApiError::IOError { err } => match err.downcast::<Error>() {
            Ok(error) => return error,
            Err(err) => ApiError::IOError { err },
        },
        error => error,
    };
    let failure = Error::new(Kind::HostFailed, format!("`{}`: Docker: {what} failed: {}", host.name(), message(&error)));
    match error {
        ApiError::HyperResponseError { .. } | ApiError::IOError { .. } => {
            failure.caused_by(error).hint("the engine closed the connection: `journalctl -u docker -n 50` on the host may say why")
        }
        _ => failure,
    }
}
