//! Events as lines of JSON, and the schema that describes them.

use std::time::SystemTime;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value as Json;

use super::event::Event;
use crate::plan::Plan;

/// The version of the lines.
pub const VERSION: u32 = 1;

/// One line: an event, and when and where it happened.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Line<'a> {
    /// The version of this document: 1.
    pub version: u32,
    /// The run's id; the same in the host's lock, its journal, and the log on this machine.
    pub run: &'a str,
    /// When, by this machine's clock: RFC 3339 in UTC, with milliseconds.
    pub at: String,
    /// The host that it is about; absent for what is about the whole run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<&'a str>,
    /// What happened.
    #[serde(flatten)]
    pub event: &'a Event,
}

impl Line<'_> {
    /// Its text, with the end of the line.
    pub fn text(&self) -> String {
        // Nothing in an event can fail to be JSON: keys are texts, and numbers are finite.
        serde_json::to_string(self).map(|line| line + "\n").unwrap_or_default()
    }
}

/// A time as lines have it.
pub fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}

/// What `plan --json` writes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlanDocument {
    /// The version of this document: 1.
    pub version: u32,
    /// One for each host.
    pub plans: Vec<Plan>,
}

/// A line that a command tells in a form of its own; `docs/interfaces.md` has its further fields.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OtherLine {
    /// The version of this document: 1.
    pub version: u32,
    /// The run's id.
    pub run: String,
    /// As in other lines.
    pub at: String,
    /// The host that it is about.
    pub host: String,
    /// Which.
    pub event: OtherEvent,
}

/// What commands tell in forms of their own.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OtherEvent {
    /// `lock release`.
    Lock,
    /// The self-check of one host within a run.
    SelfCheck,
    /// `uninstall`.
    Uninstalled,
    /// `postgres upgrade`.
    Upgraded,
    /// `postgres upgrade --remove-old-data`.
    Removed,
    /// `migrate`: a step begins.
    MigrationStep,
    /// `migrate`: what an examination found.
    Finding,
    /// `migrate`: how many accounts there are.
    Accounts,
    /// `migrate`: the logins are MAS's.
    CutOver,
    /// `migrate`: what going back loses.
    Losses,
}

/// JSON schema of a line of the stream, or of the document of `plan --json`.
pub fn schema() -> Json {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let line = generator.subschema_for::<Line<'static>>();
    let other = generator.subschema_for::<OtherLine>();
    let document = generator.subschema_for::<PlanDocument>();
    let definitions = generator.take_definitions(true);
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What homestead writes with --json",
        "description": "A line of the events of a run, or the document of `homestead plan --json`. Fields may be added within a version: a reader ignores what it does not know.",
        "anyOf": [line, other, document],
        "$defs": definitions,
    })
}
