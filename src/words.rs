//! Numbers as people say them.

/// How long ago something was: `just now`, `3 minutes ago`.
pub fn ago(seconds: u64) -> String {
    if seconds < 2 { "just now".to_owned() } else { format!("{} ago", lasted(seconds)) }
}

/// How long something lasts, to its largest unit: `3 minutes`.
pub fn lasted(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// How much room something takes: `12.3 GB`, in powers of ten as disks are sold.
#[allow(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
pub fn room(bytes: u64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let unit_name = units.get(unit).copied().unwrap_or_default();
    if unit == 0 { format!("{bytes} {unit_name}") } else { format!("{value:.1} {unit_name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        let times: Vec<String> = [0, 1, 2, 59, 60, 125, 3_600, 7_300, 86_400, 900_000].map(ago).to_vec();
        assert_eq!(
            times,
            [
                "just now",
                "just now",
                "2 seconds ago",
                "59 seconds ago",
                "1 minute ago",
                "2 minutes ago",
                "1 hour ago",
                "2 hours ago",
                "1 day ago",
                "10 days ago"
            ]
        );
        let sizes = [0, 999, 1_000, 12_345_678, 999_960_000, 12_300_000_000, 5_000_000_000_000_000].map(room);
        assert_eq!(sizes, ["0 bytes", "999 bytes", "1.0 kB", "12.3 MB", "1.0 GB", "12.3 GB", "5000.0 TB"]);
    }
}
