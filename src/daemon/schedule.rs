//! When each host is looked at next. Pure: the time is handed in.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// How a look at a host ended, as far as the next one depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered.
    Answered,
    /// It did not: the next looks come sooner, then ever more rarely, never more rarely than usual.
    Unreachable,
    /// It answered, and there is something to do when a maintenance window opens, which is then.
    Until(Timestamp),
    /// A run is at work there: the next look comes soon.
    Busy,
    /// It was no look of the daemon's own: the next one stays where it is.
    Aside,
}

/// The first pause after a host did not answer; it doubles each time.
const FIRST_RETRY: Duration = Duration::from_secs(30);
/// So long after it was seen at work, a host is looked at again.
const BUSY_RETRY: Duration = Duration::from_secs(20);
/// A host is looked at up to so much earlier or later than its interval says, so that many hosts do not
/// move in step.
const JITTER: f64 = 0.1;
/// What a daemon that starts has not looked at yet is due within this time, spread.
const WARM_UP: Duration = Duration::from_mins(1);
/// A change of the inventory is looked at on every host within this time, spread.
const SOON: Duration = Duration::from_secs(3);

#[derive(Clone, Debug)]
struct Entry {
    interval: Duration,
    due: Timestamp,
    /// How many looks there were; the jitter depends on it.
    looks: u64,
    failures: u32,
    busy: bool,
    /// It became due while it was looked at: what that look saw may be older than the reason.
    hurried: bool,
}

impl Entry {
    fn hurry(&mut self, due: Timestamp) {
        self.due = due;
        self.hurried = self.busy;
    }
}

/// The hosts and when each is due.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    hosts: BTreeMap<String, Entry>,
}

impl Schedule {
    /// Takes over a new list of hosts with their intervals. Those that were known keep their turn, unless
    /// their interval became shorter; new ones are due within a minute.
    pub fn update(&mut self, hosts: &BTreeMap<String, Duration>, now: Timestamp) {
        self.hosts.retain(|name, _| hosts.contains_key(name));
        for (name, interval) in hosts {
            let entry = self.hosts.entry(name.clone()).or_insert_with(|| Entry {
                interval: *interval,
                due: now + (*interval).min(WARM_UP).mul_f64(fraction(name, 0)),
                looks: 0,
                failures: 0,
                busy: false,
                hurried: false,
            });
            if *interval < entry.interval {
                entry.due = entry.due.min(now + *interval);
            }
            entry.interval = *interval;
        }
    }

    /// The first host that is due, and when; one that is being looked at is not.
    pub fn next(&self) -> Option<(&str, Timestamp)> {
        let waiting = self.hosts.iter().filter(|(_, entry)| !entry.busy);
        waiting.min_by_key(|(name, entry)| (entry.due, *name)).map(|(name, entry)| (name.as_str(), entry.due))
    }

    /// A look at the host begins.
    pub fn begun(&mut self, host: &str) {
        if let Some(entry) = self.hosts.get_mut(host) {
            entry.busy = true;
        }
    }

    /// The look is over; the next is due after the interval, or at once where something happened meanwhile.
    pub fn ended(&mut self, host: &str, outcome: Outcome, now: Timestamp) {
        let Some(entry) = self.hosts.get_mut(host) else { return };
        entry.busy = false;
        let hurried = std::mem::take(&mut entry.hurried);
        if outcome == Outcome::Aside {
            return;
        }
        entry.looks += 1;
        entry.failures = if outcome == Outcome::Unreachable { entry.failures + 1 } else { 0 };
        let usual = entry.interval.mul_f64(1.0 - JITTER + 2.0 * JITTER * fraction(host, entry.looks));
        let pause = match entry.failures {
            0 if outcome == Outcome::Busy => BUSY_RETRY.min(usual),
            0 => usual,
            failures => FIRST_RETRY.saturating_mul(1 << (failures - 1).min(16)).min(usual),
        };
        let due = match outcome {
            Outcome::Until(opens) => (now + pause).min(opens + SOON.mul_f64(fraction(host, entry.looks))),
            _ => now + pause,
        };
        if !hurried {
            entry.due = due;
        }
    }

    /// Makes a host due at once; whether it is known.
    pub fn hurry(&mut self, host: &str, now: Timestamp) -> bool {
        self.hosts.get_mut(host).map(|entry| entry.hurry(now)).is_some()
    }

    /// Makes every host due within a few seconds.
    pub fn hurry_all(&mut self, now: Timestamp) {
        for (name, entry) in &mut self.hosts {
            entry.hurry(entry.due.min(now + SOON.mul_f64(fraction(name, entry.looks))));
        }
    }

    /// Whether there is such a host.
    pub fn knows(&self, host: &str) -> bool {
        self.hosts.contains_key(host)
    }

    /// When a host is due; nothing where it is unknown or being looked at.
    pub fn due(&self, host: &str) -> Option<Timestamp> {
        self.hosts.get(host).filter(|entry| !entry.busy).map(|entry| entry.due)
    }
}

