//! Where everything that is said goes: to people as lines, to programs as JSON, and to the log of the run.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use camino::Utf8PathBuf;
use serde_json::Value as Json;

use super::diagnostics::{failure, findings};
use super::event::{Event, Failure, RunResult, Sink};
use super::live::Live;
use super::plain::Plain;
use super::plan_text;
use super::run_log::RunLog;
use super::stream::{self, Line};
use super::tally::{self, Tally};
use crate::diagnostic::{Diagnostic, Error};
use crate::plan::Plan;
use crate::vars::Redactor;

/// One call of the program.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The run's id.
    pub run: String,
    /// The command: `install-all`.
    pub command: String,
    /// The words of the command line, without secrets.
    pub line: Vec<String>,
    /// When it began.
    pub started: SystemTime,
    /// The same by a clock that nobody sets.
    pub clock: Instant,
    /// Whether it has a beginning and an end that are told and kept.
    pub is_run: bool,
    /// Where its log goes, if anywhere.
    pub logs: Option<Utf8PathBuf>,
}

/// How it is to be shown.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// No colours, and no lines that move.
    pub no_color: bool,
    /// Events are lines of JSON.
    pub json: bool,
    /// The terminal knows no control characters: `TERM=dumb`.
    pub dumb: bool,
}

/// Standard output and standard error of a command. Results go to the first, what happens meanwhile to
/// the second.
#[derive(Clone)]
pub struct Terminal {
    inner: Arc<Mutex<Inner>>,
    color: bool,
    json: bool,
    moving: bool,
    sources: SourceReader,
}

/// Gives the text of a file that a finding points at, where it may be shown.
pub type SourceReader = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

struct Inner {
    invocation: Invocation,
    /// Between the begin and the end of a run.
    begun: bool,
    log: Option<RunLog>,
    live: Option<Live>,
    plain: Plain,
    tally: Tally,
    redactor: Redactor,
}

