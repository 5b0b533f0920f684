//! A host over SSH: one connection, and a channel in it for everything that is asked.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelOpenFailure, ChannelReadHalf, ChannelStream, ChannelWriteHalf, Sig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OnceCell, OwnedSemaphorePermit};
use tokio::task::JoinSet;

use super::connection::{self, Connection};
use super::docker::EngineState;
use super::engine_socket::{self, DIAL, Open, Route, SOCKET};
use super::sessions::Sessions;
use super::settings::{ConnectionSettings, Environment, Prompt};
use super::sudo::{self, Elevation, RunAs};
use super::{Channel, Exec, ForwardingRefused, Held, Host, Output, Stream, shell};
use crate::diagnostic::{Error, Kind, Result};

/// How long a held script may take to end when its input is closed.
const HELD_END: Duration = Duration::from_secs(10);

/// A machine reached over SSH.
pub struct SshHost {
    link: Link,
    elevation: Elevation,
    route: OnceCell<Route>,
    engine: EngineState,
}

/// The connection and how much of it is in use.
struct Link {
    name: String,
    connection: Arc<Connection>,
    sessions: Sessions,
}

impl SshHost {
    /// Connects, checks the host's key, logs in, and finds out how to become root.
    ///
    /// Errors are of kind `Unreachable` (no connection, no login), `HostFailed` (logged in, but sudo
    /// refuses) or `Invalid` (settings that cannot work).
    pub async fn connect(settings: &ConnectionSettings, environment: &Environment, prompt: &dyn Prompt) -> Result<Self> {
        let connection = Arc::new(Connection::open(connection::Context { settings, environment, prompt }).await?);
        let login = connection.user.clone();
        let sessions = Sessions::new(Arc::clone(&connection));
        let link = Link { name: settings.name.clone(), connection, sessions };
        let elevation = sudo::elevate(&link, &settings.name, &login, &settings.escalation).await?;
        Ok(Self { link, elevation, route: OnceCell::new(), engine: EngineState::default() })
    }

    /// Which way to the Docker engine is in use: `socket` or `dial-stdio`; nothing before the first use.
    pub fn engine_route(&self) -> Option<&'static str> {
        self.route.get().map(|route| match route {
            Route::Socket => "socket",
            Route::Dial => "dial-stdio",
        })
    }

    /// Says goodbye. Dropping the host ends the connection as well, but less politely.
    pub async fn close(self) {
        // Nobody is left to tell when this fails.
        let _ = self.link.connection.handle.disconnect(russh::Disconnect::ByApplication, "", "en").await;
    }
}

#[async_trait]
impl Open for SshHost {
    async fn open(&self, route: Route) -> Result<Box<dyn Stream>> {
        match route {
            Route::Socket => {
                let opened = self.link.connection.handle.channel_open_direct_streamlocal(SOCKET).await;
                let channel = opened.map_err(|error| self.link.not_opened(error, "the Docker engine's socket cannot be opened"))?;
                Ok(Box::new(channel.into_stream()))
            }
            Route::Dial => {
                let Process { channel, session } = self.link.start(&self.elevation, &Exec::new(DIAL)).await?;
                Ok(Box::new(SessionStream { stream: channel.into_stream(), _session: session }))
            }
        }
    }
}

impl Link {
    fn not_opened(&self, error: russh::Error, what: &str) -> Error {
        self.connection.lost_or(|| Error::new(Kind::HostFailed, format!("`{}`: {what}", self.name)).caused_by(error))
    }

    /// Starts a script; its own input is not sent yet, a password that goes before it is.
    async fn start(&self, elevation: &Elevation, exec: &Exec<'_>) -> Result<Process> {
        let words = elevation.words(exec)?;
        let (channel, session) = self.sessions.take().await?;
        let line = shell::line(words.iter().map(String::as_str));
        let failed = |error| {
            self.connection
                .lost_or(|| Error::new(Kind::HostFailed, format!("`{}`: a script cannot be started", self.name)).caused_by(error))
        };
        channel.exec(true, line).await.map_err(failed)?;
        channel.data_bytes(elevation.first_input().into_owned()).await.map_err(failed)?;
        Ok(Process { channel, session })
    }

