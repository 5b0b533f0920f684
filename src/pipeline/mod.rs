//! The way of the data for one host: inventory -> variables -> roles -> desired state -> observed state ->
//! plan. Ties the stages together for the command line and the daemon; decides nothing itself.

mod connection;
mod download;
mod examine;
mod load;
mod magic;
mod observe;
mod prepare;

pub use connection::{ConnectionDefaults, Transport, settings};
pub use download::{Downloads, cache_folder};
pub use examine::{diagnostics, examine};
pub use load::{Loaded, Sources};
pub use observe::observe;
pub use prepare::{HostFacts, Prepared, variables};
