//! The host stage against real machines: a private sshd on this one, and the sandbox.
//!
//! All of it needs root, and part of it Docker, so the tests are ignored unless asked for:
//! `tests/sandbox/sandbox prepare && cargo test --test host -- --ignored`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::unchecked_time_subtraction,
    reason = "a test may panic, and measures real time on real machines"
)]

mod engine;
mod execution;
mod files;
mod login;
mod sandbox;
mod sshd;
mod units;
