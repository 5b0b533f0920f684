//! Lines for people, as things happen.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::diagnostics::findings;
use super::event::{Event, Sink};
use crate::diagnostic::Diagnostic;

/// Standard output and standard error of a command. Results go to the first, what happens meanwhile to
/// the second.
#[derive(Clone)]
pub struct Terminal {
    inner: Arc<Mutex<Inner>>,
    color: bool,
    json: bool,
    sources: SourceReader,
}

/// Gives the text of a file that a finding points at, where it may be shown.
pub type SourceReader = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

struct Inner {
    started: Instant,
    layers: BTreeMap<String, BTreeMap<String, (u64, u64)>>,
    shown_percent: BTreeMap<String, u64>,
}

impl Terminal {
    /// The process's own. `json`: events are lines of JSON. `sources` reads what findings point at.
    pub fn new(started: Instant, no_color: bool, json: bool, sources: SourceReader) -> Self {
        let color = !no_color && !json && std::io::stdout().is_terminal();
        let inner = Inner { started, layers: BTreeMap::new(), shown_percent: BTreeMap::new() };
        Self { inner: Arc::new(Mutex::new(inner)), color, json, sources }
    }

    /// Whether text may be coloured.
    pub const fn color(&self) -> bool {
        self.color
    }

    /// Whether programs read along.
    pub const fn json(&self) -> bool {
        self.json
    }

    /// Findings with the lines that they are about.
    pub fn findings(&self, diagnostics: &[Diagnostic]) -> String {
        findings(diagnostics, self.color, &*self.sources)
    }

    /// Writes a result. A reader that went away is no reason to fail.
    pub fn out(&self, text: &str) {
        let mut stdout = std::io::stdout().lock();
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }

    /// Writes a remark.
    pub fn err(&self, text: &str) {
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }

    /// A sink that writes each event as it comes.
    pub fn sink(&self) -> Sink {
        let terminal = self.clone();
        Arc::new(move |host, event| terminal.event(host, &event))
    }

    fn event(&self, host: &str, event: &Event) {
        if self.json {
            let mut line = serde_json::json!({"version": 1, "host": host});
            if let (Some(line), Ok(serde_json::Value::Object(event))) = (line.as_object_mut(), serde_json::to_value(event)) {
                line.extend(event);
            }
            self.out(&format!("{line}\n"));
            return;
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = inner.started.elapsed().as_secs_f64();
        let text = match event {
            Event::Stage { text } => format!("[{seconds:6.1}s] {host}: {text}\n"),
            Event::Done { text } => format!("[{seconds:6.1}s] {host}: {} {text}\n", self.paint("✓", "32")),
            Event::Warning { text } => format!("[{seconds:6.1}s] {host}: {} {text}\n", self.paint("warning:", "33")),
            Event::Output { line, .. } => {
                drop(inner);
                self.out(&format!("{line}\n"));
                return;
            }
            Event::Pull { image, layer, current, total, .. } => {
                let layers = inner.layers.entry(image.clone()).or_default();
                layers.insert(layer.clone(), (*current, *total));
                let (done, all) = layers.values().fold((0, 0), |(done, all), (current, total)| (done + current, all + total));
                let percent = (done * 100).checked_div(all).unwrap_or(0);
                // A line every quarter: enough to see that it moves, not enough to scroll away the plan.
                let shown = inner.shown_percent.get(image).copied().unwrap_or(0);
                if percent < shown + 25 || percent >= 100 {
                    return;
                }
                inner.shown_percent.insert(image.clone(), percent);
                let layers = inner.layers.get(image).map_or(0, BTreeMap::len);
                format!("[{seconds:6.1}s] {host}: pulling {image}: {percent} % of {:.0} MB in {layers} layers\n", all as f64 / 1e6)
            }
        };
        drop(inner);
        self.err(&text);
    }

    fn paint(&self, text: &str, code: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
