//! Where in a run a fault falls.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

/// What says that a run has come to a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// The step of a run.
    Step,
    /// The step of a migration.
    MigrationStep,
    /// A stage, by its first words.
    Stage,
}

impl Sign {
    const fn event(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::MigrationStep => "migration_step",
            Self::Stage => "stage",
        }
    }
}

/// The beginning of a step: the first that is about `unit`, where one is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    pub sign: Sign,
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
    /// While what works on the host waits for a table that somebody else holds.
    Midway,
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
    of(step, "")
}

pub const fn of(step: &'static str, unit: &'static str) -> Point {
    Point { sign: Sign::Step, step, unit }
}

/// The beginning of a step of a migration.
pub const fn migration_step(step: &'static str) -> Point {
    Point { sign: Sign::MigrationStep, step, unit: "" }
}

/// The beginning of a stage.
pub const fn stage(words: &'static str) -> Point {
    Point { sign: Sign::Stage, step: words, unit: "" }
}

impl Point {
    /// Whether an event of a run is it.
    pub fn is(&self, event: &Value) -> bool {
        event["event"] == self.sign.event()
            && match self.sign {
                Sign::Step | Sign::MigrationStep => event["step"] == self.step,
                Sign::Stage => event["text"].as_str().is_some_and(|text| text.starts_with(self.step)),
            }
            && (self.unit.is_empty()
                || event["units"].as_array().is_some_and(|units| units.iter().any(|unit| unit.as_str().unwrap().contains(self.unit))))
    }

    pub fn name(&self) -> String {
        match self.sign {
            Sign::Stage => format!("\"{}\"", self.step),
            _ if self.unit.is_empty() => self.step.to_owned(),
            _ => format!("{} {}", self.step, self.unit),
        }
    }
}

/// When each step and stage of a run came that nothing disturbed, and at last its end.
#[derive(Clone, Debug, Default)]
pub struct Pace(Vec<(Instant, Value)>);

impl Pace {
    pub fn of(events: &[(Instant, Value)]) -> Self {
        Self(events.to_vec())
    }

    /// Events of a kind, each with the time until the next of its kind or the end.
    fn lasted<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a Value, Duration)> {
        let of_kind = move || self.0.iter().filter(move |(_, event)| event["event"] == kind);
        let ends = of_kind().skip(1).chain(self.0.last()).map(|(at, _)| *at);
        of_kind().zip(ends).map(|((at, event), end)| (event, end - *at))
    }

    /// How long the step of a point takes; nothing where the run does not come to it.
    pub fn at(&self, point: &Point) -> Option<Duration> {
        self.lasted(point.sign.event()).find(|(event, _)| point.is(event)).map(|(_, took)| took)
    }

    pub fn text(&self) -> String {
        let mut sums: BTreeMap<String, Duration> = BTreeMap::new();
        for (event, took) in self.lasted(Sign::Step.event()) {
            *sums.entry(event["step"].as_str().unwrap().to_owned()).or_default() += took;
        }
        sums.iter().map(|(step, took)| format!("{step} {:.2} s", took.as_secs_f64())).collect::<Vec<_>>().join(", ")
    }
}
