//! The limit on login attempts: a token bucket for each address and each account.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use uuid::Uuid;

use crate::config::{Limit, RateLimitingConfig};

/// Counts attempts, the good ones too.
#[derive(Debug)]
pub struct LoginLimiter {
    per_address: Buckets<Option<IpAddr>>,
    per_account: Buckets<Uuid>,
}

impl LoginLimiter {
    pub fn new(config: &RateLimitingConfig) -> Self {
        Self { per_address: Buckets::new(config.login.per_ip), per_account: Buckets::new(config.login.per_account) }
    }

    /// Takes one attempt; false where there is none left. All unknown addresses share a bucket.
    pub fn take(&self, address: Option<IpAddr>, account: Uuid, now: Instant) -> bool {
        self.per_address.take(address, now) && self.per_account.take(account, now)
    }
}

#[derive(Debug)]
struct Buckets<K> {
    limit: Limit,
    levels: Mutex<HashMap<K, (f64, Instant)>>,
}

impl<K: std::hash::Hash + Eq> Buckets<K> {
    fn new(limit: Limit) -> Self {
        Self { limit, levels: Mutex::new(HashMap::new()) }
    }

    fn take(&self, key: K, now: Instant) -> bool {
        let burst = f64::from(self.limit.burst.get());
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let (level, last) = levels.entry(key).or_insert((burst, now));
        let passed = now.saturating_duration_since(*last).as_secs_f64();
        *level = (*level + passed * self.limit.per_second).min(burst);
        *last = now;
        if *level < 1.0 {
            return false;
        }
        *level -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limiter(yaml: &str) -> LoginLimiter {
        LoginLimiter::new(&serde_saphyr::from_str(yaml).unwrap())
    }

    fn home(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([203, 0, 113, last]))
    }

    #[test]
    fn three_attempts_then_one_every_twenty_seconds() {
        let limiter = limiter("{}");
        let start = Instant::now();
        let attempt = |seconds| limiter.take(home(1), Uuid::nil(), start + Duration::from_secs(seconds));
        assert_eq!([0, 0, 0, 0, 19, 21, 22].map(attempt), [true, true, true, false, false, true, false]);
    }

    #[test]
    fn addresses_do_not_share() {
        let limiter = limiter("{}");
        let now = Instant::now();
        for _ in 0..3 {
            assert!(limiter.take(home(1), Uuid::nil(), now));
        }
        assert!(!limiter.take(home(1), Uuid::nil(), now));
        assert!(limiter.take(home(2), Uuid::nil(), now));
    }

    #[test]
    fn the_configured_limits_count() {
        let limiter = limiter("login: {per_ip: {burst: 100, per_second: 1}, per_account: {burst: 1, per_second: 0.1}}");
        let now = Instant::now();
        assert!(limiter.take(home(1), Uuid::nil(), now));
        assert!(!limiter.take(home(2), Uuid::nil(), now));
    }
}
