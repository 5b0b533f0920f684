//! Tries configurations and containers on a host without touching what runs: see `scripts/trial.sh`.

use std::fmt::Write as _;

use super::keys::KEY_FILE_PATH;
use super::observe::check_path;
use super::shell::quote;
use super::{Host, KeyRequest, Output, PushDirectory, PushFile, Script, failed};
use crate::diagnostic::{Error, Kind, Result};

const TRIAL: &str = include_str!("scripts/trial.sh");
const LIBRARY: &str = include_str!("scripts/trial_library.sh");

/// Where what is tried lies, for as long as it is tried.
pub const STAGED: &str = "/var/lib/homestead/staging-check/root";

/// Seconds that a program has to say something.
const LIMIT: &str = "120";

/// What will be other than it is, and what is asked about it.
#[derive(Clone, Debug, Default)]
pub struct Trials {
    /// Folders of configuration that are copied.
    pub copies: Vec<String>,
    /// Folders that will be there.
    pub folders: Vec<PushDirectory>,
    /// Keys that will be made.
    pub keys: Vec<KeyRequest>,
    /// Files that will be written.
    pub files: Vec<PushFile>,
    /// Files that will go.
    pub removed: Vec<String>,
    /// Scripts in the words of `scripts/trial_library.sh`. They run at the same time, as many as there are processors.
    pub jobs: Vec<String>,
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// 0 for good.
    pub status: u32,
    /// The end of what it wrote; may hold secrets.
    pub output: String,
}

/// The script that tries.
///
/// # Errors
/// A path that cannot be.
pub fn trial_script(trials: &Trials) -> Result<Script> {
    let unpackable = |error| Error::new(Kind::Usage, "what is to be checked cannot be packed").caused_by(error);
    let stdin = archive(trials, &prepare(trials)?).map_err(unpackable)?;
    Ok(Script::new(TRIAL, [LIMIT]).stdin(stdin))
}

/// A verdict for each job.
///
/// # Errors
/// What is tried could not be put in place.
pub fn verdicts(host: &dyn Host, trials: &Trials, output: &Output) -> Result<Vec<Verdict>> {
    if output.status != 0 {
        return Err(failed(host, "checking what is new", output));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut verdicts = vec![None; trials.jobs.len()];
    let parts: Vec<&str> = text.split('\u{1e}').collect();
    for part in parts.chunks_exact(3) {
        let slot = part[0].parse().ok().and_then(|number: usize| verdicts.get_mut(number));
        if let (Some(slot), Ok(status)) = (slot, part[1].trim().parse()) {
            *slot = Some(Verdict { status, output: part[2].trim().replace(STAGED, "") });
        }
    }
    let all: Option<Vec<Verdict>> = verdicts.into_iter().collect();
    all.ok_or_else(|| Error::new(Kind::HostFailed, format!("`{}`: checking what is new ended without a result", host.name())))
}

/// The lines of `prepare`.
fn prepare(trials: &Trials) -> Result<String> {
    let mut script = String::new();
    let mut line = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
        let _ = writeln!(script, "{}", words.join(" "));
    };
    for path in &trials.copies {
        check_path(path)?;
        line(&["copy", path]);
    }
    for folder in &trials.folders {
        check_path(&folder.path)?;
        line(&["folder", &folder.mode, &format!("{}:{}", folder.owner, folder.group), &folder.path]);
    }
    for (number, file) in trials.files.iter().enumerate() {
        check_path(&file.path)?;
        line(&["file", &number.to_string(), &file.mode, &format!("{}:{}", file.owner, file.group), &file.path]);
    }
    for key in &trials.keys {
        check_path(&key.path)?;
        // The key's path has no characters that a shell reads in its own way, and neither has the folder's.
        let command = key.command.replace(KEY_FILE_PATH, &format!("{STAGED}{}", key.path));
        line(&["key", &key.mode, &format!("{}:{}", key.owner, key.group), &key.path, &command]);
    }
    for path in &trials.removed {
        check_path(path)?;
        line(&["rm", "-f", "--", &format!("{STAGED}{path}")]);
    }
    Ok(script)
}

fn archive(trials: &Trials, prepare: &str) -> std::io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: String, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        builder.append_data(&mut header, name, bytes)
    };
    add("library".to_owned(), LIBRARY.as_bytes())?;
    add("prepare".to_owned(), prepare.as_bytes())?;
    for (number, job) in trials.jobs.iter().enumerate() {
        add(format!("jobs/{number}"), job.as_bytes())?;
    }
    for (number, file) in trials.files.iter().enumerate() {
        add(format!("new/{number}"), &file.bytes)?;
    }
    builder.into_inner()
}
