//! The journal of a run on the host: what a later run reads when this one does not come to its end.

use serde::Serialize;

use super::Run;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::Unfinished;
use crate::plan::{Begun, Undo};
use crate::report::RunStep;

/// A line of the journal.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Line<'a> {
    /// The first.
    Begin {
        #[serde(flatten)]
        begun: &'a Begun,
        version: &'a str,
    },
    /// The run comes to a step.
    Step { step: RunStep, units: &'a [String] },
    /// The last.
    End { result: End },
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It succeeded.
    Committed,
    /// What it had changed was put back.
    RolledBack,
    /// It failed half-way; the next run completes it.
    Failed,
    /// The user stopped it half-way; the next run completes it.
    Interrupted,
    /// It failed before it touched anything.
    Nothing,
}

impl End {
    /// What the journal says at the end of a run that had touched something, or not yet.
    pub fn of(outcome: &Result<()>, touched: bool) -> Self {
        match outcome {
            Ok(()) => Self::Committed,
            Err(error) if error.kind == Kind::Interrupted => Self::Interrupted,
            Err(error) if error.kind == Kind::RolledBack => Self::RolledBack,
            Err(_) if touched => Self::Failed,
            Err(_) => Self::Nothing,
        }
    }
}

/// A line as it stands in the journal.
///
/// # Errors
/// It cannot be written.
pub fn text(line: &Line<'_>) -> Result<String> {
    serde_json::to_string(line).map_err(|error| Error::new(Kind::Usage, "a line of the journal cannot be written").caused_by(error))
}

/// Begins the journal of a run.
pub async fn begin(run: &Run<'_>) -> Result<()> {
    run.lock.note(&Line::Begin { begun: &begun(run), version: env!("CARGO_PKG_VERSION") }).await
}

/// Ends it. Where that cannot be written, the next run takes this one for cut off, which does no harm.
pub async fn end(run: &Run<'_>, end: End) {
    let noted: std::result::Result<(), Error> = run.lock.note(&Line::End { result: end }).await;
    if let Err(error) = noted {
        tracing::debug!(host = run.plan.host, error = %error.message, "the journal has no end");
    }
}

/// Who this run is.
pub fn begun(run: &Run<'_>) -> Begun {
    let holder = run.holder;
    Begun { run: holder.run.clone(), command: holder.command.clone(), who: holder.who.clone(), since: holder.since.clone() }
}

/// In words, the run that was left half done; nothing where there is none.
pub fn left_half_done(unfinished: Option<&Unfinished>, undo: Option<&Undo>) -> Option<String> {
    let Some(unfinished) = unfinished else {
        let Begun { run, command, who, since } = &undo?.begun;
        return Some(format!("the run {run} (`{command}` by {who}, since {since}) did not come to its end"));
    };
    Some(unfinished.sentence())
}
