//! Desired and observed state -> the ordered actions that turn one into the other. Pure: no I/O, no
//! clock, no randomness. Must not know hosts or people.

mod action;
mod builds;
mod compare;
mod diff;
mod leftover;
mod memory;
mod observed;
mod restart;

pub use action::{Action, Change, Plan, Resource, Restart, RestartKind, Step};
pub use builds::{BASE_LABEL, RECIPE_LABEL};
pub use compare::{Scope, plan, sha256};
pub use leftover::unit_of;
pub use memory::{Memory, OwnedFile, database_fingerprint};
pub use observed::{BuiltImage, NetworkState, Observed, PathKind, PathState, UnitState};
pub use restart::{stopped_first, waves};

/// The version of every JSON document that describes a plan.
pub const VERSION: u32 = 1;
