//! One SSH connection: the way there, the host's key, the login.

use std::borrow::Cow;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use russh::Preferred;
use russh::client::{self, DisconnectReason, Handle, Handler};
use russh::keys::PublicKeyOrCertificate;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Stream;
use super::auth;
use super::known_hosts::{self, KnownHosts, Verdict};
use super::settings::{ConnectionSettings, Environment, Prompt};
use super::target::{Hop, Route, Target};
use crate::diagnostic::{Error, Kind, Result};

/// A dead connection is noticed after three of these.
const KEEPALIVE: Duration = Duration::from_secs(10);
const MAX_HOPS: usize = 8;
/// Messages kept for a channel whose reader is slow, before the whole connection waits for it.
const CHANNEL_BUFFER: usize = 4096;

/// A logged-in connection.
pub(super) struct Connection {
    pub(super) handle: Handle<Checker>,
    pub(super) user: String,
    pub(super) name: String,
    lost: Arc<OnceLock<String>>,
    /// Jump hosts on the way, kept open.
    _way: Option<Box<Connection>>,
}

impl Connection {
    /// The error of an operation that the connection did not survive, or `other`.
    pub(super) fn lost_or(&self, other: impl FnOnce() -> Error) -> Error {
        if !self.handle.is_closed() {
            return other();
        }
        let why = self.lost.get().map(|why| format!(": {why}")).unwrap_or_default();
        Error::new(Kind::Unreachable, format!("connection lost to `{}`{why}", self.name))
            .hint("run the same command again: it goes on where this run stopped")
    }

    /// Connects to the host of `context`.
    pub(super) async fn open(context: Context<'_>) -> Result<Self> {
        context.connect(None, None, 0).await
    }

    async fn forward(&self, address: &str, port: u16) -> Result<Box<dyn Stream>> {
        let opened = self.handle.channel_open_direct_tcpip(address, u32::from(port), "127.0.0.1", 0).await;
        let channel = opened.map_err(|error| {
            self.lost_or(|| {
                Error::new(Kind::Unreachable, format!("the jump host `{}` cannot reach `{address}` port {port}", self.name))
                    .caused_by(error)
            })
        })?;
        Ok(Box::new(channel.into_stream()))
    }
}

/// What a connection and the jump hosts on its way have in common.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) settings: &'a ConnectionSettings,
    pub(super) environment: &'a Environment,
    pub(super) prompt: &'a dyn Prompt,
}

impl Context<'_> {
    /// Connects to the host, or to the jump host `hop`; from `way` where a jump host was reached before.
    async fn connect(self, hop: Option<&Hop>, way: Option<Connection>, depth: usize) -> Result<Connection> {
        let target = Target::resolve(self.settings, self.environment, hop)?;
        let known = KnownHosts::read(&target.known_hosts, &target.key_name)?;
        let lost = Arc::new(OnceLock::new());
        let preferred = Preferred { key: Cow::Owned(known.preferred(&Preferred::DEFAULT.key)), ..Preferred::DEFAULT };
        let config = client::Config {
            keepalive_interval: Some(KEEPALIVE),
            keepalive_max: 3,
            nodelay: true,
            channel_buffer_size: CHANNEL_BUFFER,
            preferred,
            ..client::Config::default()
        };
        let checker = Checker {
            address: target.address.clone(),
            port: target.port,
            name: target.key_name.clone(),
            known,
            learn: target.known_hosts.first().filter(|_| target.accept_new_host_key).cloned(),
            lost: Arc::clone(&lost),
        };
        let (stream, way) = match way {
            Some(way) => (way.forward(&target.address, target.port).await?, Some(way)),
            None => Box::pin(self.route(&target, depth)).await?,
        };
        let handshake = client::connect_stream(Arc::new(config), stream, checker);
        let mut handle = timeout(self.settings.connect_timeout, handshake)
            .await
            .map_err(|_| unreachable(&target, "does not answer the SSH handshake"))?
            .map_err(|error| error.explain(&target))?;
        // The password is the host's own: a jump host must not see it.
        let password = self.settings.password.as_ref().filter(|_| hop.is_none());
        auth::log_in(&mut handle, &target, password, self.prompt).await?;
        let name = hop.map_or(&self.settings.name, |hop| &hop.host).clone();
        Ok(Connection { handle, user: target.user, name, lost, _way: way.map(Box::new) })
    }

    async fn route(self, target: &Target, depth: usize) -> Result<(Box<dyn Stream>, Option<Connection>)> {
        match &target.route {
            Route::Direct => Ok((Box::new(tcp(target, self.settings.connect_timeout).await?), None)),
            Route::Command(command) => Ok((through_command(command)?, None)),
            Route::Jump(hops) => {
                if depth + hops.len() > MAX_HOPS {
                    return Err(Error::new(Kind::Unreachable, format!("`ProxyJump` of `{}` goes in circles", target.address)));
                }
                let mut way = None;
                for hop in hops {
                    way = Some(self.connect(Some(hop), way, depth + 1).await?);
                }
                let way = way.ok_or_else(|| Error::new(Kind::Unreachable, "`ProxyJump` names no host"))?;
                let stream = way.forward(&target.address, target.port).await?;
                Ok((stream, Some(way)))
            }
        }
    }
}

