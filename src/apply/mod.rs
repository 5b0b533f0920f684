//! Carries a plan out on one host. Takes a plan, the states it came from, and a connected host; sends
//! events; gives nothing but success, or an error that says what was done and what was put back.
//!
//! Up to the push, nothing that runs is touched. If a unit does not become healthy afterwards, files and
//! units go back to what they were.

mod account;
mod builds;
mod databases;
mod dispatch;
mod docker_install;
mod preflight;
mod pull;
mod remember;
mod rollback;
mod services;

pub use databases::put_into as put_databases;
pub use dispatch::{Run, apply};
pub use remember::{MEMORY_PATH, amend, recall, understand};
pub use services::{start, stop, wait};

#[cfg(test)]
mod tests;
