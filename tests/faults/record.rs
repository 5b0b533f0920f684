//! What is kept of each case, so that a full run may be cut off and gone on with, and a case that failed is run again alone.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::survive::Result;
use crate::table;

/// What the page says of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The name of the case.
    pub name: String,
    /// How the run that was disturbed ended, in words.
    pub ended: String,
    /// Whether the server served all the time, or when it did again.
    pub served: String,
    /// What the next run said of it.
    pub said: String,
    /// Whether nothing was lost.
    pub good: bool,
    /// For how long the case took its host.
    pub seconds: f64,
}

/// The records of a seed, a line each in the target folder; the last one of a case counts.
pub struct Records {
    path: PathBuf,
    writing: Mutex<()>,
}

impl Records {
    pub fn of(seed: u64) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        std::fs::create_dir_all(&folder).unwrap();
        Self { path: folder.join(format!("faults-{seed}.jsonl")), writing: Mutex::default() }
    }

    /// Forgets all of them.
    pub fn begin(&self) {
        std::fs::write(&self.path, "").unwrap();
    }

    pub fn keep(&self, result: &Result) {
        let record = Record {
            name: result.case.name(),
            ended: table::ended(result.code).to_owned(),
            served: table::served(result),
            said: result.said.clone(),
            good: result.problems.is_empty(),
            seconds: result.took.as_secs_f64(),
        };
        let _turn = self.writing.lock().unwrap();
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&self.path).unwrap();
        writeln!(file, "{}", serde_json::to_string(&record).unwrap()).unwrap();
    }

    /// By the name of the case.
    pub fn all(&self) -> BTreeMap<String, Record> {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        // A line that was cut off with the run that wrote it is none.
        text.lines().filter_map(|line| serde_json::from_str::<Record>(line).ok()).map(|record| (record.name.clone(), record)).collect()
    }
}
