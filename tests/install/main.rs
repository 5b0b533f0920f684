//! homestead on real machines: each test has a disposable host of its own, and all of them see only what
//! a user sees.
//!
//! Where there can be no sandbox, each prints `skipped: ...`; on CI that is a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod bad_days;
mod connecting;
mod credentials;
mod daemon;
mod dashboard;
mod doctor;
mod extensions;
mod generations;
mod installed;
mod lifecycle;
mod logins;
mod mas;
mod mas_elsewhere;
mod migrating;
mod moving_accounts;
mod operations;
mod ownership;
mod playbook_host;
mod requests;
mod rollback;
mod saved_plans;
mod secrets;
mod staged;
mod takeover;
mod transports;
mod upgrade;
mod workers;
