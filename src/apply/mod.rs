//! Carries a plan out on one host. Takes a plan, the states it came from, and a connected host; sends
//! events; gives nothing but success, or an error that says what was done and what was put back.
//!
//! Up to the push, nothing that runs is touched. If a unit does not become healthy afterwards, files and
//! units go back to what they were.

mod account;
mod builds;
mod chain;
mod commit;
mod databases;
mod dispatch;
mod docker_install;
mod first_start;
mod journal;
mod preflight;
mod progress;
mod pull;
mod remember;
mod remove;
mod rollback;
mod routes;
mod save;
mod schemas;
mod services;
mod staged;
mod undo;

pub use databases::{put_into as put_databases, sizes as database_sizes, statements_for as database_statements};
pub use dispatch::{Operator, Run, apply};
pub use first_start::{PATH as FIRST_START_PATH, mend as mend_first_start};
pub use journal::left_half_done;
pub use progress::Progress;
pub use remember::{MEMORY_PATH, UNDO_PATH, amend, folder as memory_folder, recall, understand, understand_undo};
pub use schemas::read as read_schemas;
pub use services::{start, stop, wait};

#[cfg(test)]
mod tests;
