//! Desired and observed state -> the ordered actions that turn one into the other. Pure: no I/O, no
//! clock, no randomness. Must not know hosts or people.

mod action;
mod builds;
mod compare;
mod diff;
mod drift;
mod fingerprint;
mod generation;
mod leftover;
mod memory;
mod observed;
mod ownership;
mod restart;
mod saved;
mod undo;
mod unit_report;

pub use action::{Action, Change, Plan, Resource, Restart, RestartKind, Step};
pub use builds::{BASE_LABEL, RECIPE_LABEL};
pub use compare::{Scope, plan, sha256};
pub use drift::{Difference, Drift, Live, LiveContainer, LiveUnit, Moved, drift};
pub use fingerprint::Fingerprint;
pub use generation::{Changes, Generation, KeptFile, KeptImage, KeptUnit, Schemas, SynapseSchema};
pub use leftover::{unit_file, unit_of};
pub use memory::{Memory, OwnedFile, database_fingerprint};
pub use observed::{BuiltImage, NetworkState, Observed, PathKind, PathState, UnitState};
pub use ownership::{KeptData, Left, LeftoverRequest, Leftovers, Postgres, forget, left, postgres_of, remember};
pub use restart::{stopped_first, waves};
pub use saved::{Arguments, SavedHost, SavedPlan};
pub use undo::{Begun, SavedDirectory, SavedFile, SavedUnit, Undo};
pub use unit_report::UnitReport;

/// The version of every JSON document that describes a plan.
pub const VERSION: u32 = 1;
