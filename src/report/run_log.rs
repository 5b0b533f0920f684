//! What runs leave behind on this machine: one file each, with all their events.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use serde_json::Value as Json;

use super::event::{Event, RunResult};
use crate::diagnostic::{Error, Kind, Result};

/// So many are kept.
const KEPT: usize = 100;
/// And none that is older.
const OLDEST: Duration = Duration::from_hours(90 * 24);

/// The folder of the logs, as the XDG Base Directory Specification has it; nothing without a home.
pub fn folder(environment: &BTreeMap<String, String>) -> Option<Utf8PathBuf> {
    let set = |name: &str| environment.get(name).filter(|value| value.starts_with('/')).map(Utf8PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("homestead/runs"))
}

/// A log that is being written.
pub struct RunLog {
    file: std::fs::File,
    path: Utf8PathBuf,
    /// What each layer of an image did last: its progress within that is left out.
    layers: BTreeMap<(String, String), String>,
}

impl RunLog {
    /// Begins one, and removes old ones.
    ///
    /// # Errors
    /// The folder or file cannot be made.
    pub fn begin(folder: &Utf8Path, run: &str, now: SystemTime) -> std::io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        fs_err::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        let path = folder.join(format!("{run}.jsonl"));
        let file = std::fs::OpenOptions::new().create_new(true).append(true).mode(0o600).open(&path)?;
        prune(folder, now)?;
        Ok(Self { file, path, layers: BTreeMap::new() })
    }

    /// Where it lies.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Adds a line for an event.
    ///
    /// # Errors
    /// The disk is full, or the like.
    pub fn add(&mut self, event: &Event, line: &str) -> std::io::Result<()> {
        if let Event::Pull { image, layer, status, .. } = event {
            let last = self.layers.insert((image.clone(), layer.clone()), status.clone());
            if last.as_ref() == Some(status) {
                return Ok(());
            }
        }
        self.add_line(line)
    }

    /// Adds a line as it is.
    ///
    /// # Errors
    /// As [`RunLog::add`].
    pub fn add_line(&mut self, line: &str) -> std::io::Result<()> {
        self.file.write_all(line.as_bytes())
    }
}

/// The logs, the oldest first: their names begin with the time.
fn files(folder: &Utf8Path) -> std::io::Result<Vec<Utf8PathBuf>> {
    let entries = match folder.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.into_path();
        if path.extension() == Some("jsonl") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn prune(folder: &Utf8Path, now: SystemTime) -> std::io::Result<()> {
    let files = files(folder)?;
    let surplus = files.len().saturating_sub(KEPT);
    for (index, path) in files.iter().enumerate() {
        let age = path.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|changed| now.duration_since(changed).ok());
        if index < surplus || age.is_some_and(|age| age > OLDEST) {
            match std::fs::remove_file(path) {
                // Another run was here first.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                outcome => outcome?,
            }
        }
    }
    Ok(())
}

/// A run of the past.
#[derive(Debug, PartialEq)]
pub struct PastRun {
    /// Its id.
    pub run: String,
    /// When it began.
    pub at: String,
    /// The words of its command line.
    pub line: Vec<String>,
    /// The hosts that it was about.
    pub hosts: Vec<String>,
    /// How it ended and how long it took; nothing where it goes on, or was killed.
    pub end: Option<(RunResult, f64)>,
    /// Its events.
    pub events: Vec<Json>,
}

/// The lines of a log that this program reads; others are passed on.
#[derive(Deserialize)]
struct Begin {
    run: String,
    at: String,
    line: Vec<String>,
    hosts: Vec<String>,
}

#[derive(Deserialize)]
struct End {
    result: RunResult,
    seconds: f64,
}

/// The runs whose logs are kept, the oldest first.
///
/// # Errors
/// The folder or a file cannot be read.
pub fn past(folder: &Utf8Path) -> Result<Vec<PastRun>> {
    let failed = |error: std::io::Error| Error::new(Kind::Usage, format!("the logs in `{folder}` cannot be read")).caused_by(error);
    let mut runs = Vec::new();
    for path in files(folder).map_err(failed)? {
        let file = fs_err::File::open(&path).map_err(failed)?;
        let mut events = Vec::new();
        for line in BufReader::new(file).lines() {
            // A line that a killed run did not finish is none.
            if let Ok(event) = serde_json::from_str::<Json>(&line.map_err(failed)?) {
                events.push(event);
            }
        }
        runs.extend(understood(events));
    }
    // Names tell seconds only.
    runs.sort_by(|one, other| one.at.cmp(&other.at));
    Ok(runs)
}

/// A log without a beginning is no log.
fn understood(events: Vec<Json>) -> Option<PastRun> {
    let named = |name: &str| events.iter().rfind(|event| event["event"] == name).cloned();
    let begin: Begin = serde_json::from_value(named("begin")?).ok()?;
    let end = named("end").and_then(|end| serde_json::from_value::<End>(end).ok());
    let end = end.map(|end| (end.result, end.seconds));
    Some(PastRun { run: begin.run, at: begin.at, line: begin.line, hosts: begin.hosts, end, events })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_kept_and_only_the_owner_reads_them() {
        let home = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(home.path()).unwrap();
        let environment = [("HOME".to_owned(), home.to_string()), ("XDG_STATE_HOME".to_owned(), "relative".to_owned())].into();
        let folder = folder(&environment).unwrap();
        assert_eq!(folder, home.join(".local/state/homestead/runs"));
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(20_000 * 24);
        fs_err::create_dir_all(&folder).unwrap();
        for number in 0..150 {
            let file = fs_err::File::create(folder.join(format!("a{number:03}.jsonl"))).unwrap();
            let days = if number < 120 { 10 } else { 1 };
            file.file().set_modified(now - Duration::from_hours(24 * days)).unwrap();
        }
        let old = fs_err::File::create(folder.join("a149.jsonl")).unwrap();
        old.file().set_modified(now - OLDEST - Duration::from_secs(1)).unwrap();

        let mut log = RunLog::begin(&folder, "b", now).unwrap();
        let kept = files(&folder).unwrap();
        assert_eq!((kept.len(), kept[0].file_name(), kept[98].file_name()), (99, Some("a051.jsonl"), Some("b.jsonl")));
        let mode = |path: &Utf8Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(log.path())), (0o700, 0o600));

        for line in [
            r#"{"event":"begin","run":"b","at":"t","line":["install-all"],"hosts":["h"]}"#,
            r#"{"event":"end","result":"rolled-back","seconds":1.5}"#,
            r#"{"event":"cut of"#,
        ] {
            log.add(&Event::Stage { text: String::new() }, &format!("{line}\n")).unwrap();
        }
        let runs = past(&folder).unwrap();
        assert_eq!(runs.len(), 1, "empty files are no logs");
        assert_eq!((runs[0].end, runs[0].events.len()), (Some((RunResult::RolledBack, 1.5)), 2));
    }

    #[test]
    fn the_progress_of_a_layer_is_kept_by_its_steps() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let mut log = RunLog::begin(folder, "r", SystemTime::UNIX_EPOCH).unwrap();
        for (status, current) in [("Downloading", 1), ("Downloading", 2), ("Extracting", 1)] {
            let event = Event::Pull { image: "i".into(), layer: "l".into(), status: status.into(), current, total: 2 };
            log.add(&event, &format!("{status} {current}\n")).unwrap();
        }
        assert_eq!(fs_err::read_to_string(log.path()).unwrap(), "Downloading 1\nExtracting 1\n");
    }
}
