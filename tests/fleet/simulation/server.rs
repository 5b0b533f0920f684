//! The SSH server of a simulated host.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::server::{self, Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::Shared;
use super::channel::{Input, Output};
use super::host::SimulatedHost;
use super::{engine, script};

/// As `sshd_config(5)` has it by default.
const MAX_SESSIONS: usize = 10;

pub fn config(key: PrivateKey) -> Arc<Config> {
    Arc::new(Config {
        keys: vec![key],
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        nodelay: true,
        ..Config::default()
    })
}

/// Answers at the address of each host.
pub async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(IpAddr::V4(address)) = stream.local_addr().map(|address| address.ip()) else { continue };
        // At any other address is nobody.
        let Some(host) = shared.hosts.get(&address).cloned() else { continue };
        if !host.away.load(Ordering::Relaxed) {
            tokio::spawn(serve(stream, host, Arc::clone(&shared)));
        }
    }
}

async fn serve(stream: TcpStream, host: Arc<SimulatedHost>, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    host.said.connections.fetch_add(1, Ordering::Relaxed);
    let door = Door { host: Arc::clone(&host), shared, waiting: HashMap::new() };
    // How homestead ends a connection, and whether it trusts this host, is its own affair.
    if let Ok(running) = server::run_stream(Arc::clone(&host.config), Counted { stream, host }, door).await {
        let _ = running.await;
    }
}

/// One connection.
struct Door {
    host: Arc<SimulatedHost>,
    shared: Arc<Shared>,
    /// Sessions in which nothing was started yet.
    waiting: HashMap<ChannelId, Channel<Msg>>,
}

impl Door {
    fn complain(&self, text: &str) {
        self.shared.complain(&self.host.state.name, text);
    }

    fn knows(&self, user: &str, key: &russh::keys::PublicKey) -> Auth {
        if user == "root" && key.key_data() == self.shared.login.key_data() { Auth::Accept } else { Auth::reject() }
    }
}

impl Handler for Door {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        Ok(self.knows(user, offer.public_key))
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        Ok(self.knows(user, key.public_key))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        if self.waiting.len() == MAX_SESSIONS {
            self.complain("more than ten sessions");
            return Ok(());
        }
        self.waiting.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, line: &[u8], session: &mut Session) -> Result<(), russh::Error> {
        let Some(channel) = self.waiting.remove(&id) else {
            self.complain("two scripts in one session");
            return session.channel_failure(id);
        };
        session.channel_success(id)?;
        let (reader, writer) = channel.split();
        let (host, shared, line) = (Arc::clone(&self.host), Arc::clone(&self.shared), String::from_utf8_lossy(line).into_owned());
        tokio::spawn(async move { script::run(&shared, &host, &line, Input::new(reader), Output(writer)).await });
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        if path != engine::SOCKET {
            self.complain(&format!("nothing listens at `{path}`"));
            return Ok(());
        }
        reply.accept().await;
        let (host, shared) = (Arc::clone(&self.host), Arc::clone(&self.shared));
        tokio::spawn(async move { engine::serve(&shared, &host.state, channel.into_stream()).await });
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        address: &str,
        port: u32,
        _from: &str,
        _from_port: u32,
        _reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.complain(&format!("nothing listens at `{address}` port {port}"));
        Ok(())
    }
}

/// A connection whose bytes are counted.
struct Counted {
    stream: TcpStream,
    host: Arc<SimulatedHost>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.host.said.sent.fetch_add(buffer.filled().len() - before, Ordering::Relaxed);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(written)) = &polled {
            self.host.said.received.fetch_add(*written, Ordering::Relaxed);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
