//! What a process takes of the machine, as the kernel tells (`proc(5)`).

use std::time::Duration;

/// Clock ticks a second, as `/proc` counts them: 100 on every Linux of ours.
const TICK: Duration = Duration::from_millis(10);

/// So far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Of all threads, in and for the process.
    pub processor: Duration,
    /// The most memory that was resident at one time, in megabytes.
    pub peak_mb: f64,
}

impl Usage {
    /// Of a process; nothing where it has ended.
    pub fn of(process: u32) -> Option<Self> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: f64 = peak.trim().strip_suffix(" kB")?.parse().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name of the program may hold anything.
        let ticks = stat.rsplit_once(") ")?.1.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u32>().ok());
        let ticks: Vec<u32> = ticks.collect::<Option<_>>()?;
        Some(Self { processor: TICK * ticks.iter().sum(), peak_mb: kib / 1024.0 })
    }
}
