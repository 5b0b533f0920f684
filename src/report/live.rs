//! Lines that move while hosts are worked on, on a terminal. What is finished scrolls up; what goes on stands below
//! it with its time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::event::{Event, RunStep};
use super::plain::paint;
use super::tally;

/// With more hosts than this each has one line, whatever its services do.
const DETAILED_HOSTS: usize = 3;

/// The lines that move on this process's terminal: it has one, so there is one of these.
static SCREEN: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Asks a question while nothing moves; questions wait for each other.
pub fn aside<T>(ask: impl FnOnce() -> T) -> T {
    let screen = SCREEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bars) = &*screen {
        // A terminal that cannot be cleared can still be asked on.
        let _ = bars.clear();
        bars.set_draw_target(ProgressDrawTarget::hidden());
    }
    let answer = ask();
    if let Some(bars) = &*screen {
        bars.set_draw_target(ProgressDrawTarget::stderr());
    }
    answer
}

/// The moving lines.
pub struct Live {
    bars: MultiProgress,
    hosts: BTreeMap<String, HostLines>,
    color: bool,
    /// Whether each service has a line of its own.
    detailed: bool,
}

/// The lines of one host.
struct HostLines {
    stage: ProgressBar,
    begun: Duration,
    units: BTreeMap<String, (ProgressBar, Duration)>,
    layers: BTreeMap<String, (u64, u64)>,
    image: String,
    /// What the next `done` only repeats.
    said: Option<String>,
}

impl Live {
    /// On standard error.
    pub fn new(hosts: usize, color: bool) -> Self {
        let live = Self::on(ProgressDrawTarget::stderr(), hosts, color);
        *SCREEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(live.bars.clone());
        live
    }

    fn on(target: ProgressDrawTarget, hosts: usize, color: bool) -> Self {
        Self { bars: MultiProgress::with_draw_target(target), hosts: BTreeMap::new(), color, detailed: hosts <= DETAILED_HOSTS }
    }

    /// Does `write` while the moving lines are away.
    pub fn beside(&self, write: impl FnOnce()) {
        self.bars.suspend(write);
    }

    /// Shows an event. `at` is the time since the run's begin.
    pub fn event(&mut self, host: &str, event: &Event, at: Duration) {
        let color = self.color;
        match event {
            Event::Stage { text } => {
                let lines = self.host(host, at);
                lines.begun = at;
                lines.layers.clear();
                lines.stage.reset_elapsed();
                lines.stage.set_message(text.clone());
            }
            Event::Pull { image, layer, current, total, .. } => {
                let lines = self.host(host, at);
                if lines.image != *image {
                    lines.image.clone_from(image);
                    lines.layers.clear();
                }
                lines.layers.insert(layer.clone(), (*current, *total));
                lines.stage.set_message(pulling(image, &lines.layers));
            }
            Event::Step { step: RunStep::Restart, units } => {
                for unit in units {
                    self.unit(host, unit, "starting", at);
                }
            }
            Event::Step { step: RunStep::Health, units } => {
                for unit in units {
                    self.unit(host, unit, "waiting for health", at);
                }
            }
            Event::Healthy { unit } => {
                let lines = self.host(host, at);
                let took = lines.units.remove(unit).map_or(lines.begun, |(bar, since)| {
                    bar.finish_and_clear();
                    since
                });
                let text = format!("{unit} is healthy");
                lines.said = Some(text.clone());
                let line = finished(host, &text, at.saturating_sub(took), color);
                self.say(&line);
            }
            Event::Done { text } => {
                let lines = self.host(host, at);
                if lines.said.take().as_ref() == Some(text) {
                    return;
                }
                let took = at.saturating_sub(lines.begun);
                lines.begun = at;
                lines.stage.set_message(String::new());
                let line = finished(host, text, took, color);
                self.say(&line);
            }
            Event::Warning { text } => self.say(&format!("{} {host}: {text}", paint("warning:", "33", color))),
            Event::HostEnd { changes, units, seconds, error, .. } => {
                if let Some(lines) = self.hosts.remove(host) {
                    lines.clear();
                }
                if let Some(text) = tally::summary(*changes, units, *seconds).filter(|_| error.is_none()) {
                    self.say(&format!("{host}: {text}"));
                }
            }
            _ => {}
        }
    }

