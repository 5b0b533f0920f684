//! Waits until a container does what it is there for.

use std::net::IpAddr;
use std::time::Duration;

use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep, timeout};

use super::docker::{Container, Docker, Health};
use super::{Exec, ForwardingRefused, Host, Script, Stream, complaint};
use crate::diagnostic::{Error, Kind, Result};

/// The first pause between two looks; it doubles up to [`LONGEST_PAUSE`].
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// For one request.
const PATIENCE: Duration = Duration::from_secs(10);
const LOG_LINES: u32 = 15;

/// sh has no sockets, bash does.
const TCP: &str = r#"command -v bash >/dev/null 2>&1 || exit 0
exec timeout 10 bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$1" "$2""#;
const HTTP: &str = r#"command -v curl >/dev/null 2>&1 || exit 0
exec curl --silent --show-error --fail --max-time 10 --output /dev/null -- "$1""#;

/// How a container shows that it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It answers a GET with a status below 400.
    Http {
        /// In the container.
        port: u16,
        /// `/health`.
        path: String,
    },
    /// It takes a TCP connection.
    Tcp {
        /// In the container.
        port: u16,
    },
    /// It runs for so long without a restart, and its own health check, if there is one, says yes.
    Running {
        /// Counted from the first look that finds it running.
        seconds: u64,
    },
}

/// A service that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Its unit.
    pub unit: String,
    /// Its container.
    pub container: String,
    /// How it shows that it works.
    pub probe: Probe,
    /// For how long it is waited for.
    pub limit: Duration,
}

/// What came of a service that was waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Its unit works.
    Healthy(String),
    /// Its unit ended by itself, and how.
    Ended(String, String),
    /// Its unit does not work in its time, and what is missing.
    Missing(String, String),
}

/// The script's status where the host has no program that could ask: [`wait_healthy`] asks from here then.
pub const UNASKED: u32 = 69;

const WATCH: &str = include_str!("scripts/watch.sh");

/// The script that waits on the host itself until services pass their probes, all at the same time; it gives up when `run`, if
/// it has a name, no longer holds the lock.
pub fn watch(run: &str, services: &[Watched]) -> Script {
    let mut words = vec![run.to_owned()];
    for Watched { unit, container, probe, limit } in services {
        let (kind, port, path, stay) = match probe {
            Probe::Http { port, path } => ("http", *port, path.as_str(), 0),
            Probe::Tcp { port } => ("tcp", *port, "", 0),
            Probe::Running { seconds } => ("running", 0, "", *seconds),
        };
        words.extend([unit.clone(), container.clone(), kind.to_owned(), port.to_string(), path.to_owned()]);
        words.extend([limit.as_secs().to_string(), stay.to_string()]);
    }
    Script::new(WATCH, words)
}

/// Understands a line of [`watch`].
pub fn seen(line: &str) -> Option<Seen> {
    match line.split('\t').collect::<Vec<_>>().as_slice() {
        ["healthy", unit] => Some(Seen::Healthy((*unit).to_owned())),
        ["ended", unit, how] => Some(Seen::Ended((*unit).to_owned(), (*how).to_owned())),
        ["missing", unit, what @ ..] => Some(Seen::Missing((*unit).to_owned(), what.join(" "))),
        _ => None,
    }
}