impl Terminal {
    /// The process's own. `sources` reads what findings point at.
    pub fn new(invocation: Invocation, style: Style, sources: SourceReader) -> Self {
        let color = !style.no_color && !style.json && std::io::stdout().is_terminal();
        let moving = !style.no_color && !style.json && !style.dumb && std::io::stderr().is_terminal();
        let inner = Inner {
            invocation,
            begun: false,
            log: None,
            live: None,
            plain: Plain::default(),
            tally: Tally::default(),
            redactor: Redactor::default(),
        };
        Self { inner: Arc::new(Mutex::new(inner)), color, json: style.json, moving, sources }
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

    /// An error as text, without the secrets that are known by now.
    pub fn failure(&self, error: &Error) -> String {
        self.inner().redact(&failure(error, self.color))
    }

    /// Writes a result. A reader that went away is no reason to fail.
    pub fn out(&self, text: &str) {
        self.inner().out(text);
    }

    /// Writes a remark.
    pub fn err(&self, text: &str) {
        self.inner().err(text);
    }

    /// Puts another text in the place of the command line, when it is known what of it is secret.
    pub fn describe(&self, line: Vec<String>) {
        self.inner().invocation.line = line;
    }

    /// Has secrets taken out of whatever is said from now on.
    pub fn learn(&self, redactor: &Redactor) {
        self.inner().redactor.extend(redactor);
    }

    /// The begin of a run on these hosts. Later parts of the same run begin nothing.
    pub fn begin(&self, hosts: &[String]) {
        let mut inner = self.inner();
        if inner.begun || !inner.invocation.is_run {
            return;
        }
        inner.begun = true;
        if let Some(logs) = &inner.invocation.logs {
            match RunLog::begin(logs, &inner.invocation.run, inner.invocation.started) {
                Ok(log) => inner.log = Some(log),
                Err(error) => self.without_log(&inner, &error),
            }
        }
        let event = Event::Begin {
            command: inner.invocation.command.clone(),
            line: inner.invocation.line.clone(),
            hosts: hosts.to_vec(),
            homestead: env!("CARGO_PKG_VERSION").to_owned(),
        };
        self.write(&mut inner, None, &event);
        if self.moving {
            inner.live = Some(Live::new(hosts.len(), self.color));
        }
    }

    /// The end of a host's part, which took so long.
    pub fn host_end(&self, host: &str, error: Option<&Error>, took: Duration) {
        let (changes, units) = {
            let mut inner = self.inner();
            if !inner.begun {
                return;
            }
            inner.tally.end(host)
        };
        let exit_code = error.map_or(0, |error| error.kind.exit_code());
        let result = RunResult::of_exit_code(exit_code);
        let seconds = tally::seconds(took);
        let error = error.map(Failure::of);
        self.say(Some(host), Event::HostEnd { result, exit_code, seconds, changes, units, error });
    }

    /// The time since the begin of the run.
    pub fn elapsed(&self) -> Duration {
        self.inner().invocation.clock.elapsed()
    }

    /// The end of the run, if it has begun; gives where its log lies.
    pub fn end(&self, exit_code: u8) -> Option<Utf8PathBuf> {
        let mut inner = self.inner();
        if let Some(mut live) = inner.live.take() {
            live.end();
        }
        if !std::mem::take(&mut inner.begun) {
            return None;
        }
        let log = inner.log.as_ref().map(|log| log.path().to_owned());
        let seconds = tally::seconds(inner.invocation.clock.elapsed());
        let result = RunResult::of_exit_code(exit_code);
        let event = Event::End { result, exit_code, seconds, log: log.as_ref().map(ToString::to_string) };
        self.write(&mut inner, None, &event);
        log
    }

    /// The error that the command ends with, after its end; `log` is what [`Terminal::end`] gave.
    pub fn failed(&self, error: &Error, log: Option<&Utf8PathBuf>) {
        self.say(None, Event::Failed(Failure::of(error)));
        if !self.json {
            self.err(&self.findings(&error.diagnostics));
            self.err(&self.failure(error));
            if let Some(log) = log {
                self.err(&format!("the whole run: {log}\n"));
            }
        }
    }

    /// A plan: with diffs where they are asked for.
    pub fn plan(&self, plan: &Plan, diffs: bool) {
        self.say(Some(&plan.host), Event::Plan { plan: Arc::new(plan.clone()) });
        if !self.json {
            self.out(&plan_text(plan, diffs, self.color));
        }
    }

    /// A sink that writes each event as it comes.
    pub fn sink(&self) -> Sink {
        let terminal = self.clone();
        Arc::new(move |host, event| terminal.say(Some(host), event))
    }

    /// Writes what a command tells in a form of its own, for programs and for the log: an object with further fields.
    /// `name` is one of [`super::OtherEvent`].
    pub fn tell(&self, host: &str, name: &str, fields: &Json) {
        let mut inner = self.inner();
        let at = stream::time(inner.invocation.started + inner.invocation.clock.elapsed());
        let mut line = serde_json::json!({
            "version": stream::VERSION, "run": inner.invocation.run, "at": at, "host": host, "event": name,
        });
        if let (Some(line), Some(fields)) = (line.as_object_mut(), fields.as_object()) {
            line.extend(fields.iter().map(|(name, value)| (name.clone(), inner.redact_json(value))));
        }
        let line = format!("{line}\n");
        if let Some(log) = &mut inner.log
            && let Err(error) = log.add_line(&line)
        {
            inner.log = None;
            self.without_log(&inner, &error);
        }
        if self.json {
            inner.out(&line);
        }
    }

    /// Writes an event to whoever reads along.
    pub fn say(&self, host: Option<&str>, event: Event) {
        let mut inner = self.inner();
        let event = if inner.redactor.is_empty() { event } else { event.map_texts(&|text| inner.redact(text)) };
        self.write(&mut inner, host, &event);
    }

    fn write(&self, inner: &mut Inner, host: Option<&str>, event: &Event) {
        let at = inner.invocation.clock.elapsed();
        let run = inner.invocation.run.clone();
        let line = |event: &Event| {
            let at = stream::time(inner.invocation.started + at);
            Line { version: stream::VERSION, run: &run, at, host, event }.text()
        };
        let (shown, kept) = (line(event), line(&event.without_secrets()));
        if let Some(log) = &mut inner.log
            && let Err(error) = log.add(event, &kept)
        {
            inner.log = None;
            self.without_log(inner, &error);
        }
        if let Some(host) = host {
            inner.tally.add(host, event, at);
        }
        if let Event::Step { step, units } = event {
            tracing::debug!(host, units = units.join(", "), "step {}", step.name());
        }
        if self.json {
            inner.out(&shown);
            return;
        }
        let Some(host) = host else { return };
        match (event, &mut inner.live) {
            (Event::Output { line, .. }, _) => inner.out(&format!("{line}\n")),
            (_, Some(live)) => live.event(host, event, at),
            (_, None) => {
                if let Some(line) = inner.plain.line(host, event, at, self.color) {
                    inner.err(&line);
                }
            }
        }
    }

    /// That nobody can read about a run later is no reason not to do it.
    fn without_log(&self, inner: &Inner, error: &std::io::Error) {
        let folder = inner.invocation.logs.clone().unwrap_or_default();
        let text = format!("this run leaves no log: {folder} cannot be written: {error}");
        if self.json {
            let at = stream::time(inner.invocation.started + inner.invocation.clock.elapsed());
            let event = Event::Warning { text };
            let line = Line { version: stream::VERSION, run: &inner.invocation.run, at, host: None, event: &event }.text();
            inner.out(&line);
        } else {
            inner.err(&format!("warning: {text}\n"));
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn redact(&self, text: &str) -> String {
        self.redactor.redact(text).into_owned()
    }

    fn redact_json(&self, value: &Json) -> Json {
        match value {
            Json::String(text) => Json::String(self.redact(text)),
            Json::Array(items) => items.iter().map(|item| self.redact_json(item)).collect(),
            Json::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), self.redact_json(value))).collect(),
            other => other.clone(),
        }
    }

    fn out(&self, text: &str) {
        self.beside(|| {
            let mut stdout = std::io::stdout().lock();
            let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        });
    }

    fn err(&self, text: &str) {
        self.beside(|| {
            let mut stderr = std::io::stderr().lock();
            let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
        });
    }

    fn beside(&self, write: impl FnOnce()) {
        match &self.live {
            Some(live) => live.beside(write),
            None => write(),
        }
    }
}
