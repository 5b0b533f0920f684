//! Speaks to people and to programs. Takes plans, events, and errors; writes text. Decides nothing.

mod diagnostics;
mod event;
mod plan;
mod terminal;

pub use diagnostics::{failure, findings};
pub use event::{Event, Sink};
pub use plan::plan_text;
pub use terminal::{SourceReader, Terminal};
