//! What happened on each host so far, for the end of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::{Event, RunStep, UnitEnd};
use crate::plan::RestartKind;

/// What happened on each host.
#[derive(Debug, Default)]
pub struct Tally {
    hosts: BTreeMap<String, HostTally>,
}

/// What happened on one host.
#[derive(Debug, Default)]
pub struct HostTally {
    /// How many resources the plan changes.
    pub changes: Option<usize>,
    /// Which of the units ran before.
    kinds: BTreeMap<String, RestartKind>,
    /// When a unit was told to stop or restart, since the run's begin.
    down: BTreeMap<String, Duration>,
    /// How long after that it was healthy.
    back: BTreeMap<String, Duration>,
}

impl Tally {
    /// Takes an event in. `at` is the time since the run's begin.
    pub fn add(&mut self, host: &str, event: &Event, at: Duration) {
        let tally = self.hosts.entry(host.to_owned()).or_default();
        match event {
            Event::Plan { plan } => {
                tally.changes = Some(plan.actions.len());
                tally.kinds = plan.restarts.iter().map(|restart| (restart.unit.clone(), restart.kind)).collect();
            }
            Event::Step { step: RunStep::Stop | RunStep::Restart, units } => {
                for unit in units {
                    tally.down.entry(unit.clone()).or_insert(at);
                }
            }
            Event::Healthy { unit } => {
                if let Some(down) = tally.down.get(unit) {
                    tally.back.insert(unit.clone(), at.saturating_sub(*down));
                }
            }
            _ => {}
        }
    }

    /// The end of a host's part; what comes later on this host is counted anew.
    pub fn end(&mut self, host: &str) -> (Option<usize>, Vec<UnitEnd>) {
        let tally = self.hosts.remove(host).unwrap_or_default();
        let touched = tally.down.keys().filter(|unit| tally.kinds.get(*unit) != Some(&RestartKind::Stop));
        let units = touched.map(|unit| {
            let restarted = tally.kinds.get(unit) == Some(&RestartKind::Restart);
            let back = tally.back.get(unit).filter(|_| restarted).map(|back| seconds(*back));
            UnitEnd { unit: unit.clone(), restarted, down_seconds: back }
        });
        (tally.changes, units.collect())
    }
}

/// Seconds with milliseconds, and no more.
pub fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// A duration for people: `0.4 s`, `12 s`, `3 min 5 s`.
pub fn for_people(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    // Within what a run takes, no precision is lost.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a duration is small and not negative")]
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// A host's end in a line: `12 changes in 41 s; restarted a.service (away 14 s); started b.service`.
pub fn summary(changes: Option<usize>, units: &[UnitEnd], took: f64) -> Option<String> {
    let changes = changes?;
    if changes == 0 && units.is_empty() {
        return None;
    }
    let word = if changes == 1 { "change" } else { "changes" };
    let mut text = format!("{changes} {word} in {}", for_people(took));
    let restarted: Vec<String> = units
        .iter()
        .filter(|unit| unit.restarted)
        .map(|unit| match unit.down_seconds {
            Some(down) => format!("{} (away {})", unit.unit, for_people(down)),
            None => unit.unit.clone(),
        })
        .collect();
    if !restarted.is_empty() {
        text.push_str(&format!("; restarted {}", restarted.join(", ")));
    }
    let started = units.iter().filter(|unit| !unit.restarted).count();
    if started > 0 {
        text.push_str(&format!("; started {started} service{}", if started == 1 { "" } else { "s" }));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::plan::{Plan, Restart, VERSION};

    fn restart(unit: &str, kind: RestartKind) -> Restart {
        Restart { unit: unit.into(), kind, priority: 0, reasons: Vec::new() }
    }

    #[test]
    fn a_restarted_service_was_away_from_its_stop_to_its_health() {
        let restarts = vec![restart("a.service", RestartKind::Restart), restart("b.service", RestartKind::Start)];
        let plan = Plan {
            version: VERSION,
            host: "h".into(),
            actions: Vec::new(),
            restarts,
            orphans: Vec::new(),
            kept: Vec::new(),
            notes: Vec::new(),
        };
        let step = |step, units: &[&str]| Event::Step { step, units: units.iter().map(|unit| (*unit).to_owned()).collect() };
        let healthy = |unit: &str| Event::Healthy { unit: unit.into() };
        let mut tally = Tally::default();
        for (second, event) in [
            (1, Event::Plan { plan: Arc::new(plan) }),
            (2, step(RunStep::Stop, &["a.service"])),
            (5, step(RunStep::Restart, &["b.service"])),
            (9, healthy("b.service")),
            (9, step(RunStep::Restart, &["a.service"])),
            (75, healthy("a.service")),
        ] {
            tally.add("h", &event, Duration::from_secs(second));
        }
        let (changes, units) = tally.end("h");
        assert_eq!(
            summary(changes, &units, 80.0).unwrap(),
            "0 changes in 1 min 20 s; restarted a.service (away 1 min 13 s); started 1 service"
        );
        let (changes, units) = tally.end("h");
        assert_eq!((changes, units.len()), (None, 0), "what ended is counted once");
    }

    #[test]
    fn a_duration_has_the_precision_that_people_want() {
        let shown: Vec<String> = [0.04, 9.94, 9.96, 59.7, 3599.0, 7260.0].into_iter().map(for_people).collect();
        assert_eq!(shown, ["0.0 s", "9.9 s", "10 s", "1 min 0 s", "59 min 59 s", "2 h 1 min"]);
    }
}