/// A number from 0 to 1 that is always the same for a host and a turn, and looks random across them.
fn fraction(host: &str, turn: u64) -> f64 {
    let mut hasher = Sha256::new();
    hasher.update(host);
    hasher.update(turn.to_le_bytes());
    let digest = hasher.finalize();
    let bytes = [digest[0], digest[1], digest[2], digest[3]];
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(900);

    fn noon() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn schedule(names: &[&str]) -> Schedule {
        let mut schedule = Schedule::default();
        schedule.update(&names.iter().map(|name| ((*name).to_owned(), INTERVAL)).collect(), noon());
        schedule
    }

    fn seconds(from: Timestamp, to: Timestamp) -> f64 {
        to.duration_since(from).as_secs_f64()
    }

    #[test]
    fn new_hosts_are_due_within_a_minute_and_not_together() {
        let names: Vec<String> = (0..20).map(|number| format!("host{number}")).collect();
        let schedule = schedule(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let mut due: Vec<f64> = names.iter().map(|name| seconds(noon(), schedule.due(name).unwrap())).collect();
        due.sort_by(f64::total_cmp);
        assert!(due[0] >= 0.0 && due[19] <= 60.0 && due[19] - due[0] > 20.0, "{due:?}");
    }

    #[test]
    fn the_next_look_comes_about_an_interval_later() {
        let mut schedule = schedule(&["a"]);
        let mut gaps = Vec::new();
        let mut now = noon();
        for _ in 0..50 {
            schedule.begun("a");
            assert_eq!(schedule.next(), None);
            schedule.ended("a", Outcome::Answered, now);
            let due = schedule.due("a").unwrap();
            gaps.push(seconds(now, due));
            now = due;
        }
        assert!(gaps.iter().all(|gap| (809.9..990.1).contains(gap)), "{gaps:?}");
        let mean = gaps.iter().sum::<f64>() / 50.0;
        assert!((860.0..940.0).contains(&mean), "{mean}");
    }

    #[test]
    fn a_host_that_does_not_answer_is_asked_sooner_then_as_usual() {
        let mut schedule = schedule(&["a"]);
        let mut gaps = Vec::new();
        for _ in 0..7 {
            schedule.ended("a", Outcome::Unreachable, noon());
            gaps.push(seconds(noon(), schedule.due("a").unwrap()).round() as u64);
        }
        assert_eq!(gaps[..5], [30, 60, 120, 240, 480]);
        assert!(gaps[5..].iter().all(|gap| (810..=990).contains(gap)), "{gaps:?}");
        schedule.ended("a", Outcome::Answered, noon());
        assert!(seconds(noon(), schedule.due("a").unwrap()) > 800.0);
    }

    #[test]
    fn what_happens_during_a_look_is_looked_at_soon() {
        let mut schedule = schedule(&["a"]);
        let later = noon() + Duration::from_secs(10);
        schedule.begun("a");
        assert!(schedule.hurry("a", noon()));
        schedule.ended("a", Outcome::Answered, later);
        assert_eq!(schedule.due("a"), Some(noon()));
        schedule.begun("a");
        schedule.ended("a", Outcome::Answered, later);
        let due = schedule.due("a").unwrap();
        assert!(seconds(later, due) > 800.0);
        // What is no look of the daemon's own moves nothing.
        schedule.begun("a");
        schedule.ended("a", Outcome::Aside, later);
        assert_eq!(schedule.due("a"), Some(due));
    }

    #[test]
    fn a_window_is_not_slept_through() {
        let mut schedule = schedule(&["a"]);
        let opens = noon() + Duration::from_secs(100);
        schedule.ended("a", Outcome::Until(opens), noon());
        assert!((100.0..=103.0).contains(&seconds(noon(), schedule.due("a").unwrap())));
        // The usual look comes first where the window is far.
        schedule.ended("a", Outcome::Until(noon() + Duration::from_secs(86_400)), noon());
        assert!((809.9..990.1).contains(&seconds(noon(), schedule.due("a").unwrap())));
    }

    #[test]
    fn a_new_list_keeps_turns() {
        let mut schedule = schedule(&["a", "b"]);
        schedule.ended("a", Outcome::Answered, noon());
        let due = schedule.due("a");
        let later = noon() + Duration::from_secs(10);
        schedule.update(&[("a".to_owned(), INTERVAL)].into(), later);
        assert_eq!((schedule.due("a"), schedule.due("b")), (due, None));
        // A shorter interval counts from now.
        schedule.update(&[("a".to_owned(), Duration::from_secs(60))].into(), later);
        assert_eq!(schedule.due("a"), Some(later + Duration::from_secs(60)));
        assert!(schedule.hurry("a", later) && !schedule.hurry("b", later));
        assert_eq!(schedule.next(), Some(("a", later)));
    }
}
