//! Lines for logs and simple terminals: each complete in itself, without control characters but colours.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::Event;
use super::tally;

/// What lines without a terminal need to know of what was said.
#[derive(Debug, Default)]
pub struct Plain {
    layers: BTreeMap<String, BTreeMap<String, (u64, u64)>>,
    shown_percent: BTreeMap<String, u64>,
}

impl Plain {
    /// The line for an event that is worth one. `at` is the time since the run's begin.
    pub fn line(&mut self, host: &str, event: &Event, at: Duration, color: bool) -> Option<String> {
        let text = match event {
            Event::Stage { text } => text.clone(),
            Event::Done { text } => format!("{} {text}", paint("✓", "32", color)),
            Event::Warning { text } => format!("{} {text}", paint("warning:", "33", color)),
            Event::Pull { image, layer, current, total, .. } => self.pull(image, layer, *current, *total)?,
            Event::HostEnd { changes, units, seconds, error: None, .. } => tally::summary(*changes, units, *seconds)?,
            _ => return None,
        };
        Some(format!("[{:6.1}s] {host}: {text}\n", at.as_secs_f64()))
    }

    fn pull(&mut self, image: &str, layer: &str, current: u64, total: u64) -> Option<String> {
        let layers = self.layers.entry(image.to_owned()).or_default();
        layers.insert(layer.to_owned(), (current, total));
        let (done, all) = layers.values().fold((0, 0), |(done, all), (current, total)| (done + current, all + total));
        let percent = (done * 100).checked_div(all).unwrap_or(0);
        // A line every quarter: enough to see that it moves, not enough to scroll away the plan.
        let shown = self.shown_percent.get(image).copied().unwrap_or(0);
        if percent < shown + 25 || percent >= 100 {
            return None;
        }
        let count = layers.len();
        self.shown_percent.insert(image.to_owned(), percent);
        Some(format!("pulling {image}: {percent} % of {:.0} MB in {count} layers", all as f64 / 1e6))
    }
}

/// The text in a colour, where there may be colours.
pub fn paint(text: &str, code: &str, color: bool) -> String {
    if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}
