//! What the integration tests share, one environment struct a kind: [`TestInventory`] on the disk,
//! [`Homestead`] the program, [`Sandbox`] a disposable host.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "tests read the clock and the environment themselves")]

mod ansible;
mod browser;
pub mod document;
mod events;
mod homestead;
mod inventory;
pub mod people;
mod processes;
mod proxy;
mod rendered;
mod sandbox;
mod shared;
mod usage;

use std::io::Write as _;
use std::time::{Duration, Instant};

pub use ansible::{python_of_ansible, same};
pub use browser::{Browser, ENTER, TAB};
pub use events::EventSchema;
pub use homestead::{Homestead, Outcome, Running};
pub use inventory::{ADDRESS, HOST, TestInventory};
pub use processes::ProcessSampler;
pub use proxy::{Proxy, Traffic};
pub use rendered::Rendered;
pub use sandbox::{Sandbox, python_sandbox, sandbox};
pub use shared::shared;
pub use usage::Usage;

/// Says why a test cannot run here, past the capture of the test harness: `bin/test` lists these lines.
pub fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "\nskipped: {why}");
}

/// Looks until `look` gives something; fails after `seconds`, saying what was waited for.
#[track_caller]
pub fn wait_for<T>(seconds: u64, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {seconds} s in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A port of this machine that nothing listens on.
pub fn closed_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