    async fn run(&self, elevation: &Elevation, exec: Exec<'_>, sink: &mut (dyn for<'b> FnMut(Channel, &'b [u8]) + Send)) -> Result<u32> {
        let Process { channel, session: _session } = self.start(elevation, &exec).await?;
        let input = Bytes::copy_from_slice(exec.stdin);
        let (mut reader, writer) = channel.split();
        let writer = CloseOnDrop(Arc::new(writer));
        let send = async {
            // A script that ends before it read everything breaks this off; its status tells more.
            let _ = writer.0.data_bytes(input).await;
            let _ = writer.0.eof().await;
            std::future::pending::<()>().await;
        };
        let receive = receive(&mut reader, sink);
        let end = tokio::select! {
            end = receive => end,
            () = send => End::Vanished,
        };
        // Before the session counts as free: sshd counts it until both sides have closed it.
        let _ = writer.0.close().await;
        match end {
            End::Status(status) => {
                exec.trace(&self.name, status);
                Ok(status)
            }
            End::Refused => Err(Error::new(Kind::HostFailed, format!("`{}`: sshd refuses to run commands", self.name))
                .hint("is there a `ForceCommand`, or a login shell that allows nothing?")),
            End::Vanished => {
                Err(self.connection.lost_or(|| Error::new(Kind::HostFailed, format!("`{}`: a script ended without a status", self.name))))
            }
        }
    }
}

/// How a channel ended.
enum End {
    Status(u32),
    Refused,
    Vanished,
}

async fn receive(reader: &mut ChannelReadHalf, sink: &mut (dyn for<'b> FnMut(Channel, &'b [u8]) + Send)) -> End {
    let mut status = None;
    while let Some(message) = reader.wait().await {
        match message {
            ChannelMsg::Data { data } => sink(Channel::Stdout, &data),
            ChannelMsg::ExtendedData { data, ext: 1 } => sink(Channel::Stderr, &data),
            ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
            ChannelMsg::ExitSignal { signal_name, .. } => status = Some(128 + signal_number(&signal_name)),
            ChannelMsg::Failure => return End::Refused,
            ChannelMsg::Close => break,
            _ => {}
        }
    }
    status.map_or(End::Vanished, End::Status)
}

/// signal(7), as on x86 and ARM.
fn signal_number(signal: &Sig) -> u32 {
    match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ILL => 4,
        Sig::ABRT => 6,
        Sig::FPE => 8,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::SEGV => 11,
        Sig::PIPE => 13,
        Sig::ALRM => 14,
        Sig::TERM => 15,
        Sig::Custom(_) => 0,
    }
}

/// A started script.
struct Process {
    channel: russh::Channel<Msg>,
    session: OwnedSemaphorePermit,
}

/// Closes its channel when it is dropped, so that an abandoned script sees the end of its input.
struct CloseOnDrop(Arc<ChannelWriteHalf<Msg>>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        let writer = Arc::clone(&self.0);
        // `drop` cannot wait; the task only hands one message to the connection.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { writer.close().await });
        }
    }
}

/// A script that goes on in the background.
struct HeldScript {
    writer: CloseOnDrop,
    /// Reads what the script still writes: unread messages would hold up the connection.
    drain: JoinSet<()>,
    ended: Arc<AtomicBool>,
    _session: OwnedSemaphorePermit,
}

impl HeldScript {
    fn new(writer: CloseOnDrop, mut reader: ChannelReadHalf, session: OwnedSemaphorePermit) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let mut drain = JoinSet::new();
        let flag = Arc::clone(&ended);
        drain.spawn(async move {
            while let Some(message) = reader.wait().await {
                // A lost connection says none of these.
                if matches!(message, ChannelMsg::ExitStatus { .. } | ChannelMsg::ExitSignal { .. } | ChannelMsg::Close) {
                    flag.store(true, Ordering::Release);
                }
                if matches!(message, ChannelMsg::Close) {
                    break;
                }
            }
        });
        Self { writer, drain, ended, _session: session }
    }
}

#[async_trait]
impl Held for HeldScript {
    async fn send(&self, bytes: &[u8]) -> Result<()> {
        let sent = self.writer.0.data_bytes(Bytes::copy_from_slice(bytes)).await;
        sent.map_err(|error| Error::new(Kind::Unreachable, "the connection that holds the lock is gone").caused_by(error))
    }

    fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    async fn finish(mut self: Box<Self>) {
        // Where the connection is gone, so is the script.
        if self.writer.0.eof().await.is_ok() {
            let _ = tokio::time::timeout(HELD_END, self.drain.join_next()).await;
        }
    }
}

/// The stdin and stdout of a script as a stream, counted as a session.
struct SessionStream {
    stream: ChannelStream<Msg>,
    _session: OwnedSemaphorePermit,
}

impl AsyncRead for SessionStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for SessionStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[async_trait]
impl RunAs for Link {
    async fn run_as(&self, elevation: &Elevation, exec: Exec<'_>) -> Result<Output> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let mut collect = |channel, bytes: &[u8]| match channel {
            Channel::Stdout => stdout.extend_from_slice(bytes),
            Channel::Stderr => stderr.extend_from_slice(bytes),
        };
        let status = self.run(elevation, exec, &mut collect).await?;
        Ok(Output { status, stdout, stderr })
    }
}

#[async_trait]
impl Host for SshHost {
    fn name(&self) -> &str {
        &self.link.name
    }

    async fn exec(&self, exec: Exec<'_>) -> Result<Output> {
        self.link.run_as(&self.elevation, exec).await
    }

    async fn exec_streaming(&self, exec: Exec<'_>, sink: &mut (dyn for<'b> FnMut(Channel, &'b [u8]) + Send)) -> Result<u32> {
        self.link.run(&self.elevation, exec, sink).await
    }

    async fn hold(&self, exec: Exec<'_>) -> Result<std::result::Result<(String, Box<dyn Held>), Output>> {
        let Process { channel, session } = self.link.start(&self.elevation, &exec).await?;
        let (mut reader, writer) = channel.split();
        let writer = CloseOnDrop(Arc::new(writer));
        let sent = writer.0.data_bytes(Bytes::copy_from_slice(exec.stdin)).await;
        sent.map_err(|error| self.link.not_opened(error, "a script does not take its input"))?;
        let mut output = Output { status: 0, stdout: Vec::new(), stderr: Vec::new() };
        let mut status = None;
        while let Some(message) = reader.wait().await {
            match message {
                ChannelMsg::Data { data } => output.stdout.extend_from_slice(&data),
                ChannelMsg::ExtendedData { data, ext: 1 } => output.stderr.extend_from_slice(&data),
                ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
                ChannelMsg::ExitSignal { signal_name, .. } => status = Some(128 + signal_number(&signal_name)),
                ChannelMsg::Close => break,
                _ => {}
            }
            if let Some(line) = output.stdout.split(|&byte| byte == b'\n').next().filter(|line| line.len() < output.stdout.len()) {
                let line = String::from_utf8_lossy(line).into_owned();
                return Ok(Ok((line, Box::new(HeldScript::new(writer, reader, session)))));
            }
        }
        output.status = status.ok_or_else(|| {
            self.link.connection.lost_or(|| Error::new(Kind::HostFailed, format!("`{}`: a script ended without a status", self.link.name)))
        })?;
        Ok(Err(output))
    }

    fn engine(&self) -> &EngineState {
        &self.engine
    }

    async fn docker_get(&self, paths: &[&str]) -> Result<Vec<Vec<u8>>> {
        engine_socket::get(self, &self.route, paths).await
    }

    async fn docker_stream(&self) -> Result<Box<dyn Stream>> {
        let route = self.route.get_or_try_init(|| engine_socket::find(self)).await?;
        self.open(*route).await
    }

    async fn tcp_stream(&self, address: IpAddr, port: u16) -> Result<Box<dyn Stream>> {
        let opened = self.link.connection.handle.channel_open_direct_tcpip(address.to_string(), u32::from(port), "127.0.0.1", 0).await;
        let channel = opened.map_err(|error| match error {
            russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited) => {
                Error::new(Kind::HostFailed, format!("`{}`: sshd forwards no ports", self.link.name)).caused_by(ForwardingRefused)
            }
            error => self.link.not_opened(error, &format!("`{address}` port {port} cannot be reached")),
        })?;
        Ok(Box::new(channel.into_stream()))
    }
}
