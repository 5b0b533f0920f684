//! Speaks to people and to programs. Takes plans, events, and errors; writes text. Decides nothing.

mod diagnostics;
mod event;
mod finding;
mod live;
mod plain;
mod plan;
pub mod run_log;
mod status;
mod stream;
mod tally;
mod terminal;

pub use diagnostics::{failure, findings};
pub use event::{Event, Failure, RunResult, RunStep, Sink, UnitEnd};
pub use finding::{Finding, FindingNote};
pub use live::aside;
pub use plan::plan_text;
pub use status::{StatusOptions, status_json, status_text};
pub use stream::{Line, OtherEvent, OtherLine, PlanDocument, schema};
pub use tally::for_people;
pub use terminal::{Invocation, SourceReader, Style, Terminal};
