//! `mas-stand-in`: answers for Matrix Authentication Service in homestead's tests.
//!
//! It is a stand-in written for those tests and shares no code with the program it stands for.

use std::process::ExitCode;

mod cli;
mod commands;
mod config;
mod homeserver;
mod identifiers;
mod jobs;
mod keys;
mod log;
mod mail;
mod passwords;
mod server;
mod storage;
mod tls;

fn main() -> ExitCode {
    cli::run()
}
