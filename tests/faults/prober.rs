//! Asks over and over whether the server serves, as a client would.

#![allow(dead_code, reason = "each user needs a part of it")]

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::common::HOST;

const PAUSE: Duration = Duration::from_millis(300);

/// What every client asks first.
const VERSIONS: &str = "/_matrix/client/versions";

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
        Self::asking(port, VERSIONS, PAUSE)
    }

    /// One that asks for a path, with `pause` from one question to the next.
    pub fn asking(port: u16, path: &str, pause: Duration) -> Self {
        let path = path.to_owned();
        let shared = Arc::new(Shared { port: AtomicU16::new(port), ..Shared::default() });
        let inner = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            while !inner.stop.load(Ordering::Relaxed) {
                let asked = Instant::now();
                let serves = ask(inner.port.load(Ordering::Relaxed), &path);
                inner.seen.lock().unwrap().push((Instant::now(), serves));
                std::thread::sleep(pause.saturating_sub(asked.elapsed()));
            }
        });
        Self { shared, thread: Some(thread) }
    }

    pub fn look_at(&self, port: u16) {
        self.shared.port.store(port, Ordering::Relaxed);
    }

    /// Whether the last answer was good.
    pub fn serves(&self) -> bool {
        self.shared.seen.lock().unwrap().last().is_some_and(|(_, serves)| *serves)
    }

    /// For how long in all it was not served: from each first answer that was not good, or none, to the next good one.
    pub fn not_served(&self) -> Duration {
        let seen = self.shared.seen.lock().unwrap();
        let gaps = seen.windows(2).filter(|pair| !pair[0].1).map(|pair| pair[1].0 - pair[0].0);
        gaps.sum()
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

fn ask(port: u16, path: &str) -> bool {
    Command::new("curl")
        .args(["--silent", "--insecure", "--fail", "--output", "/dev/null", "--max-time", "2", "--resolve"])
        .arg(format!("{HOST}:{port}:127.0.0.1"))
        .arg(format!("https://{HOST}:{port}{path}"))
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
