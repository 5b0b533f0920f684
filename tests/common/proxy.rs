//! A TCP proxy that delays what passes through it, counts it, holds it, and loses it.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, Shutdown};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// Leads to a port of this machine, as if it were far away and the way there could break.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    /// Everything ends with it.
    _runtime: Runtime,
}

struct Shared {
    /// Where later connections lead.
    target: AtomicU16,
    /// One way.
    delay: Duration,
    held: watch::Sender<bool>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    traffic: Traffic,
    /// When the last round trip began, and whether its answer has come.
    turn: Option<(Instant, bool)>,
    connections: Vec<Connection>,
}

/// What went through since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// TCP connections.
    pub connections: usize,
    /// How often the client spoke after it had an answer to what it said before. What it says while the
    /// answer is on its way belongs to the same round trip.
    pub round_trips: usize,
    /// Bytes from the client.
    pub sent: usize,
    /// Bytes to the client.
    pub received: usize,
}

/// Two sockets, and what goes from one to the other.
struct Connection {
    sockets: [Arc<TcpStream>; 2],
    ways: [Arc<Way>; 2],
    tasks: Vec<AbortHandle>,
}

/// One direction: pieces with the time at which each was read; an empty one is the end.
#[derive(Default)]
struct Way {
    pieces: Mutex<VecDeque<(Instant, Vec<u8>)>>,
    more: Notify,
    lost: AtomicBool,
}

impl Proxy {
    /// Listens on a free port of this machine; `round_trip` is what an answer takes at least.
    pub fn to(port: u16, round_trip: Duration) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("proxy").enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let own_port = listener.local_addr().unwrap().port();
        let (held, _) = watch::channel(false);
        let shared = Arc::new(Shared { target: AtomicU16::new(port), delay: round_trip / 2, held, state: Mutex::default() });
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Self { port: own_port, shared, _runtime: runtime }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Leads later connections to another port.
    pub fn lead_to(&self, port: u16) {
        self.shared.target.store(port, Ordering::Relaxed);
    }

    /// What went through since the last call; the connections of a finished program count in full.
    pub fn take(&self) -> Traffic {
        // Bytes that are on their way still.
        std::thread::sleep(self.shared.delay * 2 + Duration::from_millis(20));
        std::mem::take(&mut self.shared.state.lock().unwrap().traffic)
    }

    /// Lets nothing through, and keeps what comes. What was read less than half a round trip ago is kept too.
    pub fn hold(&self) {
        self.shared.held.send_replace(true);
    }

    /// Passes on again, what was kept first.
    pub fn release(&self) {
        self.shared.held.send_replace(false);
    }

    /// Throws away what the client said and the server has not got yet; not that it is gone.
    pub fn discard(&self) {
        for connection in &self.shared.state.lock().unwrap().connections {
            connection.ways[0].pieces.lock().unwrap().retain(|(_, bytes)| bytes.is_empty());
        }
    }

    /// Resets every connection, on both sides.
    pub fn cut(&self) {
        for connection in std::mem::take(&mut self.shared.state.lock().unwrap().connections) {
            for task in &connection.tasks {
                task.abort();
            }
            for socket in &connection.sockets {
                // A socket that lingers for no time says RST when the last task has let it go.
                let _ = socket.set_zero_linger();
            }
        }
    }

    /// Loses from now on what the present connections send, and does not tell either side; later connections work.
    pub fn lose(&self) {
        for connection in &self.shared.state.lock().unwrap().connections {
            for way in &connection.ways {
                way.lost.store(true, Ordering::Relaxed);
            }
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let target = shared.target.load(Ordering::Relaxed);
        // Nobody there: the client sees its connection end.
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { continue };
        join(&shared, client, server);
    }
}

/// Passes bytes on in both directions.
fn join(shared: &Arc<Shared>, client: TcpStream, server: TcpStream) {
    let sockets = [Arc::new(client), Arc::new(server)];
    let ways = [Arc::new(Way::default()), Arc::new(Way::default())];
    let mut tasks = Vec::new();
    for (direction, way) in ways.iter().enumerate() {
        let (from, to) = (Arc::clone(&sockets[direction]), Arc::clone(&sockets[1 - direction]));
        let _ = from.set_nodelay(true);
        let is_client = direction == 0;
        tasks.push(tokio::spawn(read(from, Arc::clone(way), Arc::clone(shared), is_client)).abort_handle());
        tasks.push(tokio::spawn(write(to, Arc::clone(way), Arc::clone(shared), is_client)).abort_handle());
    }
    let mut state = shared.state.lock().unwrap();
    state.traffic.connections += 1;
    state.connections.retain(|connection| !connection.tasks.iter().all(AbortHandle::is_finished));
    state.connections.push(Connection { sockets, ways, tasks });
}

async fn read(from: Arc<TcpStream>, way: Arc<Way>, shared: Arc<Shared>, is_client: bool) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.async_io(Interest::READABLE, || from.try_read(&mut buffer)).await.unwrap_or(0);
        if is_client && length > 0 {
            shared.sent(length);
        }
        if !way.lost.load(Ordering::Relaxed) {
            way.pieces.lock().unwrap().push_back((Instant::now(), buffer[..length].to_vec()));
            way.more.notify_one();
        }
        if length == 0 {
            return;
        }
    }
}

async fn write(to: Arc<TcpStream>, way: Arc<Way>, shared: Arc<Shared>, is_client: bool) {
    let mut held = shared.held.subscribe();
    loop {
        let first = way.pieces.lock().unwrap().front().map(|(read_at, _)| *read_at);
        let Some(read_at) = first else {
            way.more.notified().await;
            continue;
        };
        sleep(shared.delay.saturating_sub(read_at.elapsed())).await;
        // The sender lives as long as this task.
        let _ = held.wait_for(|held| !held).await;
        let Some((_, bytes)) = way.pieces.lock().unwrap().pop_front() else { continue };
        if way.lost.load(Ordering::Relaxed) {
            continue;
        }
        if bytes.is_empty() {
            // Whoever closed first has no interest in an error here.
            let _ = SockRef::from(&*to).shutdown(Shutdown::Write);
            return;
        }
        if !is_client {
            shared.delivered(bytes.len());
        }
        if write_all(&to, &bytes).await.is_err() {
            return;
        }
    }
}

async fn write_all(to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = to.async_io(Interest::WRITABLE, || to.try_write(bytes)).await?;
        bytes = &bytes[written..];
    }
    Ok(())
}

impl Shared {
    fn sent(&self, bytes: usize) {
        let mut state = self.state.lock().unwrap();
        state.traffic.sent += bytes;
        if state.turn.is_none_or(|(_, answered)| answered) {
            state.traffic.round_trips += 1;
            state.turn = Some((Instant::now(), false));
        }
    }

    fn delivered(&self, bytes: usize) {
        let mut state = self.state.lock().unwrap();
        state.traffic.received += bytes;
        // Nothing that comes sooner can be an answer: it was under way before.
        if let Some((since, answered)) = &mut state.turn {
            *answered |= since.elapsed() >= self.delay * 2;
        }
    }
}
