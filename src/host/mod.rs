//! Touches a machine. Takes a host's connection settings; gives facts, file states, file pushes, unit
//! and container control. Must not know roles, plans, or people.
//!
//! [`Host`] is the transport: run a shell script as root, open the Docker socket, open a port in the
//! host's network. Everything else is written once above it, for SSH, local and fake hosts alike.

mod auth;
mod chain;
mod connection;
pub mod docker;
mod engine_socket;
mod examine;
mod facts;
mod fake;
pub mod health;
mod http_pipeline;
mod keys;
mod known_hosts;
mod local;
mod lock;
mod lock_control;
mod observe;
pub mod others;
pub mod preflight;
mod push;
mod remains;
mod runs;
mod sessions;
pub mod settings;
pub mod shell;
mod ssh;
mod ssh_config;
pub mod store;
mod sudo;
pub mod systemd;
mod target;
mod trial;

pub use self::chain::{ChainEnd, Heard, Link, Linked, Mode, Script, chain, lost_lock, run_while_held, while_held};
pub use self::examine::{ExamineRequest, Examined, examine};
pub use self::facts::{Facts, UserId, observe_facts};
pub use self::fake::{Asked, FakeHost};
pub use self::keys::{KEY_FILE_PATH, KeyRequest, keys_script, made_keys, make_keys};
pub use self::local::LocalHost;
pub use self::lock::{Lock, LockHolder, Unfinished, lock, locked};
pub use self::lock_control::{LockProcess, LockStatus, Released, lock_status, release_lock};
pub use self::observe::{FileKind, FileState, ObserveRequest, Observed, fetch, observe};
pub use self::push::{Push, PushDirectory, PushFile, push};
pub use self::remains::{Remains, RemainsRequest, remains};
pub use self::runs::{PastRun, Runs, runs};
pub use self::settings::{Become, ConnectionSettings, Environment, NoPrompt, Prompt};
pub use self::ssh::SshHost;
pub use self::trial::{Trials, Verdict, trial_script, verdicts};

use std::net::IpAddr;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::diagnostic::{Error, Kind, Result};

/// A two-way stream of bytes.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A script for a host, run by `sh -c` as root (through become where the login user is not root).
///
/// The script is visible in the host's process list and must hold no secret: those go in on stdin.
#[derive(Clone, Copy, Debug)]
pub struct Exec<'a> {
    /// POSIX sh.
    pub script: &'a str,
    /// `$1`, `$2`, ... of the script.
    pub arguments: &'a [&'a str],
    /// Given whole, then closed.
    pub stdin: &'a [u8],
}

impl<'a> Exec<'a> {
    /// A script without arguments or input.
    pub const fn new(script: &'a str) -> Self {
        Self { script, arguments: &[], stdin: &[] }
    }

    /// With arguments.
    #[must_use]
    pub const fn arguments(mut self, arguments: &'a [&'a str]) -> Self {
        self.arguments = arguments;
        self
    }

    /// Says that it ran, to who asked to be told what goes on underneath. Its input is never told: secrets travel there.
    fn trace(&self, host: &str, status: u32) {
        let line = |line: &&str| !line.trim().is_empty() && !line.starts_with('#') && !line.starts_with("set ");
        let first = self.script.lines().find(line).unwrap_or_default();
        tracing::debug!(host, status, arguments = self.arguments.len(), input = self.stdin.len(), "ran `{first}`");
        tracing::trace!(host, arguments = ?self.arguments, "{}", self.script);
    }

    /// With input.
    #[must_use]
    pub const fn stdin(mut self, stdin: &'a [u8]) -> Self {
        self.stdin = stdin;
        self
    }
}

/// What a script gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The exit status; 128 + n where signal n ended it.
    pub status: u32,
    /// Everything it wrote.
    pub stdout: Vec<u8>,
    /// Everything it complained.
    pub stderr: Vec<u8>,
}

/// Which of its two outputs a script wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// File descriptor 1.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

/// A process on the host that lives as long as this is held. Dropping it closes its stdin and its
/// channel, which ends it.
#[async_trait]
pub trait Held: Send + Sync {
    /// Gives it further input. What is sent here leaves before whatever is asked of the host later.
    async fn send(&self, bytes: &[u8]) -> Result<()>;

    /// Whether it ended by itself while the connection was there.
    fn ended(&self) -> bool;

    /// Closes its input and waits for its end.
    async fn finish(self: Box<Self>);
}

/// One machine, connected.
#[async_trait]
pub trait Host: Send + Sync {
    /// Its name in the inventory; messages use it.
    fn name(&self) -> &str;

    /// Runs a script to its end. An exit status other than 0 is no error here: see [`run`].
    async fn exec(&self, exec: Exec<'_>) -> Result<Output>;

    /// Runs a script, handing on what it writes as it comes; gives its exit status.
    async fn exec_streaming(&self, exec: Exec<'_>, sink: &mut (dyn for<'b> FnMut(Channel, &'b [u8]) + Send)) -> Result<u32>;

    /// Starts a script and waits for its first line on stdout. The script goes on as long as what
    /// comes back is held. When it ends before it wrote a line, its output comes back instead.
    async fn hold(&self, exec: Exec<'_>) -> Result<std::result::Result<(String, Box<dyn Held>), Output>>;

    /// What is known about its Docker engine, shared by everyone who talks to it.
    fn engine(&self) -> &docker::EngineState;

    /// Asks the Docker engine several questions at once, each the path of a GET: all of them go out before the first
    /// answer is read. Gives the answers' bodies.
    async fn docker_get(&self, paths: &[&str]) -> Result<Vec<Vec<u8>>>;

    /// A new connection to the Docker engine's socket.
    async fn docker_stream(&self) -> Result<Box<dyn Stream>>;

    /// A new TCP connection from the host to an address that it can reach.
    async fn tcp_stream(&self, address: IpAddr, port: u16) -> Result<Box<dyn Stream>>;
}

/// sshd's configuration allows no forwarding: the source of [`Host::tcp_stream`]'s error then.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("forwarding is refused by the host's sshd (`AllowTcpForwarding no`)")]
pub struct ForwardingRefused;

/// Lines of a script's complaint that an error shows.
const COMPLAINT_LINES: usize = 5;

/// Runs a script that must succeed; gives what it wrote. An exit status other than 0 becomes an
/// error of kind `HostFailed` with the script's last words; `what` names the deed: `writing files`.
pub async fn run(host: &dyn Host, what: &str, exec: Exec<'_>) -> Result<Vec<u8>> {
    let output = host.exec(exec).await?;
    if output.status == 0 { Ok(output.stdout) } else { Err(failed(host, what, &output)) }
}

/// The error for a script that did not succeed.
pub(crate) fn failed(host: &dyn Host, what: &str, output: &Output) -> Error {
    Error::new(Kind::HostFailed, format!("`{}`: {what} failed: {}", host.name(), complaint(output)))
}

/// What a failed script said last.
pub(crate) fn complaint(output: &Output) -> String {
    let text = if output.stderr.iter().any(|byte| !byte.is_ascii_whitespace()) { &output.stderr } else { &output.stdout };
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(COMPLAINT_LINES)..).unwrap_or_default();
    if last.is_empty() { format!("exit status {}", output.status) } else { last.join("; ") }
}
