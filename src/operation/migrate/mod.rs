//! The pieces of moving a server's accounts to MAS: counting them, trying logins, closing the door while they move, and the
//! window that the host itself closes when nobody does. Must not know the command line, which puts them in order.

mod counts;
mod database;
mod door;
mod finding;
mod losses;
pub mod preflight;
mod probe;
mod store;
mod window;

pub use counts::{in_mas, in_synapse, short};
pub use database::{Databases, forget_mas, put_aside};
pub use door::Door;
pub use finding::{Finding, Verdict};
pub use losses::{Loss, losses};
pub use probe::{Probe, Servers};
pub use store::{by_hand, put, understand};
pub use window::{OPEN_PATH, Window, leftover};