    /// Takes the moving lines away.
    pub fn end(&mut self) {
        for lines in std::mem::take(&mut self.hosts).into_values() {
            lines.clear();
        }
    }

    fn host(&mut self, host: &str, at: Duration) -> &mut HostLines {
        let bars = &self.bars;
        self.hosts.entry(host.to_owned()).or_insert_with(|| HostLines {
            stage: line(bars.add(ProgressBar::new_spinner()), host, false),
            begun: at,
            units: BTreeMap::new(),
            layers: BTreeMap::new(),
            image: String::new(),
            said: None,
        })
    }

    fn unit(&mut self, host: &str, unit: &str, what: &str, at: Duration) {
        if !self.detailed {
            return;
        }
        let bars = self.bars.clone();
        let lines = self.host(host, at);
        let (bar, _) = lines.units.entry(unit.to_owned()).or_insert_with(|| {
            let bar = bars.insert_after(&lines.stage, ProgressBar::new_spinner());
            (line(bar, unit, true), at)
        });
        bar.set_message(what.to_owned());
    }

    /// A line that stays.
    fn say(&self, text: &str) {
        // On a terminal that went away there is nobody to tell.
        let _ = self.bars.println(text);
    }
}

impl HostLines {
    fn clear(self) {
        for (bar, _) in self.units.values() {
            bar.finish_and_clear();
        }
        self.stage.finish_and_clear();
    }
}

/// A moving line: a sign that it moves, whose it is, what goes on, and for how long.
fn line(bar: ProgressBar, name: &str, indented: bool) -> ProgressBar {
    let indent = if indented { "  " } else { "" };
    let template = format!("{indent}{{spinner}} {{prefix}}  {{wide_msg}} {{elapsed:>4}} ");
    // The template is a text of ours; were it wrong, the plain look would do.
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = bar.with_prefix(name.to_owned()).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// `✓ matrix.example.com: 8 images pulled  12 s`
fn finished(host: &str, text: &str, took: Duration, color: bool) -> String {
    format!("{} {host}: {text}  {}", paint("✓", "32", color), paint(&tally::for_people(took.as_secs_f64()), "2", color))
}

/// `pulling docker.io/traefik:v3.7.6  12 of 48 MB`
fn pulling(image: &str, layers: &BTreeMap<String, (u64, u64)>) -> String {
    let (done, all) = layers.values().fold((0, 0), |(done, all), (current, total)| (done + current, all + total));
    if all == 0 {
        return format!("pulling {image}");
    }
    format!("pulling {image}  {:.0} of {:.0} MB", done as f64 / 1e6, all as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_line_has_its_duration_and_a_pull_its_bytes() {
        let line = finished("matrix.example.com", "8 images pulled", Duration::from_millis(12_300), false);
        assert_eq!(line, "✓ matrix.example.com: 8 images pulled  12 s");
        let mut layers = BTreeMap::new();
        assert_eq!(pulling("traefik:v3", &layers), "pulling traefik:v3");
        layers.insert("a".to_owned(), (2_000_000, 40_000_000));
        layers.insert("b".to_owned(), (10_000_000, 10_000_000));
        assert_eq!(pulling("traefik:v3", &layers), "pulling traefik:v3  12 of 50 MB");
    }

    #[test]
    fn services_have_lines_until_they_are_healthy_and_many_hosts_have_one_each() {
        let units = vec!["a.service".to_owned(), "b.service".to_owned()];
        for (hosts, expected) in [(1, 2), (4, 0)] {
            let mut live = Live::on(ProgressDrawTarget::hidden(), hosts, false);
            live.event("h", &Event::Step { step: RunStep::Restart, units: units.clone() }, Duration::from_secs(1));
            live.event("h", &Event::Stage { text: "starting".into() }, Duration::from_secs(1));
            assert_eq!(live.hosts["h"].units.len(), expected);
            live.event("h", &Event::Healthy { unit: "a.service".into() }, Duration::from_secs(4));
            assert_eq!(live.hosts["h"].units.len(), expected.saturating_sub(1));
            // The text that says the same again is passed over, once.
            assert_eq!(live.hosts["h"].said.as_deref(), Some("a.service is healthy"));
            live.event("h", &Event::Done { text: "a.service is healthy".into() }, Duration::from_secs(4));
            assert_eq!(live.hosts["h"].said, None);
            live.end();
            assert!(live.hosts.is_empty());
        }
    }
}