/// Waits until `container` passes `probe`. The error says what was missing, and what the container
/// wrote last.
pub async fn wait_healthy(host: &dyn Host, docker: &Docker, container: &str, probe: &Probe, limit: Duration) -> Result<()> {
    let deadline = Instant::now() + limit;
    let mut pause = SHORTEST_PAUSE;
    let mut watch = Watch { probe, running: None };
    loop {
        let missing = match docker.container(container).await? {
            None => "there is no such container".to_owned(),
            Some(state) => match watch.look(host, &state).await? {
                None => return Ok(()),
                Some(missing) => missing,
            },
        };
        if Instant::now() + pause >= deadline {
            return Err(gave_up(host, docker, container, &missing, limit).await);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The error for a container that does not pass its probe in its time, with what it wrote last.
pub async fn gave_up(host: &dyn Host, docker: &Docker, container: &str, missing: &str, limit: Duration) -> Error {
    let error =
        Error::new(Kind::HostFailed, format!("`{}`: `{container}` is not healthy after {} s: {missing}", host.name(), limit.as_secs()));
    // Whatever the container said helps; without it the error stands as well.
    let log = docker.container_log(container, LOG_LINES).await.unwrap_or_default();
    log.into_iter().fold(error, |error, line| error.hint(format!("{container}: {line}")))
}

struct Watch<'a> {
    probe: &'a Probe,
    /// The start that was seen first, and when.
    running: Option<(String, Instant)>,
}

impl Watch<'_> {
    /// What is missing still.
    async fn look(&mut self, host: &dyn Host, container: &Container) -> Result<Option<String>> {
        if !container.running {
            self.running = None;
            let memory = if container.oom_killed { ", out of memory" } else { "" };
            return Ok(Some(format!("it is {}, exit status {}{memory}", container.status, container.exit_code)));
        }
        let address = container.networks.values().flatten().next().copied();
        match (self.probe, address) {
            (Probe::Running { seconds }, _) => Ok(self.run_on(container, *seconds)),
            // On the host's own network it answers there.
            (Probe::Http { port, path }, address) => http(host, address.unwrap_or(LOOPBACK), *port, path).await,
            (Probe::Tcp { port }, address) => tcp(host, address.unwrap_or(LOOPBACK), *port).await,
        }
    }

    fn run_on(&mut self, container: &Container, seconds: u64) -> Option<String> {
        match container.health {
            Health::Unhealthy => return Some("its own health check fails".to_owned()),
            Health::Starting => return Some("its own health check has no answer yet".to_owned()),
            Health::Healthy => return None,
            Health::None => {}
        }
        let now = Instant::now();
        let since = match &self.running {
            Some((start, since)) if *start == container.started_at => *since,
            _ => {
                self.running = Some((container.started_at.clone(), now));
                now
            }
        };
        let so_far = now - since;
        (so_far < Duration::from_secs(seconds)).then(|| format!("it runs for {} s only", so_far.as_secs()))
    }
}

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

async fn tcp(host: &dyn Host, address: IpAddr, port: u16) -> Result<Option<String>> {
    match timeout(PATIENCE, host.tcp_stream(address, port)).await {
        Ok(Ok(_)) => Ok(None),
        Ok(Err(error)) if error.kind == Kind::Unreachable => Err(error),
        Ok(Err(error)) if is_refused(&error) => on_host(host, TCP, &[&address.to_string(), &port.to_string()], port).await,
        Ok(Err(_)) | Err(_) => Ok(Some(format!("port {port} takes no connection"))),
    }
}

async fn http(host: &dyn Host, address: IpAddr, port: u16, path: &str) -> Result<Option<String>> {
    let authority = std::net::SocketAddr::new(address, port).to_string();
    let stream = match timeout(PATIENCE, host.tcp_stream(address, port)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if error.kind == Kind::Unreachable => return Err(error),
        Ok(Err(error)) if is_refused(&error) => return on_host(host, HTTP, &[&format!("http://{authority}{path}")], port).await,
        Ok(Err(_)) | Err(_) => return Ok(Some(format!("port {port} takes no connection"))),
    };
    Ok(match timeout(PATIENCE, get(stream, path, &authority)).await {
        Ok(Ok(status)) if status < 400 => None,
        Ok(Ok(status)) => Some(format!("`GET {path}` on port {port} gives status {status}")),
        Ok(Err(error)) => Some(format!("`GET {path}` on port {port} gets no answer: {error}")),
        Err(_) => Some(format!("`GET {path}` on port {port} gets no answer in {} s", PATIENCE.as_secs())),
    })
}

async fn get(stream: Box<dyn Stream>, path: &str, authority: &str) -> std::result::Result<u16, Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path).header("Host", authority).header("Connection", "close").body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request);
    tokio::pin!(answer);
    // The connection must be driven as long as the answer is awaited, and no longer.
    let response = tokio::select! {
        response = &mut answer => response?,
        ended = connection => {
            ended?;
            answer.await?
        }
    };
    Ok(response.status().as_u16())
}

fn is_refused(error: &Error) -> bool {
    error.source.as_ref().is_some_and(|source| source.is::<ForwardingRefused>())
}

/// Where sshd forwards no ports: the same question, asked by a program on the host. Without such a
/// program nobody can ask, and the container counts as well when it runs.
async fn on_host(host: &dyn Host, script: &str, arguments: &[&str], port: u16) -> Result<Option<String>> {
    let output = host.exec(Exec::new(script).arguments(arguments)).await?;
    Ok((output.status != 0).then(|| format!("port {port} does not answer: {}", complaint(&output))))
}
