//! Writes what a user would otherwise write by hand: inventories for new hosts, credentials, new names of
//! variables. Takes paths, roles and what the command line says; gives files, or what would be written. Must not
//! know people, and never replaces what it was not asked to.

pub mod credentials;
pub mod files;
pub mod migrated;
pub mod names;
pub mod new_host;
pub mod rename;
