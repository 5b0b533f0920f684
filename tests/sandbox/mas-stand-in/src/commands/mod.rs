//! One file a command.

pub mod config;
pub mod database;
pub mod doctor;
pub mod manage;
pub mod server;
pub mod syn2mas;
