//! The way of the data for one host: inventory -> variables -> roles -> desired state -> observed state ->
//! plan. Ties the stages together for the command line and the daemon; decides nothing itself.

mod connection;
mod download;
mod examine;
mod leftovers;
mod live;
mod load;
mod magic;
mod observe;
mod prepare;
mod remembered;
mod status;

pub use connection::{ConnectionDefaults, Transport, settings};
pub use download::{Downloads, cache_folder, downloads_folder};
pub use examine::{diagnostics, examine};
pub use leftovers::leftovers;
pub use live::live;
pub use load::{Loaded, Sources};
pub use observe::{Sight, look, observe};
pub use prepare::{HostFacts, Prepared, variables};
pub use remembered::Remembered;
pub use status::{Status, status};
