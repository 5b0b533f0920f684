//! Keeps servers as declared. Takes an inventory to watch and a policy for each host; gives runs of
//! homestead's own commands, a record of them, and an API to look at it. Must not know how a
//! run works: it starts the commands that people type, and reads what they say to programs.

pub mod allowed;
pub mod api;
pub mod clock;
mod commands;
mod decision;
mod engine;
mod inventory;
pub mod life;
mod metrics;
mod notices;
pub mod notify;
mod pages;
pub mod process;
mod schedule;
pub mod settings;
mod sight;
#[cfg(test)]
mod simulation;
pub mod store;
mod turn;
pub mod watch;
mod window;

pub use commands::{Commands, Ended, Job, LookFailed, Rollback, Seen, Stop};
pub use decision::{Circumstances, Decision, Moved, Reason, decide};
pub use engine::{Engine, Handle, News, Parts, Request};
pub use inventory::Inventory;
pub use schedule::{Outcome, Schedule};
pub use settings::{HostSettings, Policy, Settings};
pub use window::Window;
