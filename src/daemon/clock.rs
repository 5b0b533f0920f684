//! Time, handed in: a real clock in the daemon, one that tests move by hand.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

/// Says what time it is, and waits.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Returns when it is `at` or later.
    async fn sleep_until(&self, at: Timestamp);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place where the daemon reads the wall clock")]
    fn now(&self) -> Timestamp {
        // A clock before the year -9999 or after 9999 does not occur.
        Timestamp::try_from(std::time::SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    async fn sleep_until(&self, at: Timestamp) {
        // In pieces: a clock that is set, or a machine that slept, is noticed within a minute.
        const PIECE: std::time::Duration = std::time::Duration::from_mins(1);
        loop {
            let left = at.duration_since(self.now());
            match std::time::Duration::try_from(left) {
                Ok(left) if !left.is_zero() => tokio::time::sleep(left.min(PIECE)).await,
                _ => return,
            }
        }
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct SimulatedClock {
    now: Mutex<Timestamp>,
    moved: watch::Sender<Timestamp>,
}

impl SimulatedClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { now: Mutex::new(now), moved: watch::Sender::new(now) }
    }

    /// Moves it on; who waits until then, or until before, goes on.
    pub fn set(&self, now: Timestamp) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
        self.moved.send_replace(now);
    }
}

#[async_trait]
impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn sleep_until(&self, at: Timestamp) {
        let mut moved = self.moved.subscribe();
        // The sender lives as long as this clock.
        let _ = moved.wait_for(|now| *now >= at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn who_waits_goes_on_when_the_clock_is_moved() {
        let start: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let clock = SimulatedClock::new(start);
        let wait = clock.sleep_until(start + Duration::from_secs(60));
        tokio::pin!(wait);
        assert!(futures_util::poll!(&mut wait).is_pending());
        clock.set(start + Duration::from_secs(59));
        assert!(futures_util::poll!(&mut wait).is_pending());
        clock.set(start + Duration::from_secs(61));
        wait.await;
        clock.sleep_until(start).await;
    }
}
