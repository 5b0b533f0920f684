//! Asks over and over whether the server serves, as a client would.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::common::HOST;

const PAUSE: Duration = Duration::from_millis(300);

/// A thread that asks.
pub struct Prober {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    port: AtomicU16,
    stop: AtomicBool,
    seen: Mutex<Vec<(Instant, bool)>>,
}

impl Prober {
    pub fn start(port: u16) -> Self {
        let shared = Arc::new(Shared { port: AtomicU16::new(port), ..Shared::default() });
        let inner = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            while !inner.stop.load(Ordering::Relaxed) {
                let serves = ask(inner.port.load(Ordering::Relaxed));
                inner.seen.lock().unwrap().push((Instant::now(), serves));
                std::thread::sleep(PAUSE);
            }
        });
        Self { shared, thread: Some(thread) }
    }

    pub fn look_at(&self, port: u16) {
        self.shared.port.store(port, Ordering::Relaxed);
    }

    /// How long after a fault the server served for good, and whether that took the next run, which began at `next`;
    /// nothing where it served all along until then.
    pub fn served(&self, fault: Instant, next: Instant) -> Option<(Duration, bool)> {
        let seen = self.shared.seen.lock().unwrap();
        let between: Vec<(Instant, bool)> = seen.iter().copied().filter(|(at, _)| *at >= fault && *at <= next).collect();
        let by_next = between.last().is_some_and(|(_, serves)| !serves);
        let looked_at: Vec<(Instant, bool)> = if by_next { seen.iter().copied().filter(|(at, _)| *at >= fault).collect() } else { between };
        let away = looked_at.iter().rposition(|(_, serves)| !serves)?;
        let back = looked_at.get(away + 1).map_or_else(Instant::now, |(at, _)| *at);
        Some((back - fault, by_next))
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn ask(port: u16) -> bool {
    Command::new("curl")
        .args(["--silent", "--insecure", "--fail", "--output", "/dev/null", "--max-time", "2", "--resolve"])
        .arg(format!("{HOST}:{port}:127.0.0.1"))
        .arg(format!("https://{HOST}:{port}/_matrix/client/versions"))
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
