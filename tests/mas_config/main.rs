//! The configuration of Matrix Authentication Service, as it is rendered: each group of its settings, what is
//! merged over it, and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod accounts;
mod databases;
mod homeserver;
mod merging;
mod schema;
mod serving;

use common::{Homestead, TestInventory};

const MAS: &str = "matrix-authentication-service";

/// The smallest server with MAS, and these lines.
fn with(lines: &str) -> TestInventory {
    let inventory = TestInventory::new();
    inventory.append(lines);
    inventory
}

/// What `check` says about it, without the lines that quote the file.
#[track_caller]
fn refused(lines: &str) -> String {
    let outcome = Homestead::on(&with(lines)).run(&["check"]).exits(3);
    let findings = outcome
        .stdout
        .lines()
        .filter(|line| line.starts_with("error") || line.starts_with("warning") || line.contains("= help") || line.contains("-->"));
    findings.map(|line| line.replace("inventory/host_vars/matrix.example.com/", "")).collect::<Vec<_>>().join("\n")
}
