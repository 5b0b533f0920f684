//! What a program costs: time, processor, memory, and what goes over the wire.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Proxy, Traffic};

/// The kernel's clock ticks a second, as `/proc` counts them (`proc(5)`; 100 on every Linux of ours).
const TICKS: f64 = 100.0;

/// One run of a program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub seconds: f64,
    /// Of it and of all it started.
    pub cpu_seconds: f64,
    /// Of it and of all it started, at one time.
    pub peak_mb: f64,
    pub traffic: Traffic,
}

/// Runs a program that must succeed.
pub fn measure(mut command: Command, proxy: Option<&Proxy>) -> Cost {
    if let Some(proxy) = proxy {
        proxy.take();
    }
    let log = tempfile::NamedTempFile::new().unwrap();
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(log.reopen().unwrap())
        .stderr(log.reopen().unwrap())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut peak = 0.0_f64;
    // A zombie tells still what it and its children took.
    let cpu = loop {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        if fields[0] == "Z" {
            break fields[11..15].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS;
        }
        peak = peak.max(resident(child.id()));
        std::thread::sleep(Duration::from_millis(2));
    };
    let seconds = started.elapsed().as_secs_f64();
    let status = child.wait().unwrap();
    assert!(status.success(), "{command:?}: {status}\n{}", std::fs::read_to_string(log.path()).unwrap());
    Cost { seconds, cpu_seconds: cpu, peak_mb: peak, traffic: proxy.map(Proxy::take).unwrap_or_default() }
}

/// The memory of a process and of all below it, in megabytes; the pages that they share count for each.
fn resident(root: u32) -> f64 {
    let mut total = 0.0;
    let mut waiting = vec![root];
    while let Some(process) = waiting.pop() {
        // A process may end while it is looked at.
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        total += field(&status, "VmRSS:") / 1024.0;
        let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
        waiting.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
    }
    total
}

fn field(status: &str, name: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// All costs, by case, way, and tool.
#[derive(Default)]
pub struct Results(pub BTreeMap<(usize, u64, usize), Vec<Cost>>);

/// The middle of some numbers, and the least and the greatest.
pub fn spread(numbers: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    let last = numbers.len().saturating_sub(1);
    (numbers[numbers.len() / 2], numbers[0], numbers[last])
}
