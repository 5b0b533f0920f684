//! The command line's entry: parse, call, exit code.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    homestead::cli::main().await
}
