//! Log lines on stderr, in the shape that Matrix Authentication Service gives them:
//! `<time> <LEVEL> <target>:<line> - <message> <fields>`.

use std::io::Write;
use std::sync::OnceLock;

use time::OffsetDateTime;
use time::macros::format_description;

/// How grave a line is; the order is the order of gravity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

static LOWEST: OnceLock<Level> = OnceLock::new();

/// Takes the lowest level to show from the value of `RUST_LOG`; anything that is not one of the
/// plain level names leaves it at `info`.
pub fn configure(rust_log: Option<&str>) {
    let level = match rust_log.map(str::trim) {
        Some("off" | "error") => Level::Error,
        Some("warn") => Level::Warn,
        Some("debug" | "trace") => Level::Debug,
        _ => Level::Info,
    };
    // A second call would come from a test; the first one counts.
    let _ = LOWEST.set(level);
}

/// Writes one line. `place` is the target and line, or an event's name.
pub fn write(level: Level, place: &str, message: &str) {
    if level > *LOWEST.get().unwrap_or(&Level::Info) {
        return;
    }
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    let now = OffsetDateTime::now_utc().format(&format).unwrap_or_default();
    let name = match level {
        Level::Error => "ERROR",
        Level::Warn => " WARN",
        Level::Info => " INFO",
        Level::Debug => "DEBUG",
    };
    // A closed stderr is no reason to stop serving.
    let _ = writeln!(std::io::stderr().lock(), "{now} {name} {place} - {message}");
}

#[macro_export]
macro_rules! log_line {
    ($level:ident, $($message:tt)+) => {
        $crate::log::write(
            $crate::log::Level::$level,
            concat!(module_path!(), ":", line!()),
            &format!($($message)+),
        )
    };
}

#[macro_export]
macro_rules! info { ($($message:tt)+) => { $crate::log_line!(Info, $($message)+) }; }

#[macro_export]
macro_rules! warning { ($($message:tt)+) => { $crate::log_line!(Warn, $($message)+) }; }

#[macro_export]
macro_rules! error { ($($message:tt)+) => { $crate::log_line!(Error, $($message)+) }; }
