//! Where in a run a fault falls.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The beginning of a step: the first that is about `unit`, where one is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    pub step: &'static str,
    pub unit: &'static str,
}

/// How far behind the beginning of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// Everything before the step is done, nothing of it has begun: the program and its connection stand still.
    At,
    /// A share of the time that the step takes on a good day.
    Into(f64),
}

/// The steps of `install-all` that come in every run with changes; `save` where the program has it.
pub const EARLY: [&str; 7] = ["connect", "lock", "observe", "plan", "check", "pull", "prepare"];
/// From here on something on the host is half done.
pub const LATE: [Point; 10] = [
    point("save"),
    point("write"),
    point("reload"),
    point("stop"),
    point("databases"),
    of("restart", "element"),
    of("health", "element"),
    of("restart", "synapse"),
    of("health", "synapse"),
    point("remove"),
];

pub const fn point(step: &'static str) -> Point {
    Point { step, unit: "" }
}

pub const fn of(step: &'static str, unit: &'static str) -> Point {
    Point { step, unit }
}

impl Point {
    /// Whether an event of a run is it.
    pub fn is(&self, event: &Value) -> bool {
        event["event"] == "step"
            && event["step"] == self.step
            && (self.unit.is_empty()
                || event["units"].as_array().is_some_and(|units| units.iter().any(|unit| unit.as_str().unwrap().contains(self.unit))))
    }

    pub fn name(&self) -> String {
        if self.unit.is_empty() { self.step.to_owned() } else { format!("{} {}", self.step, self.unit) }
    }
}

/// How long each step of a run took that nothing disturbed, by its name and units.
#[derive(Clone, Debug, Default)]
pub struct Pace(Vec<(Value, Duration)>);

impl Pace {
    pub fn of(events: &[(Instant, Value)], end: Instant) -> Self {
        let steps: Vec<&(Instant, Value)> = events.iter().filter(|(_, event)| event["event"] == "step").collect();
        let ends = steps.iter().skip(1).map(|(at, _)| *at).chain([end]);
        Self(steps.iter().zip(ends).map(|((at, event), end)| (event.clone(), end - *at)).collect())
    }

    /// How long the step of a point takes; nothing where the run does not come to it.
    pub fn at(&self, point: &Point) -> Option<Duration> {
        self.0.iter().find(|(event, _)| point.is(event)).map(|(_, took)| *took)
    }

    pub fn text(&self) -> String {
        let mut sums: BTreeMap<String, Duration> = BTreeMap::new();
        for (event, took) in &self.0 {
            *sums.entry(event["step"].as_str().unwrap().to_owned()).or_default() += *took;
        }
        sums.iter().map(|(step, took)| format!("{step} {:.2} s", took.as_secs_f64())).collect::<Vec<_>>().join(", ")
    }
}
