//! One simulated host, and what was said to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use russh::server::Config;
use tokio::sync::{Mutex, watch};

use super::Said;
use super::state::State;

/// A host.
pub struct SimulatedHost {
    pub state: State,
    /// Of its SSH server, with its key.
    pub config: Arc<Config>,
    /// Held by who has the lock; the second says who that is.
    pub lock: Mutex<()>,
    pub holder: watch::Sender<String>,
    /// It hangs up on everybody.
    pub away: AtomicBool,
    pub said: Counters,
}

impl SimulatedHost {
    pub fn new(state: State, config: Arc<Config>) -> Self {
        let (holder, _) = watch::channel(String::new());
        Self { state, config, lock: Mutex::default(), holder, away: AtomicBool::default(), said: Counters::default() }
    }
}

/// What is counted.
#[derive(Default)]
pub struct Counters {
    pub connections: AtomicUsize,
    pub sent: AtomicUsize,
    pub received: AtomicUsize,
}

impl Counters {
    /// What was counted since the last call.
    pub fn take(&self) -> Said {
        let take = |counter: &AtomicUsize| counter.swap(0, Ordering::Relaxed);
        Said { connections: take(&self.connections), sent: take(&self.sent), received: take(&self.received) }
    }
}