async fn tcp(target: &Target, limit: Duration) -> Result<TcpStream> {
    let (address, port) = (target.address.as_str(), target.port);
    let addresses = timeout(limit, tokio::net::lookup_host((address, port)))
        .await
        .map_err(|_| Error::new(Kind::Unreachable, format!("the name `{address}` did not resolve in {} s", limit.as_secs())))?
        .map_err(|error| {
            Error::new(Kind::Unreachable, format!("the name `{address}` does not resolve"))
                .caused_by(error)
                .hint("set `ansible_host` to the address of the server, or wait until its DNS record is there")
        })?;
    let mut last = unreachable(target, "has no address");
    for socket in addresses {
        match timeout(limit, TcpStream::connect(socket)).await {
            Ok(Ok(stream)) => {
                // Small packets must not wait for each other; without it everything still works.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                last = unreachable(target, "refuses the connection").hint("is sshd running, and is `ansible_port` right?");
            }
            Ok(Err(error)) => last = unreachable(target, "cannot be reached").caused_by(error),
            Err(_) => {
                last = unreachable(target, &format!("did not answer in {} s", limit.as_secs()))
                    .hint("is the machine up, and does its firewall let you in?");
            }
        }
    }
    Err(last)
}

fn unreachable(target: &Target, what: &str) -> Error {
    Error::new(Kind::Unreachable, format!("`{}` port {} {what}", target.address, target.port))
}

/// The stdin and stdout of a `ProxyCommand`.
fn through_command(command: &str) -> Result<Box<dyn Stream>> {
    let failed = || Error::new(Kind::Unreachable, format!("`ProxyCommand {command}` cannot be started"));
    let mut child = tokio::process::Command::new("sh")
        .args(["-c", &format!("exec {command}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed().caused_by(error))?;
    let (stdin, stdout) = child.stdin.take().zip(child.stdout.take()).ok_or_else(failed)?;
    Ok(Box::new(tokio::io::join(stdout, stdin)))
}

/// Decides about a host's key, and remembers why a connection ended.
pub(super) struct Checker {
    address: String,
    port: u16,
    name: String,
    known: KnownHosts,
    /// Where to write a new key down; absent where new keys are refused.
    learn: Option<PathBuf>,
    lost: Arc<OnceLock<String>>,
}

/// Ends a handshake.
#[derive(Debug)]
pub(super) enum HandshakeError {
    Key(Error),
    Ssh(russh::Error),
}

impl From<russh::Error> for HandshakeError {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

impl HandshakeError {
    fn explain(self, target: &Target) -> Error {
        match self {
            Self::Key(error) => error,
            Self::Ssh(russh::Error::NoCommonAlgo { kind, theirs, .. }) => {
                unreachable(target, &format!("offers no {kind:?} algorithm that is safe to use: {}", theirs.join(", ")))
                    .hint("is its OpenSSH older than 2014?")
            }
            Self::Ssh(russh::Error::Version) => unreachable(target, "is no SSH server").hint("is `ansible_port` right?"),
            Self::Ssh(error) => unreachable(target, "closed the connection during the SSH handshake").caused_by(error),
        }
    }
}

impl Handler for Checker {
    type Error = HandshakeError;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, HandshakeError> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        let (address, name) = (&self.address, &self.name);
        let fingerprint = known_hosts::fingerprint(key);
        let port = if self.port == 22 { String::new() } else { format!("-p {} ", self.port) };
        let refused = match (self.known.check(key), &self.learn) {
            (Verdict::Known, _) => return Ok(true),
            (Verdict::Unknown, Some(file)) => {
                known_hosts::learn(file, name, key).map_err(HandshakeError::Key)?;
                return Ok(true);
            }
            (Verdict::Unknown, None) => {
                Error::new(Kind::Unreachable, format!("the host key of `{address}` is unknown: {} {fingerprint}", key.algorithm()))
                    .hint("compare the fingerprint with the one that the provider's console shows")
                    .hint(format!("then give `--accept-new-host-key`, or run `ssh-keyscan {port}{address} >> ~/.ssh/known_hosts`"))
            }
            (Verdict::Changed { file, line }, _) => {
                let file = file.display();
                Error::new(
                    Kind::Unreachable,
                    format!("the host key of `{address}` is not the one in `{file}` line {line}: {} {fingerprint}", key.algorithm()),
                )
                .hint("somebody may be listening in; or the machine was installed anew")
                .hint(format!("if you know why it changed: `ssh-keygen -R '{name}' -f {file}`, then accept the new one"))
            }
            (Verdict::Revoked { file, line }, _) => Error::new(
                Kind::Unreachable,
                format!("the host key of `{address}` is revoked in `{}` line {line}: {fingerprint}", file.display()),
            ),
        };
        Err(HandshakeError::Key(refused))
    }

    async fn disconnected(&mut self, reason: DisconnectReason<HandshakeError>) -> Result<(), HandshakeError> {
        let why = match &reason {
            DisconnectReason::ReceivedDisconnect(info) => info.message.clone(),
            DisconnectReason::Error(HandshakeError::Ssh(error)) => error.to_string(),
            DisconnectReason::Error(HandshakeError::Key(error)) => error.to_string(),
        };
        // The first reason is the true one; later ones follow from it.
        let _ = self.lost.set(why);
        Ok(())
    }
}
